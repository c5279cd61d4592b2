// Retrieval for queued tasks, from the worker's side: starts the helper process
// when there is something to search, sends it searches, and passes the results
// on. The worker itself never runs a user's SQL.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>

#include "agent/ask.hpp"
#include "base/coroutine.hpp"
#include "pg/channel.hpp"
#include "pg/shared.hpp"

namespace capeai::worker {

class Retrieval {
 public:
  // Begins a search as `owner`; `slot` hears of it unless Forget() comes first.
  // `done` is called just before.
  uint32_t Start(unsigned owner, const Uuid& task, SearchRequest request, Slot<SearchReply>& slot,
                 std::function<void()> done);
  void Forget(uint32_t number);

  // Reads what the helper sent; starts or replaces the helper where needed. At
  // every turn of the loop in which something may have happened.
  void Poll(MonoTime now);
  // When Poll() must be called at the latest although nothing was heard.
  std::optional<MonoTime> due() const;
  bool idle() const { return waiting_.empty(); }

 private:
  struct Waiting {
    Slot<SearchReply>* slot;
    std::function<void()> done;
    std::string message;  // sent again when the helper had to be replaced
    bool sent = false;
    int tries = 0;
  };
  void EnsureHelper(MonoTime now);
  void SendWaiting();
  void LoseHelper(MonoTime now);
  void Answer(uint32_t number, SearchReply reply);

  uint32_t last_number_ = 0;
  std::unordered_map<uint32_t, Waiting> waiting_;
  std::deque<uint32_t> unsent_;
  std::unique_ptr<pg::Channel> channel_;
  pg::HelperSlot* slot_ = nullptr;  // reserved for the helper at the other end
  MonoTime started_at_{};
  MonoTime retry_at_{};
  bool heard_ = false;  // the helper has answered since it was started
};

}  // namespace capeai::worker
