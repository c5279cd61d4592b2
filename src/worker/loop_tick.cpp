// Loop: the tick. What attempts left behind is written, new work is claimed, in
// one transaction; then those who wait are told.
#include <algorithm>
#include <iterator>

#include "pg/guard.hpp"
#include "pg/process.hpp"
#include "pg/session.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"
#include "store/audit.hpp"
#include "store/conversations.hpp"
#include "store/installation.hpp"
#include "store/signals.hpp"
#include "worker/loop.hpp"

namespace capeai::worker {
namespace {

// Claimed at once. Large enough to share a commit among many, small enough that
// the first requests are out before the last ones are read.
constexpr int kClaimBatch = 400;
// The same, while several owners have work: a turn is what another's new task waits for.
constexpr int kSharedBatch = 30;
// Rows that housekeeping touches in one tick.
constexpr int kTendBatch = 500;
constexpr int kTurnsOfHistory = 20;
// Between batches of what retention deletes: most of the time is others'.
constexpr Duration kDeletePause = std::chrono::milliseconds(100);
// Ends that are worth a commit of their own, and the longest that they wait for it.
constexpr size_t kEnoughEnds = 400;
constexpr size_t kFewRunning = 50;
constexpr Duration kLongestGathering = std::chrono::milliseconds(10);
constexpr Duration kLockPause = std::chrono::milliseconds(100);
// While library and SQL objects differ, what is to be written waits; so often it is looked again.
constexpr Duration kVersionPause = std::chrono::seconds(1);

// The commit is the one place where a synchronous standby can make us wait;
// health reads this mark.
class CommitMark {
 public:
  explicit CommitMark(pg::WorkerSlot& slot) : slot_(slot) { slot_.committing.store(1); }
  ~CommitMark() { slot_.committing.store(0); }

 private:
  pg::WorkerSlot& slot_;
};

}  // namespace

// For its lifetime tasks go on whenever PostgreSQL is at work: they make requests,
// hear replies and end. What they change meanwhile is executions_, queue_, the
// models' state, the claimer's counts and what is gathered for later: journal_,
// notifier_, asks_, endings_, replies_, again_. Where it stands, nothing of these is
// held across a statement.
class Loop::TasksGoOn {
 public:
  explicit TasksGoOn(Loop& loop) : loop_(loop) { loop_.tasks_go_on_ = true; }
  ~TasksGoOn() { loop_.tasks_go_on_ = false; }
  TasksGoOn(const TasksGoOn&) = delete;
  TasksGoOn& operator=(const TasksGoOn&) = delete;

 private:
  Loop& loop_;
};

int Loop::Capacity() const {
  if (!pg::settings::Enabled() || slot_.yield.load() != 0) return 0;
  const int most =
      std::min({pg::settings::MaxInFlight(), most_connections_,
                pg::settings::MaxInFlightTotal() - static_cast<int>(pg::InFlightElsewhere(slot_index_))});
  slot_.effective_max_in_flight.store(most);
  const int used = static_cast<int>(executions_.size() + asks_unstored_.size() + retries_.size());
  return std::max(0, most - used);
}

size_t Loop::EnoughEnds() const { return claims_.several_owners() ? kSharedBatch : kEnoughEnds; }

// When what is gathered is to be written. At once if somebody waits for it or
// nothing else runs; otherwise the ends of many tasks share a commit, for which a
// task waits no longer than the last commit took.
std::optional<MonoTime> Loop::WriteDue(MonoTime now) const {
  if (journal_.empty()) return std::nullopt;
  const bool waited_for = journal_.has_asks() || !replies_.empty() || slot_.waiters.load() != 0;
  if (waited_for || executions_.empty() || journal_.ends() >= EnoughEnds()) return now;
  return journal_.since() + std::min(last_commit_, kLongestGathering);
}

bool Loop::TickIsDue(MonoTime now) const {
  if (now < next_try_) return false;
  if (now >= next_fallback_ || now >= next_delete_ || look_) return true;
  if (const auto due = WriteDue(now); due && now >= *due) return true;
  const int capacity = Capacity();
  // The next write claims as well: a commit of their own claims get only when little runs.
  if (more_ && capacity > 0 && (journal_.empty() || executions_.size() < kFewRunning)) return true;
  return next_due_ && now >= *next_due_ && capacity > 0;
}

void Loop::Tick(MonoTime now) {
  // What a cancel was told to stop is not to be claimed after it has returned.
  HearCommits();
  if (now >= next_fallback_) {
    next_fallback_ = now + pg::settings::FallbackInterval();
    look_ = true;
    tend_ = true;
    dependencies_.LookAtAll();
    claims_.LimitsChanged();
  }
  try {
    WriteAndClaim(now);
    PublishSpentBudgets();
  } catch (const pg::PgError& e) {
    journal_.Undo();
    look_ = tend_ = true;  // what was found to do is rolled back, too
    claims_.Forget();
    dependencies_.LookAtAll();
    next_try_ = MonoNow() + kLockPause;
    slot_.lock_waits.fetch_add(1);
    // lock_not_available is what the net of lock_timeout catches: nothing to report.
    if (e.error().sqlstate != "55P03") pg::LogError("writing results", e.error());
  }
  pg::ReportIdle(executions_.empty() ? "capeai: waiting for work" : "capeai: running tasks");
}

bool Loop::CheckExtension() {
  const auto extension = pg::FindExtension();
  if (!extension || (extension_oid_ != 0 && extension->oid != extension_oid_)) {
    leaving_ = true;  // dropped, or dropped and made again: a new worker begins afresh
    return false;
  }
  extension_oid_ = extension->oid;
  const bool same = extension->version == CAPEAI_VERSION;
  const bool enabled = pg::settings::Enabled();
  slot_.state.store(static_cast<int>(!same     ? pg::WorkerState::kPausedVersion
                                     : enabled ? pg::WorkerState::kRunning
                                               : pg::WorkerState::kDisabled));
  return same;
}

void Loop::WriteAndClaim(MonoTime now) {
  const bool looking = std::exchange(look_, false);
  swept_.clear();
  pg::Transaction transaction("capeai: writing results and claiming tasks");
  if (!CheckExtension()) {
    look_ = looking;
    next_try_ = now + kVersionPause;
    return;
  }
  std::optional<pg::AsExtensionOwner> as_owner(std::in_place);
  if (!store::LockWorkTables()) {
    look_ = looking;
    next_try_ = now + kLockPause;
    slot_.lock_waits.fetch_add(1);
    return;
  }
  if (installation_.nil()) installation_ = store::CurrentInstallation();
  {
    const TasksGoOn meanwhile(*this);
    journal_.Write(installation_, incarnation_);
  }
  const bool tending = std::exchange(tend_, false);
  if (tending) TendQueue(now);
  if (now >= next_delete_) DeleteOld(now);
  std::vector<store::Signal> signals;
  if (looking) {
    signals = store::TakeSignals();  // close before the claim: what is to be cancelled is not claimed
    claims_.QueueChanged();
    claims_.LoadLimits(installation_, *models_);
  }
  const auto is_cancel = [](const store::Signal& signal) { return signal.signal == "cancel"; };
  const bool cancelling = std::any_of(signals.begin(), signals.end(), is_cancel);
  // What it moves is told to listeners at the next look.
  if (cancelling && store::CancelSignalled() > 0) look_ = true;
  std::vector<Work> claimed;
  // After a failure what is gathered is brought to safety alone: it may have been the claim that failed.
  if (journal_.isolates())
    look_ = true;
  else if (Capacity() > 0 && (looking || more_ || (next_due_ && now >= *next_due_)))
    claimed = ClaimWork(now);
  for (auto& [id, work] : asks_unstored_) CompleteWork(work);
  as_owner.reset();  // it is the transaction's, and must not outlive it
  // Only first rows of asks may be lost in a crash: their callers are gone then.
  if (!tending && signals.empty() && claimed.empty() && swept_.empty() && !journal_.writes_ends())
    transaction.NeedNotLast();
  const MonoTime commit_began = MonoNow();
  {
    CommitMark mark(slot_);
    const TasksGoOn meanwhile(*this);
    transaction.Commit();
  }
  last_commit_ = MonoNow() - commit_began;
  sealer_.Expect(now);
  if (tending) {
    recovered_ = true;
    settings_changed_.clear();
  }
  slot_.transactions.fetch_add(1);
  TellSwept();
  AfterCommit(journal_.Settle(), std::move(claimed));
  for (const auto& signal : signals) {
    if (signal.signal == "cancel") {
      Cancel(signal.task_id, "cancelled by capeai_cancel_task");
    } else if (signal.owner != 0) {
      notifier_.Event(signal.task_id, signal.attempt, "cancelled", "", -1);
      notifier_.Lifecycle(signal.owner, signal.task_id, "cancelled");
      notifier_.Forget(signal.task_id);
      WakeWaiters({signal.task_id});
    }
  }
}

// What goes to the audit trail without a task.
void Loop::WriteOwnEvents() {
  const auto refusals = pg::TakeRefusals();
  const uint64_t lost = pg::TakeLostRefusals();
  if (!refusals.empty() || lost > 0) store::AuditRefusals(refusals, lost);
  if (!settings_changed_.empty()) store::AuditOwn("settings_changed", settings_changed_);
}

void Loop::TendQueue(MonoTime) {
  WriteOwnEvents();
  Sweep(store::Recover(installation_, incarnation_, recovered_ ? std::vector<Uuid>{} : blamed_));
  Sweep(store::FailOverdue(installation_, WallNow(), kTendBatch));
}

// What is past its retention, a little at a time, until nothing is left.
void Loop::DeleteOld(MonoTime now) {
  const int64_t deleted = store::DeleteOld(WallNow(), pg::settings::Retention(), kTendBatch);
  next_delete_ = deleted >= kTendBatch ? now + kDeletePause : next_fallback_;
}

std::vector<Work> Loop::ClaimWork(MonoTime now) {
  store::Unblocked unblocked = dependencies_.Resolve(installation_);
  if (unblocked.queued > 0) claims_.QueueChanged();
  Sweep(std::move(unblocked.failed));
  if (dependencies_.more()) look_ = true;
  const Claimer::Slots slots{Capacity(), static_cast<int>(slot_.effective_max_in_flight.load()),
                             claims_.several_owners() ? kSharedBatch : kClaimBatch};
  Claimer::Claimed claimed;
  {
    const TasksGoOn meanwhile(*this);
    claimed = claims_.Claim(installation_, incarnation_, now, slots, *models_);
  }
  more_ = claimed.more;
  next_due_ = claimed.next;
  auto& tasks = claimed.tasks;
  slot_.claimed.fetch_add(tasks.size());
  std::vector<Work> out;
  for (auto& task : tasks) {
    Work& work = out.emplace_back();
    work.id = task.id;
    work.agent_id = task.agent_id;
    work.agent_version_id = task.agent_version_id;
    work.owner = task.owner;
    work.user_id = std::move(task.user_id);
    work.attempt = task.attempt;
    work.failures = task.failures;
    work.max_attempts = task.max_attempts;
    if (task.deadline) work.deadline = now + (*task.deadline - WallNow());
    work.input_tokens = std::move(task.input);
    work.model = std::move(task.model);
    work.options_tokens = std::move(task.options);
    work.stream = task.stream;
    work.conversation = task.conversation;
    work.place = task.place;
    CompleteWork(work);
  }
  return out;
}

bool Loop::CompleteWork(Work& work) {
  if (work.manifest) return true;
  if (pg::RoleName(work.owner).empty()) {
    work.problem = {"owner_dropped", "the role that owns the task was dropped"};
    return false;
  }
  work.problem.code = "agent_archived";
  work.manifest = manifests_.Get(work.agent_version_id, MonoNow(), &work.problem.message);
  if (!work.manifest) return false;
  if (work.conversation)
    work.history = store::LoadTurns(*work.conversation, work.owner, work.id, kTurnsOfHistory);
  return true;
}

void Loop::AfterCommit(const Journal::Settled& settled, std::vector<Work> claimed) {
  for (const Uuid& id : settled.asks) {
    auto stored = asks_unstored_.extract(id);
    if (!stored.empty()) claimed.push_back(std::move(stored.mapped()));
  }
  for (const auto& [id, error] : settled.refused) {
    const auto unstored = asks_unstored_.extract(id);
    if (unstored.empty()) continue;
    AskReply reply;
    reply.kind = AskReply::Kind::kError;
    reply.error = error;
    reply.error.message = "the question cannot be stored: " + error.message;
    asks_.Send(*unstored.mapped().ask, std::move(reply), true);
  }
  std::vector<Uuid> ended;
  for (const auto& [id, fate] : settled.ends) {
    const bool written = fate == Journal::Fate::kWritten;
    if (!written) slot_.stale.fetch_add(1);
    if (auto again = again_.extract(id); !again.empty() && written)
      retries_.emplace(again.mapped().first, std::move(again.mapped().second));
    if (auto reply = replies_.extract(id); !reply.empty())
      asks_.Send(reply.mapped().to, std::move(reply.mapped().reply), true);
    const auto ending = endings_.extract(id);
    if (ending.empty()) continue;
    const Ending& end = ending.mapped();
    ended.push_back(id);
    if (written) {
      auto& counter = *end.event == 's'   ? slot_.succeeded
                      : *end.event == 'f' ? slot_.failed
                                          : slot_.cancelled;
      counter.fetch_add(1);
      if (!end.ask) {
        notifier_.Event(id, end.attempt, end.event, "", *end.event == 's' ? 100 : -1, end.text);
        notifier_.Lifecycle(end.owner, id, end.event);
      }
    }
    notifier_.Forget(id);
  }
  asks_.Flush();
  if (!ended.empty()) {
    if (claims_.held()) more_ = true;
    if (dependencies_.Ended(ended)) look_ = true;
    WakeWaiters(ended);
  }
  for (Work& work : claimed) {
    if (work.manifest && work.ask) {
      HoldAsk(std::move(work));
      continue;
    }
    if (work.manifest) {
      Launch(std::move(work));
      continue;
    }
    Failure failure;
    failure.error = {sqlstate::kUndefinedObject, "the agent's version is archived or cannot be read", "", ""};
    failure.code = "agent_archived";
    EndUnlaunched(work, failure);
  }
  LaunchHeld(MonoNow());
}

void Loop::SealAndTell(MonoTime now) {
  const TasksGoOn meanwhile(*this);
  if (sealer_.due() && *sealer_.due() <= now && !leaving_) sealer_.Seal(now, !executions_.empty());
  notifier_.Send(MonoNow(), http_->reading());
}

void Loop::Sweep(std::vector<store::EndedTask> ended) {
  std::move(ended.begin(), ended.end(), std::back_inserter(swept_));
}

void Loop::TellSwept() {
  std::vector<Uuid> ids;
  for (const store::EndedTask& task : swept_) {
    notifier_.Event(task.id, task.attempt, "failed", "", -1, task.error_message);
    notifier_.Lifecycle(task.owner, task.id, "failed");
    notifier_.Forget(task.id);
    ids.push_back(task.id);
  }
  swept_.clear();
  if (ids.empty()) return;
  slot_.failed.fetch_add(ids.size());
  dependencies_.Ended(ids);
  look_ = true;
  WakeWaiters(ids);
}

void Loop::WakeWaiters(const std::vector<Uuid>& ended) {
  if (slot_.waiters.load() == 0) return;
  std::vector<uint64_t> halves;
  for (const Uuid& id : ended) halves.push_back(std::hash<Uuid>{}(id));
  std::sort(halves.begin(), halves.end());
  for (int proc = 0; proc < pg::BackendCount(); ++proc) {
    const uint64_t waits_for = pg::PostOf(proc).waits_for.load();
    if (waits_for != 0 && std::binary_search(halves.begin(), halves.end(), waits_for)) pg::SetLatchOf(proc);
  }
}

}  // namespace capeai::worker
