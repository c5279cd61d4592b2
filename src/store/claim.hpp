// Claiming: what waits in the queue, by lanes (policy/share.hpp), and taking from
// them. Each function runs inside the worker's transaction, as the extension's
// owner, with its tables locked (LockWorkTables).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "base/uuid.hpp"
#include "policy/share.hpp"

namespace capeai::store {

struct ClaimedTask {
  Uuid id;
  Uuid agent_id;
  Uuid agent_version_id;
  unsigned owner = 0;
  std::string user_id;
  int priority = 0;
  int attempt = 0;
  int failures = 0;
  int crash_count = 0;
  int max_attempts = 3;
  std::optional<WallTime> deadline;
  WallTime run_at;
  std::string input;  // as base/json_tokens.hpp has it
  std::string model;
  std::string options;  // the same
  bool stream = false;
  std::optional<Uuid> conversation;
  int64_t place = 0;  // the row's address, as AttemptEnd has it
};

// The lanes of queued tasks of this installation, best first: by priority, owner,
// agent and model. At most `limit`, from the one after `after` (nullptr: the
// first). run_at and id are of the first task in each, due or not.
std::vector<policy::Lane> ListLanes(const Uuid& installation, const policy::Lane* after, int limit);

// Claims due tasks: `shares` of `lanes`, from where those stand. Each task gets
// attempt + 1, status running, our incarnation, and its audit row. By priority,
// then run_at. Tasks that somebody holds locked are passed over.
std::vector<ClaimedTask> Claim(const Uuid& installation, const Uuid& worker, WallTime now,
                               const std::vector<policy::Lane>& lanes, const policy::Shares& shares);

// Puts off due tasks of `lanes`, at most `limit`: they are due at `until`, and
// `reason` says why.
int64_t Defer(const Uuid& installation, const std::vector<policy::Lane>& lanes, WallTime now, WallTime until,
              const char* reason, int limit);

}  // namespace capeai::store
