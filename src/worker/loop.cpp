#include "worker/loop.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdint>

#include "net/file_limit.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"

namespace capeai::worker {
namespace {

// Resumptions in one turn before sockets and backends are heard again.
constexpr int kResumesPerTurn = 2000;
// In the thread, before the sockets are looked at again; and ends that it may
// gather while PostgreSQL is at work, which bounds their memory when a commit hangs.
constexpr int kResumesAtOnce = 64;
constexpr size_t kMostAhead = 2000;
// What streaming tasks bring may lie in its sockets so long, however rarely listeners are told: three
// quarters of the default interval halve the reads, and leave their text well within 100 ms.
constexpr Duration kLongestPace = std::chrono::milliseconds(40);
constexpr Duration kHeartbeat = std::chrono::seconds(1);

// Files that PostgreSQL itself may keep open in this process (its default of
// max_files_per_process), and what else we need.
constexpr int kOtherFiles = 1100;

// The task on which this database's helper died; nil: none, or it lives (its worker has ended without it).
Uuid BlamedByHelper() {
  for (const pg::HelperSlot& slot : pg::SharedMemory()->helpers)
    if (slot.database.load() == pg::ThisDatabase() && pg::ProcessAlive(slot.pid.load())) return {};
  return FlightRecorder(HelperRecorderPath(pg::ThisDatabase())).blamed();
}

// Its caller goes away with the error, which is nevertheless what became of the ask.
bool SearchFailed(const Work& work) { return work.request && work.request->found.error; }

[[noreturn]] void Refuse(const Error& error) { pg::Raise(error); }

}  // namespace

Loop::Loop(int slot, const Uuid& incarnation)
    : slot_index_(slot),
      slot_(pg::SharedMemory()->workers[slot]),
      incarnation_(incarnation),
      recorder_("pg_stat/capeai." + std::to_string(pg::ThisDatabase())),
      notifier_(slot_),
      asks_(slot),
      sealer_(slot_) {
  // What the thread that serves sockets allocates is freed here, and the other way
  // round: one heap for both is faster than each in the other's.
  mallopt(M_ARENA_MAX, 1);
  // Results of many tasks come and go together: without this malloc would give
  // their memory back to the kernel at every tick and ask for it at the next.
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  mallopt(M_TOP_PAD, 4 << 20);
  mallopt(M_MMAP_THRESHOLD, 16 << 20);
  most_connections_ = std::max(static_cast<int>(net::RaiseFileLimit()) - kOtherFiles, 16);
  if (most_connections_ < pg::settings::MaxInFlight())
    pg::Log("the limit of open files allows " + std::to_string(most_connections_) +
            " requests at a time, fewer than capeai.max_in_flight");
  if (const Status ready = net::HttpClient::GlobalInit(); !ready) Refuse(ready.error());
  auto poller = net::Poller::Create();
  if (!poller) Refuse(poller.error());
  poller_ = std::move(*poller);
  Provider provider = ReadProvider();
  http_ = std::make_unique<net::HttpClient>(*poller_, provider.egress);
  for (const Uuid& id : {recorder_.blamed(), BlamedByHelper()})
    if (!id.nil()) blamed_.push_back(id);
  models_ = std::make_unique<ModelGateway>(*http_, recorder_);
  UseProvider(std::move(provider));
  sealer_.ReadKey();
  settings_ = pg::settings::AllValues();
  wait_ = std::make_unique<pg::EventWait>(http_->fd());
  // What a worker before this one left behind.
  int lines = 0;
  pg::ActiveTask* line = pg::ActiveTasks(&lines);
  for (pg::ActiveTask* end = line + lines; line != end; ++line)
    if (line->database.load() == pg::ThisDatabase()) line->database.store(0);
  pg::SetBystander(this);
}

Loop::~Loop() {
  pg::SetBystander(nullptr);
  executions_.clear();
}

void Loop::Run() {
  pg::ReportIdle("capeai: waiting for work");
  while (!leaving_) {
    try {
      Turn();
      consecutive_errors_ = 0;
    } catch (const pg::PgError& e) {
      // An error outside of any transaction's own handling: report, pause, go on.
      pg::LogError("the worker's loop", e.error());
      next_try_ =
          MonoNow() + std::chrono::milliseconds(std::min(100 << std::min(consecutive_errors_++, 6), 5000));
    }
  }
}

void Loop::Turn() {
  MonoTime now = MonoNow();
  const auto ready = wait_->Wait(HowLong(now));
  if (pg::ServiceInterrupts()) Reload();
  now = MonoNow();
  slot_.heartbeat.store(now.time_since_epoch().count());
  HearCommits();
  if (slot_.yield.load()) leaving_ = executions_.empty() && journal_.empty();

  if (ready.latch || asks_.in_flight() > 0) HearBackends(now);
  retrieval_.Poll(now);
  // A new task of one owner does not wait until the answers to another's have been read.
  if (look_ && claims_.several_owners() && TickIsDue(now)) Tick(now);
  http_->Run();
  RunTimers(now);
  LaunchHeld(now);
  ResumeReady(kResumesPerTurn, nullptr);
  asks_.Flush();
  if (TickIsDue(MonoNow())) Tick(now);
  SealAndTell(now);

  slot_.in_flight.store(static_cast<int64_t>(executions_.size()));
  slot_.asks.store(static_cast<int64_t>(asks_.in_flight()));
  slot_.requests.store(http_->stats().requests);
}

void Loop::HearCommits() {
  const uint32_t wake = slot_.wake.exchange(0);
  if (wake == 0) return;
  look_ = true;
  dependencies_.LookAtAll();
  if (wake & pg::kWakeForLimits) claims_.LimitsChanged();
}

Duration Loop::HowLong(MonoTime now) const {
  if (!queue_.empty()) return Duration(0);
  MonoTime until = now + kHeartbeat;
  if (executions_.empty() && journal_.empty()) until = std::max(next_fallback_, now);
  const auto at_most = [&](MonoTime t) { until = std::min(until, std::max(t, now)); };
  if (const auto http = http_->NextTimeout()) at_most(now + *http);
  if (const auto due = notifier_.due()) at_most(*due);
  if (const auto due = retrieval_.due()) at_most(*due);
  if (const auto due = asks_.due()) at_most(*due);
  if (const auto due = sealer_.due()) at_most(*due);
  if (!deadlines_.empty()) at_most(deadlines_.begin()->first);
  if (!retries_.empty()) at_most(retries_.begin()->first);
  if (!asks_held_.empty()) at_most(next_room_);
  if (look_) at_most(next_try_);
  at_most(std::max(next_delete_, next_try_));
  if (const auto due = WriteDue(now)) at_most(std::max(*due, next_try_));
  // Without room for more, the end of something that runs is what to wait for.
  if (Capacity() > 0) {
    if (more_ && journal_.empty()) at_most(next_try_);
    if (next_due_) at_most(std::max(*next_due_, next_try_));
  }
  return until - now;
}

void Loop::HearBackends(MonoTime now) {
  AskServer::News news = asks_.Poll(now);
  for (auto& arrived : news.requests) LaunchAsk(std::move(arrived));
  for (auto& [address, found] : news.found) TakeFound(address, std::move(found));
  if (news.cancelled.empty() && news.drained.empty() && news.idle.empty()) return;
  // One walk, however many they are.
  std::map<AskAddress, Uuid> known;
  for (const auto& [id, execution] : executions_)
    if (execution->work().ask && !SearchFailed(execution->work())) known.emplace(*execution->work().ask, id);
  for (const AskAddress& address : news.cancelled)
    if (const auto found = known.find(address); found != known.end())
      Cancel(found->second, "the caller cancelled or went away");
  for (const AskAddress& address : news.idle)
    if (const auto found = known.find(address); found != known.end()) DropIdleStream(found->second);
  for (const AskAddress& address : news.drained) {
    const auto found = known.find(address);
    const auto running = found == known.end() ? executions_.end() : executions_.find(found->second);
    if (running != executions_.end()) running->second->SetPaused(false);
  }
  if (!news.cancelled.empty())
    CancelWaiting(std::set<AskAddress>(news.cancelled.begin(), news.cancelled.end()));
}

// Asks that no coroutine works on just now.
void Loop::CancelWaiting(const std::set<AskAddress>& cancelled) {
  const auto is_cancelled = [&](const Work& work) {
    return work.ask && cancelled.contains(*work.ask) && !SearchFailed(work);
  };
  const auto end = [&](const Work& work) {
    Failure failure;
    failure.error = {sqlstate::kQueryCanceled, "the caller cancelled or went away", "", ""};
    failure.code = "cancelled";
    EndUnlaunched(work, failure);
  };
  for (auto entry = retries_.begin(); entry != retries_.end();) {
    const auto next = std::next(entry);
    if (is_cancelled(entry->second)) {
      end(entry->second);
      retries_.erase(entry);
    }
    entry = next;
  }
  EndHeld(is_cancelled, "cancelled", "the caller cancelled or went away");
  // One whose row is not stored yet: cancelled as soon as it is.
  for (auto& [id, work] : asks_unstored_)
    if (is_cancelled(work)) work.deadline = MonoTime{};
  for (auto& [id, again] : again_)
    if (is_cancelled(again.second)) again.second.deadline = MonoTime{};
}

bool Loop::GoOn(const std::atomic<bool>& called_back) {
  if (journal_.ends() < kMostAhead) ResumeReady(kResumesAtOnce, &called_back);
  return !queue_.empty() && journal_.ends() < kMostAhead;
}

void Loop::ResumeReady(int most, const std::atomic<bool>* called_back) {
  // While nothing can be written, what there is to write stops nobody.
  const size_t enough = !called_back && MonoNow() >= next_try_ ? EnoughEnds() : SIZE_MAX;
  for (; most > 0 && !(called_back && *called_back) && journal_.ends() < enough; --most) {
    const std::coroutine_handle<> next = queue_.Pop();
    if (!next) return;
    const auto found = by_handle_.find(next.address());
    if (found == by_handle_.end()) continue;
    Execution& execution = *found->second;
    {
      FlightRecorder::Entry entry(recorder_, execution.work().id);
      next.resume();
      if (execution.done()) Collect(execution);
    }
  }
}

void Loop::RunTimers(MonoTime now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const Uuid id = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    const auto found = executions_.find(id);
    if (found == executions_.end()) {
      EndHeld([&](const Work& work) { return work.id == id; }, "deadline_exceeded",
              "the timeout passed before the search had ended or the limits of capeai_set_limit() left room");
      continue;
    }
    Execution& execution = *found->second;
    if (!execution.work().deadline || *execution.work().deadline > now) continue;
    End(execution, execution.Drop(Error{sqlstate::kQueryCanceled, "the timeout of the task passed", "",
                                        "Allow more time with the timeout argument."},
                                  "deadline_exceeded"));
  }
  while (!retries_.empty() && retries_.begin()->first <= now) {
    Work work = std::move(retries_.begin()->second);
    retries_.erase(retries_.begin());
    HoldAsk(std::move(work));
  }
}

// For those who submit (api/limits.cpp).
void Loop::PublishSpentBudgets() {
  policy::Budgets& budgets = models_->budgets();
  const WallTime now = WallNow();
  std::vector<uint64_t> keys;
  if (!budgets.none() && models_->provider().configured) {
    const auto spent = budgets.AllSpent(now);
    for (const unsigned role : spent.roles) keys.push_back(pg::SpentKey(role));
    for (const Uuid& agent : spent.agents) keys.push_back(pg::SpentKey(agent));
    for (const std::string& model : spent.models) keys.push_back(pg::SpentKey(model));
  }
  for (size_t i = 0; i < pg::kMaxSpentBudgets; ++i) {
    pg::SpentBudget& entry = slot_.spent[i];
    if (i >= keys.size() && entry.until.load() == 0) return;
    entry.key.store(i < keys.size() ? keys[i] : 0);
    entry.until.store(i < keys.size() ? policy::Budgets::NextDay(now).time_since_epoch().count() : 0);
  }
}

void Loop::Reload() {
  NoteSettings();
  UseProvider(ReadProvider());
  sealer_.ReadKey();
  sealer_.Expect(MonoNow());
  look_ = true;
}

// What a reload has changed, for the audit trail.
void Loop::NoteSettings() {
  auto now = pg::settings::AllValues();
  Json changes = settings_changed_.empty() ? Json::Object() : Json::Parse(settings_changed_);
  for (size_t i = 0; i < settings_.size(); ++i) {
    if (now[i].value == settings_[i].value) continue;
    const auto shown = [&](const std::string& value) { return Json::String(now[i].secret ? "…" : value); };
    changes.Set(now[i].name,
                Json::Object().Set("from", shown(settings_[i].value)).Set("to", shown(now[i].value)));
  }
  settings_ = std::move(now);
  if (changes.size() > 0) settings_changed_ = changes.Dump();
  tend_ = true;
}

void Loop::UseProvider(Provider provider) {
  if (!provider.problem.empty()) pg::Log("the provider cannot be used: " + provider.problem);
  slot_.provider.store(static_cast<int>(!provider.problem.empty() ? pg::ProviderUse::kProblem
                                        : provider.configured     ? pg::ProviderUse::kModel
                                                                  : pg::ProviderUse::kExtractive));
  models_->Use(std::move(provider));
  http_->SetResponseMemory(static_cast<size_t>(pg::settings::WorkerMemory()));
  http_->SetPace(std::min(pg::settings::StreamInterval(), kLongestPace));
}

}  // namespace capeai::worker
