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
// More than this is not sent before the worker has read of it.
constexpr size_t kFullBytes = 256 * 1024;

[[noreturn]] void RaiseWorkerEnded() {
  pg::Raise(sqlstate::kConnectionFailure, "the capeai worker ended while it worked on this",
            "It starts again by itself: try again.");
}

bool IsLast(const AskReply& reply) {
  return reply.kind == AskReply::Kind::kAnswer || reply.kind == AskReply::Kind::kError;
}

}  // namespace

AskClient& AskClient::Session() {
  static auto* client = new AskClient;  // as long as the process; nothing to destroy at its end
  return *client;
}

bool AskClient::WorkerIsSame() const {
  const pg::WorkerSlot& slot = pg::SharedMemory()->workers[slot_];
  return slot.pid.load() != 0 && slot.incarnation_lo.load() == incarnation_;
}

void AskClient::Connect() {
  Receive();
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
  for (auto& [number, request] : open_) request.lost = true;
}

// A message cut in the middle makes the channel useless, so that everything that
// goes wrong here ends the connection.
void AskClient::Post(std::string message) {
  try {
    channel_->Send(std::move(message));
  } catch (...) {
    Disconnect();
    throw;
  }
  pg::RaiseAttention(slot_, pg::ThisProc());
  pg::SetLatchOf(pg::SharedMemory()->workers[slot_].proc.load());
}

uint32_t AskClient::Send(AskRequest request) {
  Connect();
  while (channel_->outbox_bytes() > kFullBytes) {
    pg::WaitInBackend(kLookInterval);
    Connect();
  }
  request.number = ++last_number_;
  Post(request.Encode());
  open_[request.number];
  return request.number;
}

void AskClient::Receive() {
  if (!channel_) return;
  std::string text;
  bool gone = !WorkerIsSame();
  try {
    pg::Channel::State state;
    while ((state = channel_->Receive(&text)) == pg::Channel::State::kMessage)
      if (auto reply = AskReply::Decode(text)) Deliver(std::move(*reply));
    gone = gone || state == pg::Channel::State::kGone || !channel_->Flush();
  } catch (...) {
    Disconnect();
    throw;
  }
  if (gone) Disconnect();
}

void AskClient::Deliver(AskReply reply) {
  const auto found = open_.find(reply.number);
  if (found == open_.end()) return;  // it was dropped
  std::deque<AskReply>& replies = found->second.replies;
  // What was cancelled, timed out or begins again has no use for text that nobody has read.
  const bool void_text =
      reply.kind == AskReply::Kind::kReset ||
      (reply.kind == AskReply::Kind::kError && reply.error.sqlstate == sqlstate::kQueryCanceled);
  if (void_text) {
    uint64_t cost = 0;
    for (const AskReply& unread : replies)
      if (unread.kind == AskReply::Kind::kDelta) cost += DeltaCost(unread.text);
    replies.clear();
    if (cost > 0 && reply.kind == AskReply::Kind::kReset) Post(AskCredit{reply.number, cost}.Encode());
  }
  replies.push_back(std::move(reply));
}

std::optional<AskReply> AskClient::Take(uint32_t number) {
  Receive();
  const auto found = open_.find(number);
  if (found == open_.end()) return std::nullopt;
  if (found->second.replies.empty()) {
    if (found->second.lost) RaiseWorkerEnded();
    return std::nullopt;
  }
  AskReply reply = std::move(found->second.replies.front());
  found->second.replies.pop_front();
  if (IsLast(reply)) open_.erase(found);
  return reply;
}

AskReply AskClient::Wait(uint32_t number, MonoTime deadline) {
  while (true) {
    if (auto reply = Take(number)) return std::move(*reply);
    const Duration left = deadline - MonoNow();
    if (left.count() <= 0)
      pg::Raise(sqlstate::kQueryCanceled, "the timeout of the question passed",
                "Allow more with the timeout argument.");
    pg::WaitInBackend(std::min(left, kLookInterval));
  }
}

void AskClient::Found(const AskFound& found) {
  const auto entry = open_.find(found.number);
  if (entry == open_.end() || entry->second.lost || !channel_) return;
  Post(found.Encode());
}

void AskClient::Credit(uint32_t number, std::string_view text) {
  const auto found = open_.find(number);
  if (found == open_.end() || found->second.lost || !channel_) return;
  Post(AskCredit{number, DeltaCost(text)}.Encode());
}

void AskClient::Drop(uint32_t number, const Error* error) noexcept {
  const auto found = open_.find(number);
  if (found == open_.end()) return;
  const bool lost = found->second.lost || !channel_;
  open_.erase(found);
  if (lost) return;
  try {
    AskFound nothing;
    nothing.number = number;
    if (error) nothing.error = *error;
    Post(error ? nothing.Encode() : AskCancel{number}.Encode());
  } catch (const std::exception&) {
    // The connection has ended, and with it the request.
  }
}

PendingAsk::PendingAsk(AskRequest request) : number_(0), deadline_(MonoNow() + request.timeout + kGrace) {
  number_ = AskClient::Session().Send(std::move(request));
}

PendingAsk::~PendingAsk() { AskClient::Session().Drop(number_); }

void PendingAsk::Search(const std::function<AskFound()>& search) {
  try {
    AskFound found = search();
    found.number = number_;
    AskClient::Session().Found(found);
  } catch (const pg::PgError& e) {
    // A cancelled statement is a cancelled ask.
    if (e.error().sqlstate != sqlstate::kQueryCanceled) AskClient::Session().Drop(number_, &e.error());
    throw;
  }
}

AskReply PendingAsk::Next() {
  AskReply reply = AskClient::Session().Wait(number_, deadline_);
  if (reply.kind == AskReply::Kind::kError) pg::Raise(reply.error);
  return reply;
}

std::optional<AskReply> PendingAsk::Take(bool wait) {
  if (wait) return AskClient::Session().Wait(number_, deadline_);
  return AskClient::Session().Take(number_);
}

}  // namespace capeai::api
