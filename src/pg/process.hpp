// capeai's own processes: registering and starting background workers, their
// signals, and waiting for a latch, a file descriptor or the time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "pg/sql.hpp"

namespace capeai::pg {

// At preload: the launcher, one per cluster, started when recovery is over.
void RegisterLauncher();

enum class StartResult { kStarted, kNoSlot, kFailed };
// Starts a worker or helper process for `database` and does not wait for it.
// `main` is the exported C function; `type` shows as backend_type.
StartResult StartProcess(const char* type, const char* main, Oid database, int argument);

// First act of a process main: signals (SIGTERM ends it at the next
// ServiceInterrupts, SIGHUP reloads). The launcher passes database 0: shared
// catalogs only.
void InitProcess(Oid database);
// This process's statements join by index, too, whatever the statistics say (sql.hpp): a plan made while a
// table was nearly empty would read the whole of its index for each batch of rows.
void PlanByIndex();
// What StartProcess passed.
struct ProcessArguments {
  Oid database;
  int argument;
};
ProcessArguments GetProcessArguments();

// Runs `callback(arg)` when this process ends, on every way out but SIGKILL. It
// must not raise and not use SQL.
void AtProcessEnd(void (*callback)(void*), void* arg);

// Handles what signals asked for: ends the process on SIGTERM, absorbs barriers,
// reloads the configuration (true if it did).
bool ServiceInterrupts();

// Ends this process. `restart` false: exit code 0.
[[noreturn]] void LeaveProcess(bool restart);

// Holds a session-level advisory lock for the life of the process; false if
// another process holds it.
bool TrySessionLock(uint32_t key_high, uint32_t key_low);

// Names and oids of all connectable databases (launcher; opens a transaction).
struct DatabaseInfo {
  Oid oid;
  std::string name;
};
std::vector<DatabaseInfo> ListDatabases();

// SIGTERM to a process of ours.
void Terminate(int pid);

// LOG lines in the server log.
void Log(const std::string& text);
void LogError(const char* what, const Error& error);

// For a process that is about to end by a fault of its own: never raises.
void ReportFault(const char* what) noexcept;

// For a process that ends: where the chain of the audit trail's seals ends. Never raises.
void LogLastSeal(int64_t seal, const char* hash) noexcept;

// Waits for this process's latch, one file descriptor, or the time-out; ends
// the process when the postmaster is gone.
class EventWait {
 public:
  explicit EventWait(int fd);  // -1: latch only
  struct Ready {
    bool latch = false;
    bool fd = false;
  };
  // `timeout` below zero waits for ever. The latch is reset before returning.
  Ready Wait(Duration timeout);

 private:
  void* set_ = nullptr;  // WaitEventSet, lives as long as the process
  uint32_t wait_event_ = 0;
};

// In a backend: waits for the latch for at most `timeout`, then serves
// interrupts (so a cancelled statement raises here). The latch is reset.
void WaitInBackend(Duration timeout);

}  // namespace capeai::pg
