#include "worker/retrieval.hpp"

#include <algorithm>

#include "pg/guard.hpp"
#include "pg/process.hpp"
#include "worker/helper_slots.hpp"

namespace capeai::worker {
namespace {

// A helper that was started must answer within this time, or is started anew.
constexpr Duration kStartLimit = std::chrono::seconds(10);
constexpr Duration kRetryPause = std::chrono::milliseconds(200);
// After a helper's end, while another database waits for its slot: time to take it.
constexpr Duration kStandBack = std::chrono::milliseconds(500);
// A search that took its helper down so often is given up.
constexpr int kMaxTries = 3;

}  // namespace

uint32_t Retrieval::Start(unsigned owner, const Uuid& task, SearchRequest request, Slot<SearchReply>& slot,
                          std::function<void()> done) {
  RetrievalRequest message;
  message.number = ++last_number_;
  message.owner = owner;
  message.task_id = task;
  message.search = std::move(request);
  waiting_.emplace(message.number, Waiting{&slot, std::move(done), message.Encode(), false, 0});
  unsent_.push_back(message.number);
  return message.number;
}

void Retrieval::Forget(uint32_t number) { waiting_.erase(number); }

std::optional<MonoTime> Retrieval::due() const {
  if (waiting_.empty()) return std::nullopt;
  if (!channel_) return retry_at_;
  if (!heard_) return started_at_ + kStartLimit;
  if (!unsent_.empty()) return MonoTime{};
  return std::nullopt;
}

void Retrieval::Poll(MonoTime now) {
  if (channel_) {
    std::string message;
    pg::Channel::State state;
    while ((state = channel_->Receive(&message)) == pg::Channel::State::kMessage) {
      heard_ = true;
      auto reply = RetrievalReply::Decode(message);
      if (!reply) continue;
      if (reply->error)
        Answer(reply->number, SearchReply(std::move(*reply->error)));
      else
        Answer(reply->number, SearchReply(std::move(reply->passages)));
    }
    const bool late = !heard_ && !waiting_.empty() && now > started_at_ + kStartLimit;
    if (state == pg::Channel::State::kGone || late || !channel_->Flush()) LoseHelper(now);
  }
  if (waiting_.empty()) return;
  EnsureHelper(now);
  if (channel_ && heard_) SendWaiting();
}

void Retrieval::Answer(uint32_t number, SearchReply reply) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  Waiting waiting = std::move(found->second);
  waiting_.erase(found);
  waiting.done();
  waiting.slot->Set(std::move(reply));
}

void Retrieval::EnsureHelper(MonoTime now) {
  if (channel_ || now < retry_at_) return;
  retry_at_ = now + kRetryPause;
  slot_ = ReserveHelper(pg::ThisDatabase(), now);
  if (!slot_) return;
  try {
    auto channel = pg::Channel::Open();
    const auto result = pg::StartProcess("capeai helper", "capeai_helper_main", pg::ThisDatabase(),
                                         static_cast<int>(channel->handle()));
    if (result == pg::StartResult::kStarted) {
      channel_ = std::move(channel);
      started_at_ = now;
      heard_ = false;
      return;
    }
  } catch (const pg::PgError& e) {
    pg::LogError("starting the helper", e.error());
  }
  GiveBackHelper(*slot_);
}

void Retrieval::SendWaiting() {
  while (!unsent_.empty()) {
    const auto found = waiting_.find(unsent_.front());
    unsent_.pop_front();
    if (found == waiting_.end()) continue;
    found->second.sent = true;
    channel_->Send(found->second.message);
  }
}

void Retrieval::LoseHelper(MonoTime now) {
  channel_.reset();
  GiveBackHelper(*slot_);
  retry_at_ = HelperWanted(now) ? now + kStandBack : now;
  unsent_.clear();
  for (const auto& [number, waiting] : waiting_) unsent_.push_back(number);
  std::sort(unsent_.begin(), unsent_.end());
  // Searches run one after the other: the first that was sent is the one that it was working on.
  const auto first =
      std::find_if(unsent_.begin(), unsent_.end(), [&](uint32_t n) { return waiting_.at(n).sent; });
  if (first == unsent_.end()) return;
  const uint32_t number = *first;
  for (uint32_t n : unsent_) waiting_.at(n).sent = false;
  if (++waiting_.at(number).tries < kMaxTries) return;
  unsent_.erase(first);
  Answer(number,
         SearchReply(Error{sqlstate::kNotInPrerequisiteState, "the search ended its process", "", ""}));
}

}  // namespace capeai::worker
