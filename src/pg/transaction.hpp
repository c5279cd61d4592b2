// Transactions of capeai's own processes (a backend has its caller's).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/guard.hpp"
#include "pg/sql.hpp"

namespace capeai::pg {

// Opens a transaction with a snapshot, shown as `activity` in pg_stat_activity.
// Commit() or, without it, the destructor's abort ends it. Errors of the work
// inside are PgErrors that leave through it.
class Transaction {
 public:
  explicit Transaction(const char* activity);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // What it writes may be lost in a crash: the commit need not wait for the disk.
  void NeedNotLast();
  // Throws if the commit fails; the transaction is then aborted.
  void Commit();

 private:
  bool open_ = false;
};

// A subtransaction: what is written inside goes if Commit() is not reached.
class Subtransaction {
 public:
  Subtransaction();
  ~Subtransaction();
  Subtransaction(const Subtransaction&) = delete;
  Subtransaction& operator=(const Subtransaction&) = delete;
  void Commit();

 private:
  bool open_ = false;
  void* context_ = nullptr;  // MemoryContext of the caller
  void* owner_ = nullptr;    // ResourceOwner of the caller
};

// Cancels (57014) what the enclosing transaction still does after `limit`, and
// ends the process when that is caught and goes on for kObstinacy. Only in
// processes of our own, one at a time.
inline constexpr Duration kObstinacy = std::chrono::seconds(2);
class StatementLimit {
 public:
  explicit StatementLimit(Duration limit);
  ~StatementLimit();
  StatementLimit(const StatementLimit&) = delete;
  StatementLimit& operator=(const StatementLimit&) = delete;
};

// Takes RowExclusiveLock on schema.table without waiting; false if it is not
// free or the table is gone. `oid` caches the table's oid between calls.
bool LockTableNoWait(const char* schema, const char* table);

// The transactions that have written to schema.table, or may be about to, and have
// not ended; this one aside. Names of no use but to tell them apart.
std::vector<uint64_t> WritersOf(const char* schema, const char* table);

// Queues a notification, delivered at commit of the open transaction. `channel`
// at most 63 bytes, `payload` below 8000.
void Notify(const char* channel, const char* payload);
// Share of the server's notification queue in use, 0..1.
double NotifyQueueUsage();

// pg_stat_activity.query of this process while no transaction runs.
void ReportIdle(const char* activity);

// Whether the transaction id (a row's xmin) is this transaction's own, or one of its subtransactions.
bool IsOwnTransaction(uint32_t xid);

// For its life time statements see what is committed now, whatever the
// isolation level of the transaction (for capeai_wait).
class LatestSnapshot {
 public:
  LatestSnapshot();
  ~LatestSnapshot();
  LatestSnapshot(const LatestSnapshot&) = delete;
  LatestSnapshot& operator=(const LatestSnapshot&) = delete;
};

}  // namespace capeai::pg
