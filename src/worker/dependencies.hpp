// Tasks that wait for others: which of them to look at, a bounded number at a time,
// however many there are. Whoever waits for a task that has just ended is looked at
// at once; all of them, window by window, when something was committed.
#pragma once

#include <vector>

#include "base/uuid.hpp"
#include "store/work.hpp"

namespace capeai::worker {

class Dependencies {
 public:
  // --- at any time, without a transaction

  // Something was submitted, or may have been: look at all.
  void LookAtAll();
  // These have ended; true if somebody may wait for them.
  bool Ended(const std::vector<Uuid>& tasks);

  // --- inside the tick's transaction

  // Moves those that wait no longer. `more()` afterwards: there are windows left.
  store::Unblocked Resolve(const Uuid& installation);
  bool more() const { return walking_; }

 private:
  bool any_ = true;         // somebody waits, as far as we know
  bool walking_ = true;     // through the windows
  bool once_more_ = false;  // something was committed behind where we are
  Uuid after_;              // the last one of the last window
  std::vector<Uuid> ended_;
};

}  // namespace capeai::worker
