// What differs between PostgreSQL 15, 16, 17 and 18, in one place. Included
// after pg/postgres.hpp by the .cpp files of pg/.
#pragma once

extern "C" {
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif
#include "catalog/pg_database.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"
}

#include <cstdint>
#include <cstdlib>

namespace capeai::pg {

// This process's index in ProcGlobal->allProcs.
inline int MyProcIndex() {
#if PG_VERSION_NUM >= 170000
  return MyProcNumber;
#else
  return MyProc->pgprocno;
#endif
}

inline PGPROC* ProcAt(int index) { return &ProcGlobal->allProcs[index]; }

inline WaitEventSet* NewWaitEventSetUnsafe(int events) {
#if PG_VERSION_NUM >= 170000
  return CreateWaitEventSet(nullptr, events);
#else
  return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

// The wait event that pg_stat_activity shows; named from 17 on.
inline uint32 WaitEventUnsafe([[maybe_unused]] const char* name) {
#if PG_VERSION_NUM >= 170000
  return WaitEventExtensionNew(name);
#else
  return PG_WAIT_EXTENSION;
#endif
}

// A virtual transaction id as one number.
inline uint64_t VirtualTransactionNumber(const VirtualTransactionId& id) {
#if PG_VERSION_NUM >= 170000
  return static_cast<uint64_t>(static_cast<uint32_t>(id.procNumber)) << 32 | id.localTransactionId;
#else
  return static_cast<uint64_t>(static_cast<uint32_t>(id.backendId)) << 32 | id.localTransactionId;
#endif
}

// Memory of a setting's value or extra: malloc below 16, a context of its own
// since. nullptr when there is none left.
inline void* GucAlloc(size_t size) {
#if PG_VERSION_NUM >= 160000
  return guc_malloc(LOG, size);
#else
  return std::malloc(size);
#endif
}
inline void GucFree(void* memory) {
#if PG_VERSION_NUM >= 160000
  guc_free(memory);
#else
  std::free(memory);
#endif
}

inline bool OwnsDatabaseUnsafe(::Oid database) {
#if PG_VERSION_NUM >= 160000
  return object_ownercheck(DatabaseRelationId, database, GetUserId());
#else
  return pg_database_ownercheck(database, GetUserId());
#endif
}

}  // namespace capeai::pg
