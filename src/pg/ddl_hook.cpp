#include "pg/postgres.hpp"

extern "C" {
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "nodes/parsenodes.h"
#include "storage/ipc.h"
#include "tcop/utility.h"
#include "utils/acl.h"
}

#include <csignal>

#include "pg/compat.hpp"
#include "pg/ddl_hook.hpp"
#include "pg/shared.hpp"
#include "pg/wake.hpp"

namespace capeai::pg {
namespace {

ProcessUtility_hook_type previous_hook = nullptr;

constexpr int kLeaveLimitMs = 5000;  // as long as PostgreSQL itself waits for others to leave
constexpr int kPollMs = 10;

DefElem* FindOption(List* options, const char* name) {
  ListCell* cell;
  foreach (cell, options) {
    auto* option = lfirst_node(DefElem, cell);
    if (strcmp(option->defname, name) == 0) return option;
  }
  return nullptr;
}

// The database that `statement` needs for itself, or InvalidOid.
::Oid NeededAloneUnsafe(Node* statement) {
  switch (nodeTag(statement)) {
    case T_DropdbStmt:
      return get_database_oid(castNode(DropdbStmt, statement)->dbname, true);
    case T_RenameStmt: {
      auto* rename = castNode(RenameStmt, statement);
      return rename->renameType == OBJECT_DATABASE ? get_database_oid(rename->subname, true) : InvalidOid;
    }
    case T_AlterDatabaseStmt: {
      auto* alter = castNode(AlterDatabaseStmt, statement);
      return FindOption(alter->options, "tablespace") ? get_database_oid(alter->dbname, true) : InvalidOid;
    }
    case T_CreatedbStmt: {
      DefElem* source = FindOption(castNode(CreatedbStmt, statement)->options, "template");
      return source && source->arg ? get_database_oid(defGetString(source), true) : InvalidOid;
    }
    default:
      return InvalidOid;
  }
}

// Whether after it a database may have capeai that had it not, have another version, or have it no more.
bool ConcernsExtension(Node* statement) {
  if (IsA(statement, CreateExtensionStmt))
    return strcmp(castNode(CreateExtensionStmt, statement)->extname, "capeai") == 0;
  if (IsA(statement, AlterExtensionStmt))
    return strcmp(castNode(AlterExtensionStmt, statement)->extname, "capeai") == 0;
  // A new database may bring it from its template.
  if (IsA(statement, CreatedbStmt)) return true;
  // DROP EXTENSION ... CASCADE of another one, DROP SCHEMA, DROP OWNED may take it
  // along: a look too many costs nothing.
  return IsA(statement, DropStmt) || IsA(statement, DropOwnedStmt);
}

DatabaseHold* TakeHold(Shared* shared, ::Oid database) {
  for (auto& hold : shared->holds) {
    Oid free = 0;
    const int pid = hold.pid.load();
    if (hold.database.load() != 0 && !ProcessAlive(pid)) hold.database.store(0);
    if (!hold.database.compare_exchange_strong(free, database)) continue;
    hold.pid.store(MyProcPid);
    return &hold;
  }
  return nullptr;
}

void ReleaseHold(DatabaseHold* hold) {
  const Oid database = hold->database.load();
  hold->pid.store(0);
  hold->database.store(0);
  AnnounceDatabase(database);
}

bool SomebodyServes(Shared* shared, ::Oid database) {
  bool any = false;
  const auto ask_to_leave = [&](Oid served, int pid) {
    if (served != database || pid == 0) return;
    any = true;
    kill(pid, SIGTERM);
  };
  for (int i = 0; i < shared->max_workers; ++i) {
    if (shared->workers[i].database.load() == database && shared->workers[i].pid.load() == 0) any = true;
    ask_to_leave(shared->workers[i].database.load(), shared->workers[i].pid.load());
  }
  for (auto& helper : shared->helpers) ask_to_leave(helper.database.load(), helper.pid.load());
  return any;
}

void SendAwayUnsafe(Shared* shared, ::Oid database) {
  for (int waited = 0; waited < kLeaveLimitMs && SomebodyServes(shared, database); waited += kPollMs) {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kPollMs,
                    WaitEventUnsafe("CapeaiWorkerLeaves"));
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  }
}

// What PostgreSQL passes to the hook.
struct Call {
  PlannedStmt* statement;
  const char* text;
  bool read_only_tree;
  ProcessUtilityContext context;
  ParamListInfo params;
  QueryEnvironment* environment;
  DestReceiver* destination;
  QueryCompletion* completion;
};

void RunUnsafe(const Call& call) {
  auto* next = previous_hook ? previous_hook : standard_ProcessUtility;
  next(call.statement, call.text, call.read_only_tree, call.context, call.params, call.environment,
       call.destination, call.completion);
}

// A frame of its own, so that nothing lives in it that PG_TRY could clobber.
__attribute__((noinline)) void RunHeldUnsafe(Shared* shared, DatabaseHold* hold, const Call& call) {
  PG_TRY();
  {
    SendAwayUnsafe(shared, hold->database.load());
    RunUnsafe(call);
  }
  PG_CATCH();
  {
    ReleaseHold(hold);
    PG_RE_THROW();
  }
  PG_END_TRY();
  ReleaseHold(hold);
}

// Called by PostgreSQL: C rules, nothing here has a destructor.
void OnUtility(PlannedStmt* statement, const char* text, bool read_only_tree, ProcessUtilityContext context,
               ParamListInfo params, QueryEnvironment* environment, DestReceiver* destination,
               QueryCompletion* completion) {
  const Call call{statement, text, read_only_tree, context, params, environment, destination, completion};
  Shared* shared = SharedMemory();
  Node* node = statement->utilityStmt;
  if (ConcernsExtension(node)) {
    TellLauncherAtCommit();
    WakeWorkerAtCommit();
  }
  const ::Oid database = shared ? NeededAloneUnsafe(node) : InvalidOid;
  // Only for those whose statement would get so far; the others get their error.
  const bool allowed = database != InvalidOid && (superuser() || OwnsDatabaseUnsafe(database));
  DatabaseHold* hold = allowed ? TakeHold(shared, database) : nullptr;
  if (hold)
    RunHeldUnsafe(shared, hold, call);
  else
    RunUnsafe(call);
}

}  // namespace

void InstallDdlHook() {
  previous_hook = ProcessUtility_hook;
  ProcessUtility_hook = OnUtility;
}

}  // namespace capeai::pg
