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

// The price of each model as of `now`. The amounts are in 1e-12 of the currency
// per token, rounded; `json` is the row as it is stored with tasks.
struct PriceRow {
  std::string model, json;
  int64_t input = 0, cached_input = 0, output = 0;
  bool operator==(const PriceRow&) const = default;
};
std::vector<PriceRow> LoadPrices(WallTime now);

// What tasks have used that ended since `day`, or have begun and not ended.
struct SpentToday {
  pg::Oid owner = 0;
  Uuid agent;
  std::string model;
  int64_t tokens = 0;
  double cost = 0;
};
std::vector<SpentToday> UseOfToday(WallTime day);

// Tasks that wait for a budget are due now. How many.
int64_t ReleaseOverBudget(const Uuid& installation, WallTime now);

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
