// Counts for capeai_health(): bounded, whatever the size of the tables.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace capeai::store {

struct QueueState {
  int64_t queued = 0, blocked = 0, running = 0;  // each counted to 10,000 at most
  int64_t foreign = 0;                           // unfinished tasks of other installations, likewise
  std::optional<WallTime> oldest_due;            // run_at of the task that waits longest
};
QueueState ReadQueueState();

}  // namespace capeai::store
