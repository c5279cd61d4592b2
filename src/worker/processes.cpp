// The C entry points of the background processes, and the guard around them:
// whatever C++ throws, the process ends with an exit code, never the server.
#include "pg/guard.hpp"
#include "pg/process.hpp"
#include "worker/mains.hpp"

namespace capeai::worker {
namespace {

[[noreturn]] void RunMain(void (*main)()) {
  bool failed = true;
  try {
    main();
    failed = false;
  } catch (const pg::PgError& e) {
    pg::ReportFault(e.error().message.c_str());
  } catch (const std::exception& e) {
    pg::ReportFault(e.what());
  } catch (...) {
    pg::ReportFault("unknown C++ exception");
  }
  pg::LeaveProcess(failed);
}

}  // namespace
}  // namespace capeai::worker

extern "C" {
__attribute__((visibility("default"))) void capeai_launcher_main(unsigned long) {
  capeai::worker::RunMain(capeai::worker::LauncherMain);
}
__attribute__((visibility("default"))) void capeai_worker_main(unsigned long) {
  capeai::worker::RunMain(capeai::worker::WorkerMain);
}
__attribute__((visibility("default"))) void capeai_helper_main(unsigned long) {
  capeai::worker::RunMain(capeai::worker::HelperMain);
}
}
