// The cluster's few helper processes: which database has one, and whether
// another waits for one. In shared memory; nothing here waits or raises.
#pragma once

#include "base/time.hpp"
#include "pg/shared.hpp"

namespace capeai::worker {

// By a worker, before it starts a helper: a free slot, now reserved for
// `database`. nullptr when all are taken, which their holders then get to know.
pg::HelperSlot* ReserveHelper(pg::Oid database, MonoTime now);
// A helper that was to come has not: its slot is free again. Nothing if it has.
void GiveBackHelper(pg::HelperSlot& slot);

// By the helper: the slot that its worker reserved; nullptr if there is none any more.
pg::HelperSlot* TakeReservedHelper(pg::Oid database);
void FreeHelper(pg::HelperSlot& slot);

// Whether a worker found all slots taken a moment ago.
bool HelperWanted(MonoTime now);

}  // namespace capeai::worker
