// Seals the audit trail: behind the writers, in transactions of its own, many
// events to a link. It keeps where the chain ends, so that a chain that was cut
// or replaced while the worker runs is found out, and tells the server's log.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "pg/shared.hpp"
#include "policy/audit_chain.hpp"

namespace capeai::worker {

class AuditSealer {
 public:
  explicit AuditSealer(pg::WorkerSlot& slot) : slot_(slot) {}

  // At start and after a reload: reads capeai.audit_key_file.
  void ReadKey();
  // Something may have been written: there is something to do soon.
  void Expect(MonoTime now);
  // When to call Seal(); nothing: nothing to do.
  std::optional<MonoTime> due() const { return due_; }
  // A transaction of its own. `busy`: tasks wait for this process.
  void Seal(MonoTime now, bool busy);

 private:
  void SealInTransaction(MonoTime now, bool busy);
  void FindEnd();
  // Fills in what retention takes; true if it took anything.
  bool Prune(policy::Seal& link);
  void TakeNew(policy::Seal& link, int most);
  void Publish(MonoTime now);

  pg::WorkerSlot& slot_;
  std::string key_, key_problem_;
  std::optional<MonoTime> due_;
  MonoTime next_log_{};

  // The end of the chain as this process knows it; seq 0: there is none yet.
  bool known_ = false;
  int64_t seq_ = 0, event_id_ = 0;
  std::string hash_;

  // Ids without an event: of transactions that have not ended, or were rolled
  // back. They are looked at until none is left of the transactions that might bring them.
  std::vector<policy::IdRange> open_;
  std::optional<std::vector<uint64_t>> writers_;  // that might bring open_; nothing: not asked yet
  std::vector<policy::IdRange> open_next_;        // found since
  bool more_ = false;                             // there is more to do than was done
};

}  // namespace capeai::worker
