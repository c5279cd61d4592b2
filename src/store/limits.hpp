// capeai.limits: setting them, and reading them for those who keep to them. Each
// function runs in the caller's transaction, as the extension's owner.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "base/uuid.hpp"
#include "pg/sql.hpp"

namespace capeai::store {

bool RoleExists(const std::string& name);
bool AgentExists(const std::string& slug);

// Writes a limit, or removes it (no value). False if that is how it was already.
// `value` is the text of a number.
bool SetLimit(const std::string& scope, const std::string& name, const std::string& metric,
              const std::optional<std::string>& value);

// All limits. `role` and `agent` are what the name means now; 0 and nil where it
// means nothing (any more), and for other scopes.
struct LimitRow {
  std::string scope, name, metric;
  double value = 0;
  pg::Oid role = 0;
  Uuid agent;
};
std::vector<LimitRow> LoadLimits();

// What `role` is held to when it submits: its own limit or the default; nothing:
// none.
struct SubmitLimits {
  std::optional<int64_t> queued, tasks_per_minute;
};
SubmitLimits LoadSubmitLimits(pg::Oid role);

// Tasks of that owner that are queued, counted up to `most`.
int64_t CountQueued(const Uuid& installation, pg::Oid owner, int64_t most);
// Tasks that it submitted and that have an id of `since` or later, up to `most`.
int64_t CountSubmitted(pg::Oid owner, WallTime since, int64_t most);

// Finished since `since`, by model: how many, and their tokens, each task weighed
// by how little of the minute up to `now` has passed since it ended (1: none,
// 0: all of it).
struct ModelUse {
  std::string model;
  double requests = 0;
  double tokens = 0;
};
std::vector<ModelUse> UseOfLastMinute(WallTime now);

}  // namespace capeai::store
