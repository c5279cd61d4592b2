#include "worker/helper_slots.hpp"

namespace capeai::worker {
namespace {

// A worker that waits for a slot looks more often than this.
constexpr Duration kWantedFor = std::chrono::seconds(1);

}  // namespace

pg::HelperSlot* ReserveHelper(pg::Oid database, MonoTime now) {
  pg::Shared* shared = pg::SharedMemory();
  for (pg::HelperSlot& slot : shared->helpers) {
    const int pid = slot.pid.load();
    if (pid != 0 && !pg::ProcessAlive(pid)) FreeHelper(slot);
    // Reserved by a worker of the same database before us.
    if (pid == 0 && slot.database.load() == database) return &slot;
  }
  for (pg::HelperSlot& slot : shared->helpers) {
    pg::Oid free = 0;
    if (slot.database.compare_exchange_strong(free, database)) return &slot;
  }
  shared->helper_wanted.store(now.time_since_epoch().count());
  return nullptr;
}

void GiveBackHelper(pg::HelperSlot& slot) {
  if (slot.pid.load() == 0) slot.database.store(0);
}

pg::HelperSlot* TakeReservedHelper(pg::Oid database) {
  for (pg::HelperSlot& slot : pg::SharedMemory()->helpers) {
    int none = 0;
    if (slot.database.load() == database && slot.pid.compare_exchange_strong(none, pg::ThisPid()))
      return &slot;
  }
  return nullptr;
}

// In this order: with the pid gone first it would look like a reserved one.
void FreeHelper(pg::HelperSlot& slot) {
  slot.database.store(0);
  slot.pid.store(0);
}

bool HelperWanted(MonoTime now) {
  const int64_t wanted = pg::SharedMemory()->helper_wanted.load();
  return wanted != 0 && now < MonoTime(Duration(wanted)) + kWantedFor;
}

}  // namespace capeai::worker
