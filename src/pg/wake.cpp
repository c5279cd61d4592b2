#include "pg/postgres.hpp"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
}

#include <algorithm>
#include <iterator>

#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/wake.hpp"

namespace capeai::pg {
namespace {

uint32_t wake_worker = 0;  // what to add to WorkerSlot::wake
bool tell_launcher = false;

// Runs after the commit record is written: must not raise. A subtransaction
// that was rolled back may leave a wake for nothing, which costs one look.
void OnTransactionEnd(XactEvent event, void*) {
  if (event == XACT_EVENT_COMMIT) {
    Shared* shared = SharedMemory();
    if (shared && wake_worker) {
      const int slot = SlotOfDatabase(MyDatabaseId);
      if (slot >= 0) {
        WorkerSlot& worker = shared->workers[slot];
        if (wake_worker & kWakeForLimits)
          for (SpentBudget& budget : worker.spent) budget.until.store(0);
        if (worker.wake.fetch_or(wake_worker) == 0 && worker.pid.load() != 0) SetLatchOf(worker.proc.load());
      }
    }
    if (shared && tell_launcher) AnnounceDatabase(MyDatabaseId);
  }
  if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE) {
    wake_worker = 0;
    tell_launcher = false;
  }
}

}  // namespace

void AnnounceDatabase(unsigned database) {
  Shared* shared = SharedMemory();
  const bool noted =
      std::any_of(std::begin(shared->announced), std::end(shared->announced), [&](auto& entry) {
        Oid expected = 0;
        return entry.compare_exchange_strong(expected, database) || expected == database;
      });
  if (!noted) shared->announcement_lost.store(1);
  shared->look_again.store(1);
  if (shared->launcher_pid.load() != 0) SetLatchOf(shared->launcher_proc.load());
}

void WakeWorkerAtCommit() { wake_worker |= kWakeForWork; }
void TellWorkerOfLimitsAtCommit() { wake_worker |= kWakeForWork | kWakeForLimits; }
void TellLauncherAtCommit() { tell_launcher = true; }

void RegisterWakeCallbacks() { RegisterXactCallback(OnTransactionEnd, nullptr); }

bool WorkerAvailable(std::string* why_not, std::string* hint) {
  Shared* shared = SharedMemory();
  if (!shared) {
    *why_not = "capeai is not in shared_preload_libraries";
    *hint = "Add capeai to shared_preload_libraries in postgresql.conf and restart the server.";
    return false;
  }
  if (!settings::Enabled()) {
    *why_not = "capeai.enabled is off";
    *hint = "Set capeai.enabled = on and reload the configuration.";
    return false;
  }
  const int slot = SlotOfDatabase(MyDatabaseId);
  if (slot >= 0 && shared->workers[slot].pid.load() != 0) {
    const auto state = static_cast<WorkerState>(shared->workers[slot].state.load());
    if (state == WorkerState::kRunning) return true;
    if (state == WorkerState::kPausedVersion) {
      *why_not = "the library and the SQL objects of capeai have different versions";
      *hint = "Restart the server after installing a new library, then run ALTER EXTENSION capeai UPDATE.";
      return false;
    }
  }
  *why_not = "no capeai worker serves this database yet";
  *hint = "See SELECT * FROM capeai_health(); capeai.max_workers or max_worker_processes may be too low.";
  return false;
}

}  // namespace capeai::pg
