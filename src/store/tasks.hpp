// Tasks as their submitters see them: writing new ones, cancelling, trying again,
// taking over those that came with a copy. All statements run as the extension's
// owner, in the caller's transaction. (What the worker does is in work.hpp.)
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "base/uuid.hpp"
#include "pg/session.hpp"
#include "pg/sql.hpp"

namespace capeai::store {

// What all tasks of one submit have in common. Everything is checked already.
struct Submission {
  Uuid agent_id;
  Uuid agent_version_id;
  Uuid installation;
  pg::Caller caller;    // its role becomes the owner
  std::string user_id;  // empty: none
  std::optional<std::string> title;
  std::optional<std::string> description;
  int32_t priority = 0;
  WallTime run_at;
  std::optional<Duration> timeout;
  int32_t max_attempts = 1;
  std::string model;
  std::string options = "{}";  // JSON text
  bool stream = false;
  bool has_conversation = false;  // inputs may have a member "conversation", a uuid
  std::vector<Uuid> depends_on;   // without duplicates
};

// Writes a task with its audit row. `input` is a jsonb.
void InsertTask(const Submission& common, const Uuid& id, pg::Passed input);
// The same for many. `inputs` is a jsonb[] as long as `ids`; so is
// `keys`, if given (it may be nullptr). Where a key is known already for this owner
// and agent no row is written: with keys, the ids that were written come back.
std::vector<Uuid> InsertTasks(const Submission& common, const std::vector<Uuid>& ids, pg::Passed inputs,
                              const pg::Nullable<std::string>* keys);

// The task that holds each of `keys`, and whether it was submitted with the input
// beside it, for the same user and as much a stream. Keys of no task are left out.
struct KnownKey {
  size_t ordinal = 0;  // place in `keys`, from 0
  Uuid task_id;
  bool same = false;
};
std::vector<KnownKey> FindKeys(const Submission& common, pg::Passed inputs,
                               const pg::Nullable<std::string>& keys);

// Who owns which of `ids`; unknown ones are left out.
struct TaskOwner {
  Uuid id;
  pg::Oid owner = 0;
  std::string user_id;  // empty: none
  std::string status;
};
std::vector<TaskOwner> FindOwners(const std::vector<Uuid>& ids);
std::optional<TaskOwner> FindOwner(const Uuid& id);

// Makes conversations of `ids` this owner's and user's unless they are somebody's
// already. Returns those that are somebody else's.
std::vector<Uuid> ClaimConversations(const std::vector<Uuid>& ids, pg::Oid owner, const std::string& user_id);

// Cancels a task that is queued or blocked, with its audit row and a signal from
// which the worker tells listeners. False if it is in another state by now.
bool CancelWaiting(const pg::Caller& caller, const Uuid& id);
// Asks the worker to end a task that runs.
void SignalCancel(const pg::Caller& caller, const Uuid& id);

// A new queued task `id` with the content of the ended task `old`, due now.
// False if `old` has no input any more, or is not in a terminal state.
bool InsertRetry(const pg::Caller& caller, const Uuid& id, const Uuid& old, const Uuid& installation);

// Makes the unfinished tasks of other installations this one's: what ran is
// queued again, asks are failed. Returns how many.
int64_t AdoptTasks(const pg::Caller& caller, const Uuid& installation);

}  // namespace capeai::store
