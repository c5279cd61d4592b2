#include "api/ask_client.hpp"

#include <algorithm>

#include "pg/guard.hpp"
#include "pg/process.hpp"
#include "pg/shared.hpp"
#include "pg/wake.hpp"

namespace capeai::api {
namespace {

// The worker ends an ask itself when its time is over; this much later we do not
// rely on it any more.
constexpr Duration kGrace = std::chrono::seconds(2);
// How often a worker that may be gone is looked for while nothing arrives.
constexpr Duration kLookInterval = std::chrono::milliseconds(500);

}  // namespace

AskClient& AskClient::Session() {
  static auto* client = new AskClient;   // as long as the process; nothing to destroy at its end
  return *client;
}

bool AskClient::WorkerIsSame() const {
  const pg::WorkerSlot& slot = pg::SharedMemory()->workers[slot_];
  return slot.pid.load() != 0 && slot.incarnation_lo.load() == incarnation_;
}

void AskClient::Connect() {
  if (channel_ && (!Receive() || !WorkerIsSame())) Disconnect();
  if (channel_) return;
  std::string why_not, hint;
  if (!pg::WorkerAvailable(&why_not, &hint)) pg::Raise(sqlstate::kNotInPrerequisiteState, why_not, hint);
  slot_ = pg::SlotOfDatabase(pg::ThisDatabase());
  incarnation_ = pg::SharedMemory()->workers[slot_].incarnation_lo.load();
  channel_ = pg::Channel::Open();
  pg::PostOf(pg::ThisProc()).channel.store(channel_->handle());
}

void AskClient::Disconnect() noexcept {
  if (!channel_) return;
  pg::PostOf(pg::ThisProc()).channel.store(0);
  channel_.reset();
}

void AskClient::Announce() {
  pg::RaiseAttention(slot_, pg::ThisProc());
  pg::SetLatchOf(pg::SharedMemory()->workers[slot_].proc.load());
}

uint32_t AskClient::Send(AskRequest request) {
  Connect();
  request.number = ++last_number_;
  try {
    channel_->Send(request.Encode());
  } catch (...) {
    Disconnect();
    throw;
  }
  open_[request.number];
  Announce();
  return request.number;
}

bool AskClient::Receive() {
  std::string text;
  while (true) {
    const auto state = channel_->Receive(&text);
    if (state == pg::Channel::State::kGone) return false;
    if (state == pg::Channel::State::kNothing) return channel_->Flush();
    auto reply = AskReply::Decode(text);
    if (!reply) continue;
    // What is not waited for any more was dropped.
    const auto found = open_.find(reply->number);
    if (found != open_.end()) found->second.push_back(std::move(*reply));
  }
}

AskReply AskClient::Wait(uint32_t number, MonoTime deadline) {
  while (true) {
    const bool alive = channel_ && Receive() && WorkerIsSame();
    const auto found = open_.find(number);
    if (found != open_.end() && !found->second.empty()) {
      AskReply reply = std::move(found->second.front());
      found->second.pop_front();
      return reply;
    }
    if (!alive) {
      Disconnect();
      pg::Raise(sqlstate::kConnectionFailure, "the capeai worker ended while it worked on this",
                "It starts again by itself: try again.");
    }
    const Duration left = deadline - MonoNow();
    if (left.count() <= 0)
      pg::Raise(sqlstate::kQueryCanceled, "the timeout of the question passed", "Allow more with the timeout argument.");
    pg::WaitInBackend(std::min(left, kLookInterval));
  }
}

void AskClient::Drop(uint32_t number) noexcept {
  if (open_.erase(number) == 0 || !channel_) return;
  try {
    channel_->Send(AskCancel{number}.Encode());
    Announce();
  } catch (...) {
    Disconnect();
  }
}

PendingAsk::PendingAsk(AskRequest request) : number_(0), deadline_(MonoNow() + request.timeout + kGrace) {
  number_ = AskClient::Session().Send(std::move(request));
}

PendingAsk::~PendingAsk() { AskClient::Session().Drop(number_); }

AskReply PendingAsk::Next() {
  AskReply reply = AskClient::Session().Wait(number_, deadline_);
  if (reply.kind == AskReply::Kind::kError) pg::Raise(reply.error);
  return reply;
}

}  // namespace capeai::api
