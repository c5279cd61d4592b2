// Tasks that exist: cancelling, trying again, the channels to listen on, and
// taking over those that came with a copy of a database.
#include "store/tasks.hpp"
#include "api/arguments.hpp"
#include "api/limits.hpp"
#include "api/resolve.hpp"
#include "pg/settings.hpp"
#include "pg/wake.hpp"
#include "policy/task_state.hpp"
#include "store/installation.hpp"

namespace capeai::api {
namespace {

// The task, if it exists (42704) and is the caller's, or the caller an admin (42501).
store::TaskOwner RequireTask(const pg::Caller& caller, const Uuid& id) {
  auto task = store::FindOwner(id);
  if (!task) pg::Raise(sqlstate::kUndefinedObject, "task " + id.ToString() + " does not exist");
  if (IsAdmin(caller)) return *task;
  const bool own = task->owner == caller.role &&
                   (!pg::settings::RequireUserId() || task->user_id == ResolveUserId(std::nullopt));
  if (!own) pg::Raise(sqlstate::kInsufficientPrivilege, "task " + id.ToString() + " is not yours");
  return *task;
}

bool HasEnded(const store::TaskOwner& task) {
  const auto state = ParseTaskState(task.status);
  return state && IsTerminal(*state);
}

bool Cancel(const pg::Caller& caller, const Uuid& id) {
  if (HasEnded(RequireTask(caller, id))) return false;
  if (!store::CancelWaiting(caller, id)) {
    const auto now = store::FindOwner(id);
    if (!now || HasEnded(*now)) return false;
    store::SignalCancel(caller, id);
  }
  pg::WakeWorkerAtCommit();
  return true;
}

Uuid Retry(const pg::Caller& caller, const Uuid& old) {
  const store::TaskOwner task = RequireTask(caller, old);
  if (!HasEnded(task))
    pg::Raise(sqlstate::kNotInPrerequisiteState, "task " + old.ToString() + " has not ended",
              "Only tasks that have ended can be tried again; see capeai_cancel_task().");
  const Uuid installation = store::CurrentInstallation();
  CheckSubmitLimits(task.owner, installation, 1);
  const Uuid id = pg::NewTaskId(WallNow());
  if (!store::InsertRetry(caller, id, old, installation))
    pg::Raise(sqlstate::kNotInPrerequisiteState,
              "the input of task " + old.ToString() + " is not kept any more",
              "capeai.audit_content decides how long inputs are kept; submit the task anew.");
  pg::WakeWorkerAtCommit();
  return id;
}

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_cancel_task) {
  api::RequirePrimary("cancel tasks");
  const Uuid id = api::RequiredUuid(fcinfo, 0, "task_id");
  const pg::Caller caller = pg::CurrentCaller();
  const pg::AsExtensionOwner as_owner;
  return BoolGetDatum(api::Cancel(caller, id));
}

CAPEAI_FUNCTION(capeai_retry_task) {
  api::RequirePrimary("submit tasks");
  const Uuid id = api::RequiredUuid(fcinfo, 0, "task_id");
  const pg::Caller caller = pg::CurrentCaller();
  const pg::AsExtensionOwner as_owner;
  return pg::UuidResult(api::Retry(caller, id));
}

CAPEAI_FUNCTION(capeai_channel) {
  return pg::TextResult("capeai_task_" + api::RequiredUuid(fcinfo, 0, "task_id").ToHex());
}

CAPEAI_FUNCTION(capeai_user_channel) {
  if (pg::settings::RequireUserId())
    pg::Raise(sqlstate::kInsufficientPrivilege, "the channel of a role tells of all its users' tasks",
              "capeai.require_user_id is on: use capeai_channel() of a task.");
  const pg::Caller caller = pg::CurrentCaller();
  const pg::AsExtensionOwner as_owner;
  return pg::TextResult(store::UserChannel(caller.role));
}

CAPEAI_FUNCTION(capeai_adopt_tasks) {
  api::RequirePrimary("adopt tasks");
  const pg::Caller caller = pg::CurrentCaller();
  const pg::AsExtensionOwner as_owner;
  const int64_t adopted = store::AdoptTasks(caller, store::CurrentInstallation());
  if (adopted > 0) pg::WakeWorkerAtCommit();
  return Int64GetDatum(adopted);
}
