// What a role is held to when it submits tasks.
#pragma once

#include "base/uuid.hpp"
#include "pg/sql.hpp"

namespace capeai::api {

// Raises 53400 if `role` may not submit `count` more tasks now: its queue would
// be too long, or it has submitted too many in the last minute. Call it as the
// extension's owner. Tasks of transactions that have not committed yet are not
// counted.
void CheckSubmitLimits(pg::Oid role, const Uuid& installation, size_t count);

}  // namespace capeai::api
