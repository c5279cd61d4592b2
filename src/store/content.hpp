// What people wrote and models answered, once it is not to be kept any more
// (capeai.audit_content). Runs in the transaction that ends the task, as the
// extension's owner.
#pragma once

#include <vector>

#include "base/uuid.hpp"

namespace capeai::store {

// Whether contents go when a task ends.
bool ForgetsContent();

// Of a task that is about to end: what its steps so far say goes and, with `hash`,
// leaves its SHA-256 there and that of the input in the audit trail. (The input
// itself goes with the row's update.)
void ForgetContent(const Uuid& task);

// Of the steps of these attempts.
void ForgetSteps(const std::vector<Uuid>& tasks, const std::vector<int32_t>& attempts);

}  // namespace capeai::store
