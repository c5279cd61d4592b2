// capeai.task_signals: what backends want of tasks whose rows they do not touch.
// Runs in the worker's transaction, as the extension owner, after LockWorkTables().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/uuid.hpp"

namespace capeai::store {

// `cancel`: end a task that runs; seen again at every look until it has ended.
// `cancelled`: tell listeners that a waiting one was; seen once.
struct Signal {
  Uuid task_id;
  std::string signal;
  unsigned owner = 0;  // of the task; 0: the task is gone
  int attempt = 0;
};
std::vector<Signal> TakeSignals();

// Cancels the tasks with the signal `cancel` that wait (again), and turns it into
// `cancelled`; how many. Comes after Recover(), before Claim().
int64_t CancelSignalled();

}  // namespace capeai::store
