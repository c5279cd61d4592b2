// capeai_wait: sleeps until the worker says that a task has ended.
#include "api/arguments.hpp"
#include "api/resolve.hpp"
#include "pg/process.hpp"
#include "pg/session.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/transaction.hpp"
#include "pg/wake.hpp"
#include "store/watch.hpp"

namespace capeai::api {
namespace {

constexpr Duration kDefaultTimeout = std::chrono::seconds(60);
// Wakes are a hint: the row is looked at again after this at the latest.
constexpr Duration kLookInterval = std::chrono::seconds(1);

// Registers this backend as waiting, for as long as it lives.
class WaitMark {
 public:
  explicit WaitMark(const Uuid& task) {
    const int index = pg::SlotOfDatabase(pg::ThisDatabase());
    if (index < 0) return;
    slot_ = &pg::SharedMemory()->workers[index];
    pg::PostOf(pg::ThisProc()).waits_for.store(std::hash<Uuid>{}(task));
    slot_->waiters.fetch_add(1);
  }
  ~WaitMark() {
    if (!slot_) return;
    slot_->waiters.fetch_sub(1);
    pg::PostOf(pg::ThisProc()).waits_for.store(0);
  }
  WaitMark(const WaitMark&) = delete;
  WaitMark& operator=(const WaitMark&) = delete;

 private:
  pg::WorkerSlot* slot_ = nullptr;
};

// The task as it is now, whatever snapshot the caller's transaction holds.
store::WatchedTask Look(const pg::Caller& caller, const Uuid& id) {
  const pg::AsExtensionOwner as_owner;
  std::optional<store::WatchedTask> task;
  {
    const pg::LatestSnapshot now;
    task = store::LookAtTask(id);
  }
  if (!task) pg::Raise(sqlstate::kUndefinedObject, "task " + id.ToString() + " does not exist");
  // What this transaction itself has written nobody else sees, or may touch, before it commits.
  if (!task->ended && pg::IsOwnTransaction(task->xmin))
    pg::Raise(sqlstate::kNotInPrerequisiteState, "task " + id.ToString() + " is not committed yet",
              "The worker sees it after COMMIT: wait in another transaction.");
  const bool own = task->owner == caller.role &&
                   (!pg::settings::RequireUserId() || task->user_id == pg::settings::UserId());
  if (!own && !IsAdmin(caller))
    pg::Raise(sqlstate::kInsufficientPrivilege, "task " + id.ToString() + " is not yours");
  return std::move(*task);
}

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_wait) {
  api::RequirePrimary("wait for tasks");
  const Uuid id = api::RequiredUuid(fcinfo, 0, "task_id");
  const Duration timeout = pg::IntervalArg(fcinfo, 1).value_or(api::kDefaultTimeout);
  if (timeout < Duration::zero()) pg::Raise(sqlstate::kInvalidParameter, "timeout must not be negative");
  const pg::Caller caller = pg::CurrentCaller();
  const MonoTime deadline = MonoNow() + timeout;
  const api::WaitMark mark(id);
  while (true) {
    const store::WatchedTask task = api::Look(caller, id);
    const Duration left = deadline - MonoNow();
    if (task.ended || left <= Duration::zero()) return pg::RowFromText(fcinfo, task.row);
    std::string why_not, hint;
    if (!pg::WorkerAvailable(&why_not, &hint))
      pg::Raise(sqlstate::kNotInPrerequisiteState, "cannot wait for the task: " + why_not, hint);
    pg::WaitInBackend(std::min(left, api::kLookInterval));
  }
}
