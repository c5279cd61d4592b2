#include "pg/postgres.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

#include "pg/guard.hpp"
#include "pg/keys_held.hpp"

namespace capeai::pg {
namespace {

bool OnlyChecksKeyUnsafe(const char* schema, const char* name, ::Oid referenced) {
  Relation table = table_openrv(makeRangeVar(pstrdup(schema), pstrdup(name), -1), RowExclusiveLock);
  bool only = !table->rd_rules;
  const TriggerDesc* triggers = table->trigdesc;
  for (int i = 0; triggers && i < triggers->numtriggers; ++i) {
    const Trigger& trigger = triggers->triggers[i];
    if (!TRIGGER_FOR_INSERT(trigger.tgtype)) continue;
    only = only && trigger.tgfoid == F_RI_FKEY_CHECK_INS && trigger.tgconstrrelid == referenced;
  }
  table_close(table, NoLock);
  return only;
}

}  // namespace

// As the subscriber of a logical replication does, which applies rows that have been checked elsewhere. The
// variable, not the setting: that throws away every plan, for rules are applied in them; here there are none.
KeysHeld::KeysHeld(const char* schema, std::initializer_list<const char*> tables, const char* referenced)
    : saved_role_(SessionReplicationRole) {
  const bool skip = Guarded([&] {
    const ::Oid held = get_relname_relid(referenced, get_namespace_oid(schema, false));
    bool only = true;
    for (const char* table : tables) only = OnlyChecksKeyUnsafe(schema, table, held) && only;
    return only;
  });
  if (skip) SessionReplicationRole = SESSION_REPLICATION_ROLE_REPLICA;
}

KeysHeld::~KeysHeld() { SessionReplicationRole = saved_role_; }

}  // namespace capeai::pg
