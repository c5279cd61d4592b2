// What the three kinds of process do. They return when the process has nothing
// more to do; errors leave as pg::PgError.
#pragma once

namespace capeai::worker {

void LauncherMain();  // launcher.cpp
void WorkerMain();    // worker_main.cpp
void HelperMain();    // helper_main.cpp

}  // namespace capeai::worker
