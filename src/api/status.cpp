// What the views capeai.stat_worker, capeai.stat_llm and capeai.active_tasks read:
// shared memory as rows.
#include <cstring>
#include <unordered_set>

#include "api/resolve.hpp"
#include "metrics/llm.hpp"
#include "pg/args.hpp"
#include "pg/session.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "store/tasks.hpp"

namespace capeai::api {
namespace {

std::string Seconds(int64_t micros) { return std::to_string(micros) + " microseconds"; }

std::string Timestamp(int64_t unix_micros) { return pg::TimestampText(WallTime(Duration(unix_micros))); }

const char* StateName(int state) {
  switch (static_cast<pg::WorkerState>(state)) {
    case pg::WorkerState::kFree:
      return "free";
    case pg::WorkerState::kStarting:
      return "starting";
    case pg::WorkerState::kRunning:
      return "running";
    case pg::WorkerState::kPausedVersion:
      return "paused (versions differ)";
    case pg::WorkerState::kDisabled:
      return "disabled";
    case pg::WorkerState::kStopping:
      return "stopping";
  }
  return "unknown";
}

// A copy of one entry that was not being changed meanwhile.
struct Line {
  pg::Oid database = 0;
  Uuid id;
  pg::Oid owner = 0;
  int32_t attempt = 0, step = 0, progress = 0;
  int64_t started_at = 0;
  std::string step_name;
};

bool Copy(const pg::ActiveTask& task, Line& out) {
  for (int tries = 0; tries < 100; ++tries) {
    const uint32_t before = task.version.load(std::memory_order_acquire);
    if (before % 2 != 0) continue;
    out.database = task.database.load();
    const uint64_t halves[2] = {task.id_hi.load(), task.id_lo.load()};
    std::memcpy(out.id.bytes.data(), halves, sizeof halves);
    out.owner = task.owner.load();
    out.attempt = task.attempt.load();
    out.step = task.step.load();
    out.progress = task.progress.load();
    out.started_at = task.started_at.load();
    char name[sizeof task.step_name];
    std::memcpy(name, task.step_name, sizeof name);
    name[sizeof name - 1] = '\0';
    std::atomic_thread_fence(std::memory_order_acquire);
    if (task.version.load(std::memory_order_relaxed) != before) continue;
    out.step_name = name;
    return true;
  }
  return false;
}

// What runs in this database and is the caller's, for administrators all. Where capeai.require_user_id is on,
// the user that a task is for decides, too; that stands in its row.
std::vector<Line> VisibleLines(const pg::Caller& caller) {
  const bool all = IsAdmin(caller);
  std::vector<Line> lines;
  if (pg::SlotOfDatabase(pg::ThisDatabase()) < 0) return lines;
  int count = 0;
  const pg::ActiveTask* tasks = pg::ActiveTasks(&count);
  for (int i = 0; i < count; ++i) {
    Line line;
    if (tasks[i].database.load() != pg::ThisDatabase() || !Copy(tasks[i], line)) continue;
    if (line.database == pg::ThisDatabase() && (all || line.owner == caller.role)) lines.push_back(line);
  }
  if (all || !pg::settings::RequireUserId()) return lines;
  const pg::AsExtensionOwner as_owner;
  std::vector<Uuid> ids;
  for (const Line& line : lines) ids.push_back(line.id);
  std::unordered_set<Uuid> own;
  for (const store::TaskOwner& task : store::FindOwners(ids))
    if (!task.user_id.empty() && task.user_id == pg::settings::UserId()) own.insert(task.id);
  std::erase_if(lines, [&](const Line& line) { return !own.contains(line.id); });
  return lines;
}

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_worker_slots) {
  pg::RowSet rows(fcinfo);
  const pg::Shared* shared = pg::SharedMemory();
  if (!shared) return 0;
  const auto number = [](auto& counter) { return std::to_string(counter.load()); };
  for (int i = 0; i < shared->max_workers; ++i) {
    const pg::WorkerSlot& slot = shared->workers[i];
    if (slot.database.load() == 0 || slot.pid.load() == 0) continue;
    rows.Add({std::to_string(i), number(slot.database), number(slot.pid), api::StateName(slot.state.load()),
              api::Timestamp(slot.started_at.load()),
              api::Seconds(MonoNow().time_since_epoch().count() - slot.heartbeat.load()),
              number(slot.in_flight), number(slot.effective_max_in_flight), number(slot.asks),
              number(slot.claimed), number(slot.succeeded), number(slot.failed), number(slot.cancelled),
              number(slot.retried), number(slot.stale), number(slot.requests), number(slot.transactions),
              number(slot.notify_skipped), number(slot.lock_waits)});
  }
  return 0;
}

CAPEAI_FUNCTION(capeai_llm_counters) {
  pg::RowSet rows(fcinfo);
  const pg::Shared* shared = pg::SharedMemory();
  if (!shared) return 0;
  const auto number = [](auto& counter) { return std::to_string(counter.load()); };
  for (const pg::ProviderState& provider : shared->providers) {
    if (provider.key.load() == 0) continue;
    const std::string_view label(provider.label, strnlen(provider.label, sizeof provider.label));
    const size_t at = label.rfind(" @ ");
    if (at == std::string_view::npos) continue;  // its label is being written
    const pg::LlmCounters& calls = provider.calls;
    std::vector<pg::CellText> cells{std::string(label.substr(at + 3)), std::string(label.substr(0, at))};
    for (const auto& ending : calls.endings) cells.push_back(number(ending));
    for (const auto* counter : {&calls.opened, &calls.reused, &calls.http2, &calls.bytes_sent,
                                &calls.bytes_received, &calls.prompt_tokens, &calls.completion_tokens})
      cells.push_back(number(*counter));
    for (const double share : {0.5, 0.95, 0.99}) {
      const auto quantile = metrics::LatencyQuantile(calls, share);
      cells.push_back(quantile ? pg::CellText(std::to_string(*quantile)) : std::nullopt);
    }
    std::string histogram = "{";
    for (const auto& bucket : calls.latency) histogram += (histogram.size() > 1 ? "," : "") + number(bucket);
    cells.push_back(histogram + "}");
    rows.Add(cells);
  }
  return 0;
}

CAPEAI_FUNCTION(capeai_running_tasks) {
  const std::vector<api::Line> lines = api::VisibleLines(pg::CurrentCaller());
  pg::RowSet rows(fcinfo);
  for (const api::Line& line : lines)
    rows.Add({line.id.ToString(), std::to_string(line.owner), std::to_string(line.attempt),
              std::to_string(line.step), line.step_name, std::to_string(line.progress),
              api::Timestamp(line.started_at)});
  return 0;
}
