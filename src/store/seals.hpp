// capeai.audit_seals, and the events they are made from. The worker writes them;
// each function runs in the caller's transaction, as the extension's owner.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "policy/audit_chain.hpp"

namespace capeai::store {

// The last one, and the ids that were open then.
struct LastSeal {
  policy::Seal seal;
  std::vector<policy::IdRange> open;
};
std::optional<LastSeal> FindLastSeal();
// By seq, after `after`; at most `limit`.
std::vector<policy::Seal> LoadSeals(int64_t after, int limit);

// The leaves of events with ids from `first` on, at most `limit`, and of those in
// `more`, as they stand in a seal.
std::string LeavesFrom(int64_t first, int limit, const std::vector<policy::IdRange>& more);
// The same of all events with ids in `range` or among `ids`.
std::string LeavesOf(const policy::IdRange& range, const std::vector<int64_t>& ids);
// When the oldest event after `id` was written.
std::optional<WallTime> OldestAfter(int64_t id);
// When the newest of these was written; nothing if none is there.
std::optional<WallTime> NewestOf(const std::vector<int64_t>& ids);

void InsertSeal(const policy::Seal& seal, const std::vector<policy::IdRange>& open);
// For retention: the one way by which anything goes.
void DeleteSealed(int64_t up_to_seq, const std::vector<int64_t>& events);
// Whether DeleteSealed() runs just now, in this process.
bool RetentionRuns();

}  // namespace capeai::store
