// Looking at one task, for those who wait for it. Statements run as the
// extension's owner, with the snapshot that is active.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/uuid.hpp"

namespace capeai::store {

struct WatchedTask {
  unsigned owner = 0;
  std::string user_id;
  bool ended = false;
  std::string row;    // capeai.tasks in PostgreSQL's text form
  uint32_t xmin = 0;  // the transaction that wrote this row last
};
std::optional<WatchedTask> LookAtTask(const Uuid& id);

}  // namespace capeai::store
