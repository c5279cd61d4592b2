// What the worker claims and when: it knows the lanes of the queue, what is in
// flight, and the limits. Fair between owners (policy/share.hpp decides), and
// flat: it remembers where it is in each lane, so that neither many waiting
// tasks nor the dead rows that another session's old snapshot keeps cost
// anything at every claim.
//
// Runs inside the tick's transaction, but for what says otherwise.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "base/uuid.hpp"
#include "policy/share.hpp"
#include "store/claim.hpp"
#include "store/limits.hpp"
#include "worker/model_gateway.hpp"
#include "worker/work.hpp"

namespace capeai::worker {

class Claimer {
 public:
  // --- at any time, without a transaction

  // Attempts begin and end.
  void Begin(const Work& work);
  void End(const Work& work);
  // Takes from `waiting`, asks in the order in which they came, those that the
  // limits have room for, with what has begun by then.
  std::vector<Work> TakeAsks(std::deque<Work>& waiting, const ModelGateway& models, MonoTime now) const;

  // Limits are to be read again at the next claim.
  void LimitsChanged() { limits_known_ = false; }
  // Something may be in the queue that was not: look at all of it.
  void QueueChanged();
  // The transaction of the last claim was undone.
  void Forget();

  // Who submits must not wait for another's long batch: true while several owners submit.
  bool several_owners() const { return mixed_until_ > MonoNow(); }

  // Something was due that a limit held back: worth another claim once
  // something has ended.
  bool held() const { return held_; }

  // --- inside a transaction

  // And prices, and with new budgets what the day has used of them.
  void LoadLimits(const Uuid& installation, ModelGateway& models);

  struct Claimed {
    std::vector<store::ClaimedTask> tasks;
    bool more = false;             // there was more than fitted
    std::optional<MonoTime> next;  // when there may be something, even if nobody says so
  };
  // `free`: how many more may run, of `most` in all; `batch`: at most so many at once.
  struct Slots {
    int free, most, batch;
  };
  Claimed Claim(const Uuid& installation, const Uuid& worker, MonoTime now, Slots slots,
                const ModelGateway& models);

 private:
  void List(const Uuid& installation, MonoTime now);
  // What is due and has no budget any more waits for the next day.
  void Defer(const Uuid& installation, WallTime now, const ModelGateway& models);
  // Moves on in the lanes, and finds which of them are dry. What was claimed.
  void MoveOn(const policy::Shares& shares, const std::vector<store::ClaimedTask>& tasks);
  void LoadBudgets(const Uuid& installation, policy::DailyLimits daily, ModelGateway& models);
  int Reserve(MonoTime now, int most);
  std::optional<WallTime> NextDue(WallTime now) const;
  bool AnyDue(WallTime now) const;
  policy::Sendable SendableNow(WallTime wall, MonoTime now, const ModelGateway& models, Duration* wait) const;

  policy::InFlight in_flight_;
  policy::KindLimits limits_;
  bool limits_known_ = false;
  std::vector<store::PriceRow> prices_;

  std::vector<policy::Lane> lanes_;         // where to go on in each
  std::optional<policy::Lane> window_end_;  // of lanes too many to know all at once
  bool stale_ = true;                       // lanes_ may lack something
  MonoTime next_list_{};                    // a walk that was slow is not repeated before
  bool held_ = false;

  std::unordered_map<unsigned, uint64_t> served_;  // see policy::ShareInput
  std::unordered_map<unsigned, MonoTime> seen_;    // owners who had something to run
  unsigned last_owner_ = 0;
  MonoTime mixed_until_{};  // when several owners will not have been seen for a while
  uint64_t turn_ = 0;
};

}  // namespace capeai::worker
