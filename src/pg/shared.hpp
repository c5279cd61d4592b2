// The shared memory of capeai: who serves which database, who asks, who waits,
// what runs, and what the providers said. Allocated at server start when capeai
// is preloaded; lost (and made anew, zeroed) when the server restarts after a
// crash. Plain atomics: no lock is ever waited for, nothing here can block, and a
// process that is stopped in the middle blocks nobody.
//
// It holds no pointer and nothing that belongs to one process.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>

#include "base/time.hpp"
#include "base/uuid.hpp"

namespace capeai::pg {

using Oid = unsigned int;

inline constexpr int kMaxWorkers = 64;    // upper bound of capeai.max_workers
inline constexpr int kMaxHelpers = 2;     // in the whole cluster
inline constexpr int kMaxHolds = 16;      // databases held for DDL at one time
inline constexpr int kMaxProviders = 64;  // (base_url, key, model) with a pause or a breaker
inline constexpr int kLlmEndings = 9;     // metrics::Ending
inline constexpr int kLatencyBuckets = 20;

enum class WorkerState : int { kFree, kStarting, kRunning, kPausedVersion, kDisabled, kStopping };

// What a start has found out so far; kNothing at its end: it failed, and says nothing about the database.
enum class StartFinding : int { kNothing, kNoExtension, kServes };

enum class ProviderUse : int { kUnknown, kModel, kExtractive, kProblem };

inline constexpr uint32_t kWakeForWork = 1;    // there may be tasks or signals
inline constexpr uint32_t kWakeForLimits = 2;  // capeai.limits has changed

// A budget of the day that is used up, for those who submit: a hash of what it
// is the budget of, and until when. Those that find no place here are known to
// the worker all the same.
struct SpentBudget {
  std::atomic<uint64_t> key;
  std::atomic<int64_t> until;  // WallTime, microseconds
};
inline constexpr int kMaxSpentBudgets = 64;

// What a served database shows of itself. Written by its worker only, except
// where noted.
struct WorkerSlot {
  std::atomic<Oid> database;  // 0: free. Set by the launcher
  std::atomic<int> pid;       // 0: none attached
  std::atomic<int> proc;      // index of its PGPROC, for the latch
  std::atomic<int> state;     // WorkerState
  std::atomic<int> finding;   // StartFinding; reset by the launcher before a start
  std::atomic<int> provider;  // ProviderUse
  std::atomic<uint64_t> incarnation_hi, incarnation_lo;
  std::atomic<int64_t> started_at;   // WallTime, microseconds
  std::atomic<int64_t> heartbeat;    // MonoTime, microseconds
  std::atomic<uint32_t> wake;        // bits kWakeFor..., set by backends at commit
  std::atomic<uint32_t> yield;       // set by the launcher: another database waits for a slot
  std::atomic<uint32_t> waiters;     // backends in capeai_wait on this database
  std::atomic<uint32_t> committing;  // inside a commit (for "waiting for standby")
  std::atomic<uint32_t> notify_skipped, lock_waits;
  std::atomic<int64_t> in_flight, asks, streams;
  std::atomic<uint64_t> claimed, succeeded, failed, cancelled, retried, stale;
  std::atomic<uint64_t> requests, transactions;
  std::atomic<int64_t> effective_max_in_flight;
  std::atomic<int64_t> sealed_seq, sealed_event;  // the end of the audit trail's chain; 0: not known
  std::atomic<uint32_t> seal_refused;             // capeai.audit_key_file cannot be read
  char sealed_hash[72];                 // of it, in hexadecimal; valid while sealed_seq stays the same
  SpentBudget spent[kMaxSpentBudgets];  // forgotten by backends that change a limit or a price
};

// A database that was seen to have the extension, or announced at commit.
struct DatabaseHold {
  std::atomic<Oid> database;  // statements like DROP DATABASE are under way on it
  std::atomic<int> pid;       // of the backend that runs them
};

// One entry per PGPROC of the server.
struct BackendPost {
  std::atomic<uint32_t> channel;    // dsm_handle of its channel, 0: none
  std::atomic<uint64_t> waits_for;  // low half of the task id that capeai_wait waits for
};

// A running task as capeai.active_tasks shows it. One writer (the worker that
// took it); readers take a copy and check `version` (even: stable).
struct ActiveTask {
  std::atomic<uint32_t> version;
  std::atomic<Oid> database;  // 0: unused
  std::atomic<uint64_t> id_hi, id_lo;
  std::atomic<Oid> owner;
  std::atomic<int32_t> attempt, step, progress;
  std::atomic<int64_t> started_at;  // WallTime
  std::atomic<uint64_t> received;   // bytes from the model
  char step_name[32];               // guarded by version
};

// Calls of one provider and model. All zero at first; written by metrics/.
struct LlmCounters {
  std::atomic<uint64_t> endings[kLlmEndings];
  std::atomic<uint64_t> opened, reused, http2;
  std::atomic<uint64_t> bytes_sent, bytes_received;
  std::atomic<uint64_t> prompt_tokens, completion_tokens;
  std::atomic<uint64_t> latency[kLatencyBuckets];
};

// State of one provider, cluster-wide. Keyed by a hash of base_url, key and
// model; a slot is taken by compare-exchange on `key` and never given back
// before the next restart.
struct ProviderState {
  std::atomic<uint64_t> key;
  std::atomic<int64_t> paused_until;  // MonoTime; set by 429 and Retry-After
  std::atomic<uint32_t> lock;         // of `breaker` and `buckets`; tried, never waited for
  alignas(8) char breaker[64];        // policy::CircuitBreaker; its state in the next two
  alignas(8) char buckets[2][32];     // policy::TokenBucket of requests and of tokens
  std::atomic<int32_t> consecutive_faults;
  std::atomic<int64_t> open_until;  // MonoTime; 0: closed
  std::atomic<int> prober;          // pid of the worker whose request is the probe under way; 0: none
  char label[64];                   // model @ host, written once by who took the slot
  LlmCounters calls;
};

// A refusal on its way to the audit trail (pg/refusals.hpp). Whoever made `state`
// kWriting writes the rest; the worker of the database reads it when it is kReady.
struct RefusalPlace {
  std::atomic<int> state;
  std::atomic<int> pid;  // of the writer
  Oid database, role, function;
  char sqlstate[6];
  int64_t at;  // WallTime, microseconds
};
inline constexpr int kMaxRefusals = 128;

struct HelperSlot {
  std::atomic<Oid> database;  // 0: free. Set by the worker that starts a helper
  std::atomic<int> pid;       // 0: not there yet
};

struct Shared {
  std::atomic<int> launcher_pid;
  std::atomic<int> launcher_proc;
  std::atomic<uint32_t> look_again;         // a database may have got or lost the extension
  std::atomic<Oid> announced[64];           // which (0: free)
  std::atomic<uint32_t> announcement_lost;  // there was no room for one: look at all
  std::atomic<int64_t> databases_known, databases_waiting;
  std::atomic<int64_t> launch_failures;
  std::atomic<int64_t> helper_wanted;  // MonoTime: when a worker last found all helper slots taken
  int max_workers;                     // as configured at start
  int max_backends;                    // entries of posts
  int max_active;                      // entries of active tasks
  WorkerSlot workers[kMaxWorkers];
  HelperSlot helpers[kMaxHelpers];
  RefusalPlace refusals[kMaxRefusals];
  std::atomic<uint64_t> refusals_lost;
  DatabaseHold holds[kMaxHolds];
  ProviderState providers[kMaxProviders];
  // followed by: BackendPost[max_backends], attention bits[max_workers][words], ActiveTask[max_active]
};

// Asks for the memory and attaches to it; call from _PG_init while preloading.
void RequestSharedMemory();

// nullptr when capeai is not in shared_preload_libraries.
Shared* SharedMemory();

BackendPost& PostOf(int proc);
int BackendCount();
// All entries of active tasks, whoever's.
ActiveTask* ActiveTasks(int* count);
// Takes a free entry for `database`, searching from `*from` on; nullptr when there
// is none. Given back by storing 0 to its `database`.
ActiveTask* TakeActiveTask(Oid database, int* from);

// The slot that serves `database`, or -1.
int SlotOfDatabase(Oid database);

// Names of budgets in WorkerSlot::spent.
uint64_t SpentKey(Oid role);
uint64_t SpentKey(const Uuid& agent);
uint64_t SpentKey(const std::string& model);
// Whether one of these is known to be used up at `now`, in this database.
bool AnySpent(std::initializer_list<uint64_t> keys, WallTime now);

// Tasks that the workers of all other slots run now.
int64_t InFlightElsewhere(int slot);

// Backends that want the attention of the worker in `slot`.
void RaiseAttention(int slot, int proc);
// Calls `visit(proc)` for each raised one and lowers it.
template <class F>
void TakeAttention(int slot, F&& visit);
std::atomic<uint64_t>* AttentionWords(int slot, int* count);

template <class F>
void TakeAttention(int slot, F&& visit) {
  int count = 0;
  std::atomic<uint64_t>* words = AttentionWords(slot, &count);
  for (int w = 0; w < count; ++w) {
    if (words[w].load(std::memory_order_relaxed) == 0) continue;
    uint64_t bits = words[w].exchange(0, std::memory_order_acq_rel);
    for (; bits; bits &= bits - 1) visit(w * 64 + __builtin_ctzll(bits));
  }
}

// Sets the latch of the process at `proc` (an index of PGPROC). Never raises;
// harmless if that process is gone.
void SetLatchOf(int proc);
int ThisProc();
int ThisPid();
Oid ThisDatabase();
bool ProcessAlive(int pid);

}  // namespace capeai::pg
