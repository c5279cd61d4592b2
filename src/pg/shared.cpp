#include "pg/postgres.hpp"

extern "C" {
#include "access/twophase.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

#include <algorithm>
#include <csignal>

#include "pg/compat.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"

namespace capeai::pg {
namespace {

Shared* shared = nullptr;
shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

struct Layout {
  size_t posts, attention, active, total;
  int backends, words, workers, active_count;
};

Layout ComputeLayout() {
  Layout at{};
  at.backends = MaxBackends + NUM_AUXILIARY_PROCS + max_prepared_xacts;
  at.words = (at.backends + 63) / 64;
  at.workers = settings::MaxWorkers();
  at.active_count = settings::MaxInFlightTotal();
  at.posts = MAXALIGN(sizeof(Shared));
  at.attention = at.posts + MAXALIGN(sizeof(BackendPost) * static_cast<size_t>(at.backends));
  at.active = at.attention + sizeof(uint64_t) * static_cast<size_t>(at.words * at.workers);
  at.total = at.active + sizeof(ActiveTask) * static_cast<size_t>(at.active_count);
  return at;
}

Layout layout;

template <class T>
T* At(size_t offset) {
  return reinterpret_cast<T*>(reinterpret_cast<char*>(shared) + offset);
}

void OnRequest() {
  if (previous_request_hook) previous_request_hook();
  RequestAddinShmemSpace(ComputeLayout().total);
}

void OnStartup() {
  if (previous_startup_hook) previous_startup_hook();
  layout = ComputeLayout();
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  bool found = false;
  shared = static_cast<Shared*>(ShmemInitStruct("capeai", layout.total, &found));
  if (!found) {
    // All members are atomics and plain integers for which zero bytes are the initial state.
    memset(static_cast<void*>(shared), 0, layout.total);
    shared->max_workers = layout.workers;
    shared->max_backends = layout.backends;
    shared->max_active = layout.active_count;
  }
  LWLockRelease(AddinShmemInitLock);
}

static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
              "shared memory needs address-free atomics");

}  // namespace

void RequestSharedMemory() {
  previous_request_hook = shmem_request_hook;
  shmem_request_hook = OnRequest;
  previous_startup_hook = shmem_startup_hook;
  shmem_startup_hook = OnStartup;
}

Shared* SharedMemory() { return shared; }

BackendPost& PostOf(int proc) { return At<BackendPost>(layout.posts)[proc]; }
int BackendCount() { return layout.backends; }

ActiveTask* ActiveTasks(int* count) {
  *count = layout.active_count;
  return At<ActiveTask>(layout.active);
}

ActiveTask* TakeActiveTask(Oid database, int* from) {
  auto* tasks = At<ActiveTask>(layout.active);
  for (int looked = 0; looked < layout.active_count; ++looked) {
    *from = (*from + 1) % layout.active_count;
    Oid free = 0;
    if (tasks[*from].database.compare_exchange_strong(free, database)) return &tasks[*from];
  }
  return nullptr;
}

std::atomic<uint64_t>* AttentionWords(int slot, int* count) {
  *count = layout.words;
  return At<std::atomic<uint64_t>>(layout.attention) + static_cast<ptrdiff_t>(layout.words) * slot;
}

int64_t InFlightElsewhere(int slot) {
  int64_t sum = 0;
  for (int i = 0; i < shared->max_workers; ++i)
    if (i != slot) sum += shared->workers[i].in_flight.load(std::memory_order_relaxed);
  return sum;
}

void RaiseAttention(int slot, int proc) {
  int count = 0;
  AttentionWords(slot, &count)[proc / 64].fetch_or(uint64_t{1} << (proc % 64), std::memory_order_acq_rel);
}

int SlotOfDatabase(Oid database) {
  if (!shared) return -1;
  for (int i = 0; i < shared->max_workers; ++i)
    if (shared->workers[i].database.load() == database) return i;
  return -1;
}

uint64_t SpentKey(Oid role) { return (uint64_t{role} << 2) | 1; }
uint64_t SpentKey(const Uuid& agent) { return (std::hash<Uuid>{}(agent) << 2) | 2; }
uint64_t SpentKey(const std::string& model) { return (std::hash<std::string>{}(model) << 2) | 3; }

bool AnySpent(std::initializer_list<uint64_t> keys, WallTime now) {
  const int index = SlotOfDatabase(MyDatabaseId);
  if (index < 0) return false;
  for (const SpentBudget& entry : shared->workers[index].spent) {
    if (entry.until.load() <= now.time_since_epoch().count()) continue;
    const uint64_t key = entry.key.load();
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) return true;
  }
  return false;
}

void SetLatchOf(int proc) {
  if (proc >= 0 && proc < layout.backends) SetLatch(&ProcAt(proc)->procLatch);
}

int ThisProc() { return MyProcIndex(); }
int ThisPid() { return MyProcPid; }
Oid ThisDatabase() { return MyDatabaseId; }
bool ProcessAlive(int pid) { return pid > 0 && kill(pid, 0) == 0; }

}  // namespace capeai::pg
