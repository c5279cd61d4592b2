// Who calls, and acting as someone else for a while.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "pg/sql.hpp"

namespace capeai::pg {

// The extension as installed in this database, looked up anew in every
// transaction (it may be dropped and created again).
struct Extension {
  Oid oid = 0;
  Oid owner = 0;        // owns the tables; capeai's own statements run as it
  std::string version;  // of the SQL objects
};
// Needs a transaction. Nothing when CREATE EXTENSION capeai has not been run here.
std::optional<Extension> FindExtension();

// The session as an ask or a submit carries it along; nothing else of it travels.
struct Caller {
  Oid role = 0;  // GetUserId(): inside SECURITY DEFINER, the definer
  bool superuser = false;
  std::string application_name;
  std::string client_addr;  // numeric, empty for a unix socket
};
// Call it before AsExtensionOwner.
Caller CurrentCaller();

// Whether `role` is a member of the role named `group` (false if there is none).
bool IsMember(Oid role, const char* group);
std::string RoleName(Oid role);  // empty if dropped
bool IsSuperuser(Oid role);

// "schema.function" with each part quoted as SQL needs it. 22023 if it is not a
// qualified name.
std::string QuoteQualified(const std::string& name);

// For its life time statements run as the extension's owner, with search_path
// pg_catalog, pg_temp, so that nothing of the caller's can get in between.
// Raises 55000 when the extension is missing. Restores on every way out.
class AsExtensionOwner {
 public:
  AsExtensionOwner();
  ~AsExtensionOwner();
  AsExtensionOwner(const AsExtensionOwner&) = delete;
  AsExtensionOwner& operator=(const AsExtensionOwner&) = delete;

 private:
  Oid saved_user_ = 0;
  int saved_context_ = 0;
  int guc_level_ = 0;
};

// For its life time statements run as `role`, security-restricted (no SET ROLE,
// no temp objects, no LISTEN...): for the user's own SQL in the helper.
class AsRestrictedRole {
 public:
  explicit AsRestrictedRole(Oid role);
  ~AsRestrictedRole();
  AsRestrictedRole(const AsRestrictedRole&) = delete;
  AsRestrictedRole& operator=(const AsRestrictedRole&) = delete;

 private:
  Oid saved_user_ = 0;
  int saved_context_ = 0;
  int guc_level_ = 0;
};

// UUIDv7. Raises if the system has no random numbers.
Uuid NewTaskId(WallTime now);
// Of one moment, in ascending order: tasks of equal priority run in the order of their ids, and indexes take
// ascending ids fastest.
std::vector<Uuid> NewTaskIds(size_t count);
// Drops what SQL may leave behind in a session whatever became of its transaction:
// advisory locks, values of sequences. For a process that works for one role
// after another.
void ForgetSession();

// Cryptographically strong; raises if the system has none.
void RandomBytes(void* out, size_t size);

// True during recovery: nothing can be written here.
bool InRecovery();
// What tells a copy of a database from the database: the oid of this one, and the
// number that initdb gave the cluster.
Oid DatabaseOid();
int64_t SystemIdentifier();
// Raises 57014 and the like when the statement was cancelled. Call between, not
// inside, pieces of C++ work that take long.
void CheckInterrupts();
// Start of the current transaction and of the current statement.
WallTime TransactionStart();

}  // namespace capeai::pg
