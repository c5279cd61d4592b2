#include "pg/postgres.hpp"

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

#include <csignal>

#include "pg/compat.hpp"
#include "pg/guard.hpp"
#include "pg/process.hpp"

namespace capeai::pg {
namespace {

constexpr int kLauncherRestartSeconds = 5;

void FillWorker(BackgroundWorker& worker, const char* type, const char* main) {
  memset(&worker, 0, sizeof worker);
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  strlcpy(worker.bgw_library_name, "capeai", sizeof worker.bgw_library_name);
  strlcpy(worker.bgw_function_name, main, sizeof worker.bgw_function_name);
  strlcpy(worker.bgw_name, type, sizeof worker.bgw_name);
  strlcpy(worker.bgw_type, type, sizeof worker.bgw_type);
}

}  // namespace

void RegisterLauncher() {
  BackgroundWorker worker;
  FillWorker(worker, "capeai launcher", "capeai_launcher_main");
  worker.bgw_restart_time = kLauncherRestartSeconds;
  RegisterBackgroundWorker(&worker);
}

StartResult StartProcess(const char* type, const char* main, Oid database, int argument) {
  BackgroundWorker worker;
  FillWorker(worker, type, main);
  // The launcher starts them anew itself; others would survive a crash-restart
  // beside the new launcher's.
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  worker.bgw_main_arg = Int32GetDatum(argument);
  memcpy(worker.bgw_extra, &database, sizeof database);
  worker.bgw_notify_pid = 0;
  try {
    return Guarded([&] {
      BackgroundWorkerHandle* handle = nullptr;
      if (!RegisterDynamicBackgroundWorker(&worker, &handle)) return StartResult::kNoSlot;
      pfree(handle);
      return StartResult::kStarted;
    });
  } catch (const PgError& e) {
    LogError("starting a process", e.error());
    return StartResult::kFailed;
  }
}

ProcessArguments GetProcessArguments() {
  ProcessArguments out{};
  memcpy(&out.database, MyBgworkerEntry->bgw_extra, sizeof out.database);
  out.argument = DatumGetInt32(MyBgworkerEntry->bgw_main_arg);
  return out;
}

void InitProcess(Oid database) {
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGTERM, die);
  BackgroundWorkerUnblockSignals();
  if (database == InvalidOid)
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
  else
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, BGWORKER_BYPASS_ALLOWCONN);
  // Our statements are short, but in a large queue the planner takes some for long
  // ones: compiling them cost each claim 20 ms with a million tasks.
  SetConfigOption("jit", "off", PGC_USERSET, PGC_S_OVERRIDE);
#ifdef USE_LZ4
  // Prompts with their passages are long, and pglz took a twentieth of an ask. What the DBA sets goes before.
  SetConfigOption("default_toast_compression", "lz4", PGC_USERSET, PGC_S_DYNAMIC_DEFAULT);
#endif
}

void PlanByIndex() {
  Guarded([] {
    for (const char* other : {"enable_hashjoin", "enable_mergejoin"})
      SetConfigOption(other, "off", PGC_USERSET, PGC_S_OVERRIDE);
  });
}

void AtProcessEnd(void (*callback)(void*), void* arg) {
  struct Registered {
    void (*callback)(void*);
    void* arg;
  };
  auto* registered = static_cast<Registered*>(MemoryContextAlloc(TopMemoryContext, sizeof(Registered)));
  *registered = {callback, arg};
  before_shmem_exit(
      [](int, Datum datum) {
        auto* r = reinterpret_cast<Registered*>(DatumGetPointer(datum));
        r->callback(r->arg);
      },
      PointerGetDatum(registered));
}

bool ServiceInterrupts() {
  Guarded([] { CHECK_FOR_INTERRUPTS(); });
  if (!ConfigReloadPending) return false;
  ConfigReloadPending = false;
  Guarded([] { ProcessConfigFile(PGC_SIGHUP); });
  return true;
}

void LeaveProcess(bool restart) { proc_exit(restart ? 1 : 0); }

bool TrySessionLock(uint32_t key_high, uint32_t key_low) {
  return Guarded([&] {
    LOCKTAG tag;
    // Class 3 keeps it apart from pg_advisory_lock's own two.
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, key_high, key_low, 3);
    StartTransactionCommand();
    const LockAcquireResult got = LockAcquire(&tag, ExclusiveLock, true, true);
    CommitTransactionCommand();
    return got != LOCKACQUIRE_NOT_AVAIL;
  });
}

std::vector<DatabaseInfo> ListDatabases() {
  std::vector<DatabaseInfo> out;
  Guarded([&] {
    StartTransactionCommand();
    (void)GetTransactionSnapshot();
    Relation catalog = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(catalog, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection))) {
      const auto* row = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
      if (row->datallowconn && row->datconnlimit != -2 && !row->datistemplate)
        out.push_back({row->oid, NameStr(row->datname)});
    }
    table_endscan(scan);
    table_close(catalog, AccessShareLock);
    CommitTransactionCommand();
  });
  return out;
}

void Terminate(int pid) {
  if (pid > 0) kill(pid, SIGTERM);
}

void Log(const std::string& text) {
  const char* line = text.c_str();
  Guarded([&] { ereport(LOG, (errmsg_internal("capeai: %s", line))); });
}

void LogError(const char* what, const Error& error) {
  Log(std::string(what) + ": " + error.message + " (" + error.sqlstate + ")" +
      (error.detail.empty() ? "" : " " + error.detail));
}

void ReportFault(const char* what) noexcept {
  try {
    Guarded([&] { ereport(LOG, (errmsg_internal("capeai: %s ends: %s", MyBgworkerEntry->bgw_type, what))); });
  } catch (...) {
    // Without memory for a line in the log there is nothing left to say.
  }
}

void LogLastSeal(int64_t seal, const char* hash) noexcept {
  try {
    const auto number = static_cast<long long>(seal);
    Guarded([&] {
      ereport(LOG,
              (errmsg_internal("capeai: audit trail: ends with seal %lld, its hash is %s", number, hash)));
    });
  } catch (...) {
    // The process ends; the next one will say it.
  }
}

EventWait::EventWait(int fd) {
  Guarded([&] {
    WaitEventSet* set = NewWaitEventSetUnsafe(3);
    AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
    AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
    if (fd >= 0) AddWaitEventToSet(set, WL_SOCKET_READABLE, fd, nullptr, nullptr);
    set_ = set;
    wait_event_ = WaitEventUnsafe("CapeaiLoop");
  });
}

EventWait::Ready EventWait::Wait(Duration timeout) {
  const long ms = timeout.count() < 0 ? -1 : static_cast<long>((timeout.count() + 999) / 1000);
  return Guarded([&] {
    WaitEvent events[3];
    const int n = WaitEventSetWait(static_cast<WaitEventSet*>(set_), ms, events, 3, wait_event_);
    Ready ready;
    for (int i = 0; i < n; ++i) {
      if (events[i].events & WL_LATCH_SET) ready.latch = true;
      if (events[i].events & WL_SOCKET_READABLE) ready.fd = true;
    }
    if (ready.latch) ResetLatch(MyLatch);
    return ready;
  });
}

void WaitInBackend(Duration timeout) {
  const long ms = static_cast<long>((timeout.count() + 999) / 1000);
  Guarded([&] {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
                    WaitEventUnsafe("CapeaiAnswer"));
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  });
}

}  // namespace capeai::pg
