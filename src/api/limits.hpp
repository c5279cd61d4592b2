// What a role is held to when it submits tasks.
#pragma once

#include <string>

#include "base/uuid.hpp"
#include "pg/sql.hpp"

namespace capeai::api {

// Raises 53400 if `role` may not submit `count` more tasks now: its queue would
// be too long, or it has submitted too many in the last minute. Call it as the
// extension's owner. Tasks of transactions that have not committed yet are not
// counted.
void CheckSubmitLimits(pg::Oid role, const Uuid& installation, size_t count);

// Raises 53400 if a budget of the day that the role, the agent or the model falls
// under is used up. Needs no transaction: the worker says so in shared memory.
void CheckBudgets(pg::Oid role, const Uuid& agent, const std::string& model);

}  // namespace capeai::api
