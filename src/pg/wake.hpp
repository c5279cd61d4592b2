// Waking the worker of this database when the current transaction commits.
#pragma once

#include <string>

namespace capeai::pg {

// At commit (not at abort, not at the rollback of a subtransaction that called
// it) the worker looks for tasks and signals at once. Costs one store and, at
// commit, one latch. PREPARE TRANSACTION announces nothing: the worker's
// fallback check finds those rows.
void WakeWorkerAtCommit();

// The same for limits or prices that changed: the worker reads them anew.
void TellWorkerOfLimitsAtCommit();

// At commit the launcher looks whether this database has got or lost the extension.
void TellLauncherAtCommit();

// The launcher looks at once whether this database has the extension. Never
// raises; needs shared memory.
void AnnounceDatabase(unsigned database);

// Installs the transaction callbacks; once per process, from _PG_init.
void RegisterWakeCallbacks();

// Whether a worker serves this database now; if not, why, and what to do.
bool WorkerAvailable(std::string* why_not, std::string* hint);

}  // namespace capeai::pg
