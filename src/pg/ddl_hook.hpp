// Statements about whole databases fail while somebody is connected to them,
// and our worker always is. So it is sent away first and kept away until the
// statement has ended (TimescaleDB's loader is the model).
#pragma once

namespace capeai::pg {

// Installs the ProcessUtility hook; from _PG_init while preloading.
void InstallDdlHook();

}  // namespace capeai::pg
