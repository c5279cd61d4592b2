#include "pg/postgres.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/async.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/backend_status.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
}

#include <csignal>

#include "pg/bystander.hpp"
#include "pg/compat.hpp"
#include "pg/transaction.hpp"

namespace capeai::pg {

Transaction::Transaction(const char* activity) {
  Guarded([&] {
    pgstat_report_activity(STATE_RUNNING, activity);
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
  });
  open_ = true;
  try {
    Guarded([&] {
      PushActiveSnapshot(GetTransactionSnapshot());
      (void)set_config_option("lock_timeout", "10ms", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
                              false);
    });
  } catch (...) {
    AbortCurrentTransaction();
    throw;
  }
}

void Transaction::NeedNotLast() {
  Guarded([] {
    (void)set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true,
                            0, false);
  });
}

void Transaction::Commit() {
  const PostgresAtWork at_work;
  Guarded([] {
    PopActiveSnapshot();
    CommitTransactionCommand();
    pgstat_report_stat(false);
  });
  open_ = false;
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    Guarded([] { AbortCurrentTransaction(); });
  } catch (const PgError&) {
    // Nothing is left to undo: AbortCurrentTransaction has marked it aborted.
  }
}

Subtransaction::Subtransaction() {
  context_ = CurrentMemoryContext;
  owner_ = CurrentResourceOwner;
  Guarded([&] {
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(static_cast<MemoryContext>(context_));
  });
  open_ = true;
}

void Subtransaction::Commit() {
  Guarded([&] {
    ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(static_cast<MemoryContext>(context_));
    CurrentResourceOwner = static_cast<ResourceOwner>(owner_);
  });
  open_ = false;
}

Subtransaction::~Subtransaction() {
  if (!open_) return;
  try {
    Guarded([&] {
      RollbackAndReleaseCurrentSubTransaction();
      MemoryContextSwitchTo(static_cast<MemoryContext>(context_));
      CurrentResourceOwner = static_cast<ResourceOwner>(owner_);
    });
  } catch (const PgError&) {
    // The surrounding transaction is then unusable, and its next statement says so.
  }
}

namespace {

// PL/pgSQL can catch a cancel, nothing catches SIGTERM.
TimeoutId ObstinateTimeout() {
  static const TimeoutId id =
      Guarded([] { return RegisterTimeout(USER_TIMEOUT, [] { kill(MyProcPid, SIGTERM); }); });
  return id;
}

}  // namespace

StatementLimit::StatementLimit(Duration limit) {
  const TimeoutId obstinate = ObstinateTimeout();
  Guarded([&] {
    enable_timeout_after(STATEMENT_TIMEOUT, static_cast<int>(Millis(limit)));
    enable_timeout_after(obstinate, static_cast<int>(Millis(limit + kObstinacy)));
  });
}

StatementLimit::~StatementLimit() {
  disable_timeout(STATEMENT_TIMEOUT, false);
  disable_timeout(ObstinateTimeout(), false);
  // It may have come when nothing was there to be cancelled any more.
  QueryCancelPending = false;
}

bool LockTableNoWait(const char* schema, const char* table) {
  return Guarded([&] {
    const ::Oid space = get_namespace_oid(schema, true);
    const ::Oid relation = space == InvalidOid ? InvalidOid : get_relname_relid(table, space);
    if (relation == InvalidOid || !ConditionalLockRelationOid(relation, RowExclusiveLock)) return false;
    // It may have been dropped between the look-up and the lock.
    if (get_relname_relid(table, space) == relation) return true;
    UnlockRelationOid(relation, RowExclusiveLock);
    return false;
  });
}

std::vector<uint64_t> WritersOf(const char* schema, const char* table) {
  struct Found {
    VirtualTransactionId* ids;
    int count;
  };
  const Found found = Guarded([&] {
    const ::Oid space = get_namespace_oid(schema, true);
    const ::Oid relation = space == InvalidOid ? InvalidOid : get_relname_relid(table, space);
    LOCKTAG tag;
    SET_LOCKTAG_RELATION(tag, MyDatabaseId, relation);
    // Whoever writes holds a lock that this one conflicts with, from before its first row.
    Found out{nullptr, 0};
    out.ids = GetLockConflicts(&tag, ShareLock, &out.count);
    return out;
  });
  std::vector<uint64_t> out;
  for (int i = 0; i < found.count; ++i) out.push_back(VirtualTransactionNumber(found.ids[i]));
  return out;
}

void Notify(const char* channel, const char* payload) {
  Guarded([&] { Async_Notify(channel, payload); });
}

double NotifyQueueUsage() {
  return Guarded([] { return DatumGetFloat8(DirectFunctionCall1(pg_notification_queue_usage, 0)); });
}

void ReportIdle(const char* activity) {
  Guarded([&] { pgstat_report_activity(STATE_IDLE, activity); });
}

bool IsOwnTransaction(uint32_t xid) { return TransactionIdIsCurrentTransactionId(xid); }

LatestSnapshot::LatestSnapshot() {
  Guarded([] { PushActiveSnapshot(GetLatestSnapshot()); });
}

LatestSnapshot::~LatestSnapshot() {
  if (std::uncaught_exceptions() == 0) PopActiveSnapshot();
}

}  // namespace capeai::pg
