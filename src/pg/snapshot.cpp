#include "pg/postgres.hpp"

extern "C" {
#include "utils/snapmgr.h"
}

#include <exception>

#include "pg/guard.hpp"
#include "pg/snapshot.hpp"

namespace capeai::pg {

OneSnapshot::OneSnapshot() : exceptions_(std::uncaught_exceptions()) {
  pushed_ = Guarded([] {
    if (ActiveSnapshotSet()) return false;
    PushActiveSnapshot(GetTransactionSnapshot());
    return true;
  });
}

OneSnapshot::~OneSnapshot() {
  // After an error the abort of the (sub)transaction has popped it, or will.
  if (pushed_ && std::uncaught_exceptions() == exceptions_) PopActiveSnapshot();
}

}  // namespace capeai::pg
