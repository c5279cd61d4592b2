#include "worker/loop.hpp"

#include <algorithm>

#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"

namespace capeai::worker {
namespace {

// Resumptions in one turn before sockets and backends are heard again.
constexpr int kResumesPerTurn = 2000;
constexpr Duration kHeartbeat = std::chrono::seconds(1);

[[noreturn]] void Refuse(const Error& error) { pg::Raise(error); }

}  // namespace

Loop::Loop(int slot, const Uuid& incarnation)
    : slot_index_(slot),
      slot_(pg::SharedMemory()->workers[slot]),
      incarnation_(incarnation),
      recorder_("pg_stat/capeai." + std::to_string(pg::ThisDatabase())),
      notifier_(slot_),
      asks_(slot) {
  if (const Status ready = net::HttpClient::GlobalInit(); !ready) Refuse(ready.error());
  auto poller = net::Poller::Create();
  if (!poller) Refuse(poller.error());
  poller_ = std::move(*poller);
  Provider provider = ReadProvider();
  http_ = std::make_unique<net::HttpClient>(*poller_, provider.egress);
  models_ = std::make_unique<ModelGateway>(*http_, recorder_);
  UseProvider(std::move(provider));
  wait_ = std::make_unique<pg::EventWait>(http_->fd());
  int lines = 0;
  pg::ActiveTask* first = pg::ActiveTasksOf(slot, &lines);
  for (int i = lines - 1; i >= 0; --i) {
    first[i].database.store(0);
    free_lines_.push_back(&first[i]);
  }
}

Loop::~Loop() {
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
      next_try_ = MonoNow() + std::chrono::milliseconds(std::min(100 << std::min(consecutive_errors_++, 6), 5000));
    }
  }
}

void Loop::Turn() {
  MonoTime now = MonoNow();
  const auto ready = wait_->Wait(HowLong(now));
  if (pg::ServiceInterrupts()) Reload();
  now = MonoNow();
  slot_.heartbeat.store(now.time_since_epoch().count());
  if (slot_.wake.exchange(0)) look_ = true;
  if (slot_.yield.load()) leaving_ = executions_.empty() && journal_.empty();

  if (ready.latch || asks_.in_flight() > 0) HearBackends();
  retrieval_.Poll(now);
  http_->Run();
  RunTimers(now);
  ResumeReady();
  if (TickIsDue(now)) Tick(now);
  notifier_.Send(MonoNow());

  slot_.in_flight.store(static_cast<int64_t>(executions_.size()));
  slot_.asks.store(static_cast<int64_t>(asks_.in_flight()));
  slot_.requests.store(http_->stats().requests);
}

Duration Loop::HowLong(MonoTime now) const {
  if (!queue_.empty()) return Duration(0);
  MonoTime until = now + kHeartbeat;
  if (executions_.empty() && journal_.empty()) until = std::max(next_fallback_, now);
  const auto at_most = [&](MonoTime t) { until = std::min(until, std::max(t, now)); };
  if (const auto http = http_->NextTimeout()) at_most(now + *http);
  if (const auto due = notifier_.due()) at_most(*due);
  if (const auto due = retrieval_.due()) at_most(*due);
  if (!deadlines_.empty()) at_most(deadlines_.begin()->first);
  if (!retries_.empty()) at_most(retries_.begin()->first);
  if (next_due_) at_most(*next_due_);
  if (look_ || more_ || !journal_.empty()) at_most(next_try_);
  return until - now;
}

void Loop::HearBackends() {
  AskServer::News news = asks_.Poll();
  for (auto& arrived : news.requests) LaunchAsk(std::move(arrived));
  const auto is_of = [](const AskAddress& a, const Work& w) {
    return w.ask && w.ask->proc == a.proc && w.ask->handle == a.handle && w.ask->number == a.number;
  };
  for (const AskAddress& address : news.cancelled) {
    std::vector<Uuid> ids;
    for (const auto& [id, execution] : executions_)
      if (is_of(address, execution->work())) ids.push_back(id);
    for (const Uuid& id : ids) Cancel(id, "the caller cancelled or went away");
    std::erase_if(retries_, [&](const auto& entry) { return is_of(address, entry.second); });
    // One that is not stored yet: cancelled as soon as it is.
    for (auto& [id, work] : asks_unstored_)
      if (is_of(address, work)) work.deadline = MonoTime{};
  }
  for (const AskAddress& address : news.drained)
    for (const auto& [id, execution] : executions_)
      if (is_of(address, execution->work())) execution->SetPaused(false);
}

void Loop::ResumeReady() {
  for (int i = 0; i < kResumesPerTurn; ++i) {
    const std::coroutine_handle<> next = queue_.Pop();
    if (!next) return;
    const auto found = by_handle_.find(next.address());
    if (found == by_handle_.end()) continue;
    Execution& execution = *found->second;
    {
      FlightRecorder::Entry entry(recorder_, execution.work().id);
      next.resume();
    }
    if (execution.done()) Collect(execution);
  }
}

void Loop::RunTimers(MonoTime now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const Uuid id = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    const auto found = executions_.find(id);
    if (found == executions_.end()) continue;
    Execution& execution = *found->second;
    if (!execution.work().deadline || *execution.work().deadline > now) continue;
    End(execution, execution.Drop(Error{sqlstate::kQueryCanceled, "the timeout of the task passed", "",
                                        "Allow more time with the timeout argument."},
                                  "deadline_exceeded"));
  }
  while (!retries_.empty() && retries_.begin()->first <= now) {
    Work work = std::move(retries_.begin()->second);
    retries_.erase(retries_.begin());
    Launch(std::move(work));
  }
}

void Loop::Reload() {
  UseProvider(ReadProvider());
  look_ = true;
}

void Loop::UseProvider(Provider provider) {
  if (!provider.problem.empty()) pg::Log("the provider cannot be used: " + provider.problem);
  slot_.provider.store(static_cast<int>(!provider.problem.empty() ? pg::ProviderUse::kProblem
                                        : provider.configured     ? pg::ProviderUse::kModel
                                                                  : pg::ProviderUse::kExtractive));
  models_->Use(std::move(provider));
}

}  // namespace capeai::worker
