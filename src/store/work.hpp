// The worker's statements but for claiming: writing what became of tasks, and
// putting right what an earlier worker left. Each function runs inside the
// caller's transaction, as the extension's owner, with its tables locked
// (LockWorkTables). Bounded: none touches more rows than it is told.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "base/uuid.hpp"

namespace capeai::store {

// Takes the locks on all tables that the worker writes; false (and nothing
// held for long) if one is not free now.
bool LockWorkTables();

// A step of an attempt.
struct RunRow {
  int step_number = 0;
  std::string step_name;
  std::string status;                // succeeded, failed, cancelled
  std::string input, output, error;  // documents; empty: NULL
  WallTime started_at, completed_at;
};

// One attempt's end. Documents are as base/json_tokens.hpp has them. `status` is where the task goes:
// succeeded, failed, cancelled, queued (again, at run_at), or running (an ask that tries again).
struct AttemptEnd {
  Uuid task_id;
  int attempt = 0;    // the one that ended
  int64_t place = 0;  // where its row was when it began (pg::Rows::Int of a ctid); 0: not known
  std::string status;
  int next_attempt = 0;                              // of an ask that tries again; otherwise `attempt`
  int failures = 0;                                  // charged so far, this one included
  WallTime run_at;                                   // of a requeue
  std::string wait_reason;                           // of a requeue; empty: NULL
  std::string output;                                // a document; empty: leave
  std::string error_code, error_message;             // empty: NULL
  std::string model;                                 // what answered; empty: leave
  int64_t prompt_tokens = 0, completion_tokens = 0;  // added to what earlier attempts used
  std::string usage;                                 // a document; empty: leave
  std::string cost;                                  // of this attempt, added; empty: not known
  std::string price;         // what it was reckoned with, JSON text (its decimals are exact); empty: leave
  std::string event_type;    // audit: task_succeeded, ...
  std::string event_data;    // a document
  std::vector<RunRow> runs;  // its steps
};

// Writes ends and their runs, fenced by (id, attempt, worker, running). Returns the
// ids that were written. The others are locked by somebody or no longer ours;
// Sort tells which.
std::vector<Uuid> WriteEnds(const Uuid& worker, const std::vector<const AttemptEnd*>& ends);

// Of `ends`, those whose row is still this worker's attempt (so: locked by
// somebody, to be tried again). For the rest an audit row stale_completion is written.
std::vector<Uuid> StillOurs(const Uuid& worker, const std::vector<const AttemptEnd*>& ends);

// The first row of an ask.
struct NewAsk {
  Uuid id, agent_id, agent_version_id;
  unsigned owner = 0;
  std::string user_id, application_name, client_addr;
  std::string input, options;  // documents as tokens (base/json_tokens.hpp)
  std::string model;
  bool stream = false;
  std::optional<Uuid> conversation;
  WallTime asked_at;
  std::optional<WallTime> deadline;
  int max_attempts = 3;
};
void InsertAsks(const Uuid& installation, const Uuid& worker, const std::vector<NewAsk>& asks);

// A queued or blocked task that failed without (another) attempt.
struct EndedTask {
  Uuid id;
  unsigned owner = 0;
  int attempt = 0;
  std::string error_message;
};

// What another worker than `worker` left running goes back to queued,
// uncharged; asks become failed caller_gone. Those `blamed` for the end of their
// process get crash_count + 1 and, at max_attempts, failed worker_crashed. Rows that
// somebody holds locked are left for the next call. Returns those that failed,
// asks aside.
std::vector<EndedTask> Recover(const Uuid& installation, const Uuid& worker, const std::vector<Uuid>& blamed);

// Fails queued and blocked tasks past their deadline; at most `limit`.
std::vector<EndedTask> FailOverdue(const Uuid& installation, WallTime now, int limit);

// The blocked tasks after this one, in the order of their ids.
std::vector<Uuid> BlockedAfter(const Uuid& installation, const Uuid& after, int limit);

// Of `tasks` and those that depend on one of `ended`: the blocked ones whose
// dependencies have ended become queued, or failed dependency_failed; at most `limit`.
struct Unblocked {
  size_t queued = 0;
  std::vector<EndedTask> failed;
};
Unblocked ResolveBlocked(const Uuid& installation, const std::vector<Uuid>& tasks,
                         const std::vector<Uuid>& ended, int limit);

// The manifest of an agent version, as JSON text; nothing if unknown.
struct VersionRow {
  std::string manifest;
  std::string status;   // draft, published, archived
  bool intact = false;  // the manifest is the one that was stored
};
std::optional<VersionRow> LoadVersion(const Uuid& version_id);

// Deletes finished tasks older than `keep`, at most `limit`; zero keeps them for
// ever. How many. (Of audit events worker/audit_sealer takes care.)
int64_t DeleteOld(WallTime now, Duration keep, int limit);

}  // namespace capeai::store
