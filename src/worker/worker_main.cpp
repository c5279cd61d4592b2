// The worker process: takes its slot, then runs the loop. One per served database.
#include "openai/json_memory.hpp"
#include "pg/process.hpp"
#include "pg/session.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/transaction.hpp"
#include "worker/loop.hpp"
#include "worker/mains.hpp"

namespace capeai::worker {
namespace {

uint64_t Half(const Uuid& id, size_t from) {
  uint64_t out = 0;
  for (size_t i = 0; i < 8; ++i) out = out << 8 | id.bytes[from + i];
  return out;
}

// No SQL and nothing that can raise: runs while the process ends.
void FreeSlot(void* arg) {
  auto& slot = *static_cast<pg::WorkerSlot*>(arg);
  if (const int64_t seal = slot.sealed_seq.exchange(0)) pg::LogLastSeal(seal, slot.sealed_hash);
  slot.pid.store(0);
  slot.state.store(static_cast<int>(pg::WorkerState::kFree));
  slot.in_flight.store(0);
  slot.asks.store(0);
  slot.database.store(0);
  pg::Shared* shared = pg::SharedMemory();
  shared->look_again.store(1);
  pg::SetLatchOf(shared->launcher_proc.load());
}

// The loop that this process runs. A process that ends in the middle of a
// statement leaves no frame, so nothing is destroyed.
Loop* running = nullptr;

class Running {
 public:
  explicit Running(Loop& loop) { running = &loop; }
  ~Running() { running = nullptr; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
};

void StopThread(void*) {
  if (running) running->StopThread();
}

bool HasExtension() {
  pg::Transaction transaction("capeai: looking for the extension");
  const bool found = pg::FindExtension().has_value();
  transaction.Commit();
  return found;
}

void Serve(int index, pg::Oid database) {
  pg::Shared* shared = pg::SharedMemory();
  pg::WorkerSlot& slot = shared->workers[index];
  if (slot.database.load() != database) return;  // the launcher gave it to somebody else meanwhile
  pg::AtProcessEnd(FreeSlot, &slot);
  pg::InitProcess(database);
  pg::PlanByIndex();
  PoolJsonMemory();
  if (!HasExtension()) {
    slot.finding.store(static_cast<int>(pg::StartFinding::kNoExtension));
    return;
  }
  // The slot and this lock together: whoever else believes to be the worker of
  // this database (a process that the slot has lost track of) keeps us out.
  if (!pg::TrySessionLock(0x63617065, 0x61690001)) {
    pg::Log("another capeai worker still serves this database; it will be tried again");
    return;
  }
  Uuid incarnation;
  pg::RandomBytes(incarnation.bytes.data(), incarnation.bytes.size());
  slot.incarnation_hi.store(Half(incarnation, 0));
  slot.incarnation_lo.store(Half(incarnation, 8));
  slot.proc.store(pg::ThisProc());
  slot.started_at.store(WallNow().time_since_epoch().count());
  slot.heartbeat.store(MonoNow().time_since_epoch().count());
  slot.yield.store(0);
  slot.state.store(static_cast<int>(pg::WorkerState::kStarting));
  Loop loop(index, incarnation);
  const Running marked(loop);
  pg::AtProcessEnd(StopThread, nullptr);
  // Only now is it up: what cannot even begin is put off by the launcher, longer each time.
  slot.finding.store(static_cast<int>(pg::StartFinding::kServes));
  slot.pid.store(pg::ThisPid());
  loop.Run();
}

}  // namespace

void WorkerMain() {
  const pg::ProcessArguments arguments = pg::GetProcessArguments();
  Serve(arguments.argument, arguments.database);
}

}  // namespace capeai::worker
