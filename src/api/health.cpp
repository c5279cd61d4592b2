// capeai_health(): what is in order and what is not, one row for each part.
// Works everywhere: without preloading, on a standby, for every capeai role.
#include "store/health.hpp"
#include "api/arguments.hpp"
#include "api/resolve.hpp"
#include "pg/session.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/transaction.hpp"
#include "pg/wake.hpp"

namespace capeai::api {
namespace {

constexpr Duration kStalled = std::chrono::seconds(5);

struct Row {
  std::string component;
  std::string status;
  Json detail = Json::Object();
};

int64_t AgeMillis(int64_t mono_micros) { return Millis(MonoNow() - MonoTime(Duration(mono_micros))); }

Row Library(const std::optional<pg::Extension>& extension) {
  Row row{"library", "ok"};
  row.detail.Set("library_version", Json::String(CAPEAI_VERSION))
      .Set("sql_version", Json::String(extension ? extension->version : ""))
      .Set("preloaded", Json::Bool(pg::SharedMemory() != nullptr));
  if (extension && extension->version != CAPEAI_VERSION) {
    row.status = "version mismatch";
    row.detail.Set("hint", Json::String("Restart the server after installing a new library, then run ALTER "
                                        "EXTENSION capeai UPDATE."));
  } else if (!pg::SharedMemory()) {
    row.status = "not preloaded";
    row.detail.Set("hint",
                   Json::String("Add capeai to shared_preload_libraries in postgresql.conf and restart."));
  }
  return row;
}

Row Launcher() {
  const pg::Shared& shared = *pg::SharedMemory();
  Row row{"launcher", shared.launcher_pid.load() ? "ok" : pg::InRecovery() ? "standby" : "not running"};
  row.detail.Set("databases_served", Json::Int(shared.databases_known.load()))
      .Set("databases_waiting", Json::Int(shared.databases_waiting.load()))
      .Set("max_workers", Json::Int(shared.max_workers))
      .Set("failed_starts", Json::Int(shared.launch_failures.load()));
  return row;
}

std::string StatusOf(const pg::WorkerSlot& slot) {
  if (slot.pid.load() == 0) return "starting";
  switch (static_cast<pg::WorkerState>(slot.state.load())) {
    case pg::WorkerState::kPausedVersion:
      return "paused: library and SQL versions differ";
    case pg::WorkerState::kDisabled:
      return "disabled";
    case pg::WorkerState::kStarting:
      return "starting";
    default:
      break;
  }
  const bool late = MonoNow() - MonoTime(Duration(slot.heartbeat.load())) >
                    std::max(kStalled, pg::settings::FallbackInterval() + kStalled);
  if (!late) return "ok";
  return slot.committing.load() ? "waiting for standby" : "stalled";
}

Row Worker() {
  const int index = pg::SlotOfDatabase(pg::ThisDatabase());
  Row row{"worker", "not running"};
  std::string why_not, hint;
  if (index < 0) {
    if (pg::InRecovery())
      row.status = "standby";
    else if (!pg::WorkerAvailable(&why_not, &hint))
      row.detail.Set("reason", Json::String(why_not)).Set("hint", Json::String(hint));
    return row;
  }
  const pg::WorkerSlot& slot = pg::SharedMemory()->workers[index];
  row.status = StatusOf(slot);
  row.detail.Set("pid", Json::Int(slot.pid.load()))
      .Set("in_flight", Json::Int(slot.in_flight.load()))
      .Set("max_in_flight", Json::Int(slot.effective_max_in_flight.load()))
      .Set("heartbeat_age_ms", Json::Int(AgeMillis(slot.heartbeat.load())));
  if (slot.effective_max_in_flight.load() > 0 &&
      slot.effective_max_in_flight.load() < pg::settings::MaxInFlight())
    row.detail.Set("hint",
                   Json::String("capeai.max_in_flight is clamped: raise capeai.max_in_flight_total or the "
                                "limit of open files."));
  return row;
}

Row Provider() {
  Row row{"provider", "ok"};
  const int index = pg::SlotOfDatabase(pg::ThisDatabase());
  if (index < 0) return Row{"provider", "unknown"};
  switch (static_cast<pg::ProviderUse>(pg::SharedMemory()->workers[index].provider.load())) {
    case pg::ProviderUse::kUnknown:
      row.status = "unknown";
      break;
    case pg::ProviderUse::kModel:
      break;
    case pg::ProviderUse::kExtractive:
      row.status = "extractive";
      row.detail.Set("hint",
                     Json::String("No key and no base_url: answers are extracts of the documentation. Set "
                                  "capeai.api_key_file or capeai.base_url to ask a model."));
      break;
    case pg::ProviderUse::kProblem:
      row.status = "misconfigured";
      row.detail.Set("hint", Json::String("The server log says what is wrong with the key file or the URL."));
  }
  return row;
}

// Providers that are paused or whose circuit is open, cluster-wide.
void AddPauses(std::vector<Row>& rows) {
  const int64_t now = MonoNow().time_since_epoch().count();
  for (const pg::ProviderState& state : pg::SharedMemory()->providers) {
    if (state.key.load() == 0) continue;
    const int64_t paused = state.paused_until.load() - now;
    const int64_t open = state.open_until.load() - now;
    if (paused <= 0 && state.open_until.load() == 0) continue;
    Row& row = rows.emplace_back(
        Row{"provider " + std::string(state.label), paused > 0 ? "paused" : "circuit open"});
    row.detail.Set("for_ms", Json::Int(std::max<int64_t>(std::max(paused, open), 0) / 1000))
        .Set("consecutive_faults", Json::Int(state.consecutive_faults.load()));
  }
}

Row Queue() {
  const store::QueueState queue = store::ReadQueueState();
  Row row{"queue", queue.foreign > 0 ? "copied tasks wait" : "ok"};
  row.detail.Set("queued", Json::Int(queue.queued))
      .Set("blocked", Json::Int(queue.blocked))
      .Set("running", Json::Int(queue.running));
  if (queue.oldest_due)
    row.detail.Set("oldest_waits_seconds", Json::Int(Millis(WallNow() - *queue.oldest_due) / 1000));
  if (queue.foreign > 0)
    row.detail.Set("of_other_installations", Json::Int(queue.foreign))
        .Set("hint",
             Json::String("These tasks came with a copy of another database: capeai_adopt_tasks() runs them "
                          "here."));
  return row;
}

Row Audit() {
  Row row{"audit", "ok"};
  const int index = pg::SlotOfDatabase(pg::ThisDatabase());
  if (index < 0) return row;
  const pg::WorkerSlot& slot = pg::SharedMemory()->workers[index];
  row.detail.Set("seal", Json::Int(slot.sealed_seq.load()))
      .Set("sealed_up_to", Json::Int(slot.sealed_event.load()));
  if (slot.seal_refused.load() != 0) {
    row.status = "not sealed";
    row.detail.Set("hint", Json::String("capeai.audit_key_file cannot be used: the server log says why."));
  }
  return row;
}

Row Notifications() {
  Row row{"notifications", "ok"};
  const double usage = pg::NotifyQueueUsage();
  const int index = pg::SlotOfDatabase(pg::ThisDatabase());
  row.detail.Set("queue_usage", Json::Real(usage));
  if (index >= 0)
    row.detail.Set("skipped", Json::Int(pg::SharedMemory()->workers[index].notify_skipped.load()));
  if (usage > 0.5) {
    row.status = "degraded";
    row.detail.Set(
        "hint", Json::String("A listening session does not read: see pg_stat_activity for one that is idle "
                             "in transaction."));
  }
  return row;
}

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_health) {
  std::vector<api::Row> rows;
  {
    const pg::AsExtensionOwner as_owner;
    rows.push_back(api::Library(pg::FindExtension()));
    if (pg::SharedMemory()) {
      rows.push_back(api::Launcher());
      rows.push_back(api::Worker());
      rows.push_back(api::Provider());
      api::AddPauses(rows);
      if (!pg::InRecovery()) rows.push_back(api::Notifications());
      rows.push_back(api::Audit());
    }
    rows.push_back(api::Queue());
  }
  pg::RowSet out(fcinfo);
  for (const api::Row& row : rows) out.Add({row.component, row.status, row.detail.Dump()});
  return 0;
}
