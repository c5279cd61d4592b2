#include "pg/postgres.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "commands/sequence.h"
#include "common/ip.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
}

#include <netdb.h>

#include <algorithm>
#include <utility>

#include "pg/guard.hpp"
#include "pg/session.hpp"

namespace capeai::pg {
namespace {

struct ExtensionRow {
  ::Oid oid;
  ::Oid owner;
  char version[64];
};

ExtensionRow FindExtensionUnsafe() {
  ExtensionRow row{};
  Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("capeai"));
  SysScanDesc scan = systable_beginscan(catalog, ExtensionNameIndexId, true, nullptr, 1, &key);
  HeapTuple tuple = systable_getnext(scan);
  if (HeapTupleIsValid(tuple)) {
    const auto* found = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple));
    row.oid = found->oid;
    row.owner = found->extowner;
    bool null;
    const Datum version = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(catalog), &null);
    if (!null) strlcpy(row.version, TextDatumGetCString(version), sizeof row.version);
  }
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return row;
}

int FixSearchPathUnsafe() {
  const int level = NewGUCNestLevel();
  (void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                          true, 0, false);
  return level;
}

// The client's numeric address as pg_stat_activity has it. (libpq-be.h would
// tell too, but drags in the headers of Kerberos.)
std::string ClientAddress() {
  if (!MyBEEntry) return "";
  const SockAddr& from = MyBEEntry->st_clientaddr;
  if (from.addr.ss_family != AF_INET && from.addr.ss_family != AF_INET6) return "";
  char host[NI_MAXHOST] = "";
  if (pg_getnameinfo_all(&from.addr, from.salen, host, sizeof host, nullptr, 0,
                         NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "";
  return host;
}

}  // namespace

std::optional<Extension> FindExtension() {
  const ExtensionRow row = Guarded([] { return FindExtensionUnsafe(); });
  if (row.oid == InvalidOid) return std::nullopt;
  return Extension{row.oid, row.owner, row.version};
}

Caller CurrentCaller() {
  Caller caller;
  caller.role = GetUserId();
  caller.superuser = Guarded([] { return superuser(); });
  if (application_name) caller.application_name = application_name;
  caller.client_addr = ClientAddress();
  return caller;
}

bool IsMember(Oid role, const char* group) {
  return Guarded([&] {
    const ::Oid oid = get_role_oid(group, true);
    return oid != InvalidOid && has_privs_of_role(role, oid);
  });
}

std::string RoleName(Oid role) {
  const char* name = Guarded([&]() -> const char* { return GetUserNameFromId(role, true); });
  return name ? name : "";
}

bool IsSuperuser(Oid role) {
  return Guarded([&] { return superuser_arg(role); });
}

std::string QuoteQualified(const std::string& name) {
  const size_t dot = name.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == name.size() ||
      name.find('.', dot + 1) != std::string::npos)
    Raise(sqlstate::kInvalidParameter, "\"" + name + "\" is not a schema-qualified function name");
  const std::string schema = name.substr(0, dot);
  const std::string function = name.substr(dot + 1);
  return Guarded(
      [&]() -> const char* { return quote_qualified_identifier(schema.c_str(), function.c_str()); });
}

AsExtensionOwner::AsExtensionOwner() {
  const auto extension = FindExtension();
  if (!extension)
    Raise(sqlstate::kNotInPrerequisiteState, "extension \"capeai\" is not installed in this database",
          "Run CREATE EXTENSION capeai.");
  ::Oid user;
  GetUserIdAndSecContext(&user, &saved_context_);
  saved_user_ = user;
  guc_level_ = Guarded([] { return FixSearchPathUnsafe(); });
  SetUserIdAndSecContext(extension->owner, saved_context_ | SECURITY_LOCAL_USERID_CHANGE);
}

AsExtensionOwner::~AsExtensionOwner() {
  // After an error the abort of the transaction restores both, and after a commit
  // inside this scope it has done so already: AtEOXact_GUC must not run then,
  // since its level is gone.
  SetUserIdAndSecContext(saved_user_, saved_context_);
  if (std::uncaught_exceptions() == 0 && IsTransactionState()) AtEOXact_GUC(false, guc_level_);
}

AsRestrictedRole::AsRestrictedRole(Oid role) {
  ::Oid user;
  GetUserIdAndSecContext(&user, &saved_context_);
  saved_user_ = user;
  guc_level_ = Guarded([] { return NewGUCNestLevel(); });
  SetUserIdAndSecContext(role, saved_context_ | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

AsRestrictedRole::~AsRestrictedRole() {
  SetUserIdAndSecContext(saved_user_, saved_context_);
  if (std::uncaught_exceptions() == 0 && IsTransactionState()) AtEOXact_GUC(false, guc_level_);
}

void ForgetSession() {
  Guarded([] {
    LockReleaseAll(USER_LOCKMETHOD, true);
    ResetSequenceCaches();
  });
}

void RandomBytes(void* out, size_t size) {
  if (!pg_strong_random(out, size)) Raise("XX000", "no random numbers are available");
}

Uuid NewTaskId(WallTime now) {
  // Drawn for many ids at a time, because asking takes longer than drawing. What was used is erased.
  static std::array<std::array<uint8_t, 8>, 64> drawn;
  static size_t left = 0;
  if (left == 0) {
    RandomBytes(drawn.data(), sizeof drawn);
    left = drawn.size();
  }
  return Uuid::V7(now, std::exchange(drawn[--left], {}));
}

std::vector<Uuid> NewTaskIds(size_t count) {
  std::vector<std::array<uint8_t, 8>> random(count);
  RandomBytes(random.data(), count * sizeof random[0]);
  const WallTime now = WallNow();
  std::vector<Uuid> ids(count);
  for (size_t i = 0; i < count; ++i) ids[i] = Uuid::V7(now, random[i]);
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool InRecovery() { return RecoveryInProgress(); }

Oid DatabaseOid() { return MyDatabaseId; }

int64_t SystemIdentifier() { return static_cast<int64_t>(GetSystemIdentifier()); }

void CheckInterrupts() {
  Guarded([] { CHECK_FOR_INTERRUPTS(); });
}

WallTime TransactionStart() {
  constexpr int64_t kShift = static_cast<int64_t>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
  return WallTime(Duration(GetCurrentTransactionStartTimestamp() + kShift));
}

}  // namespace capeai::pg
