// _PG_init and nothing else.
#include "pg/postgres.hpp"

#include "pg/ddl_hook.hpp"
#include "pg/process.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/wake.hpp"

extern "C" {
PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) {
  using namespace capeai::pg;
  RegisterSettings();
  RegisterWakeCallbacks();
  // Loaded late, by a session: functions work that need no worker, and the others
  // say what to set. pg_upgrade must find no process of ours in its servers.
  if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade) return;
  RequestSharedMemory();
  InstallDdlHook();
  RegisterLauncher();
}
}
