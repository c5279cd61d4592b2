// One view of the database for several statements.
#pragma once

namespace capeai::pg {

// For its life time read-only statements (Statement::read_only) all see the same
// snapshot: the caller's if a statement is running, else the transaction's
// present one. Without it each would take its own.
class OneSnapshot {
 public:
  OneSnapshot();
  ~OneSnapshot();
  OneSnapshot(const OneSnapshot&) = delete;
  OneSnapshot& operator=(const OneSnapshot&) = delete;

 private:
  bool pushed_ = false;
  int exceptions_ = 0;
};

}  // namespace capeai::pg
