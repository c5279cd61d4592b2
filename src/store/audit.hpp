// Audit events that a backend writes, in its caller's transaction. (The worker
// writes its own in bulk, with the transitions that they record.)
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "pg/refusals.hpp"
#include "pg/session.hpp"

namespace capeai::store {

struct AuditEvent {
  const char* type;
  std::optional<Uuid> agent_id;
  std::optional<Uuid> task_id;
  std::string data = "{}";  // JSON object
};

// As the extension's owner; `caller` is who caused it.
void Audit(const pg::Caller& caller, const std::string& user_id, const AuditEvent& event);

// What functions have refused, as the worker found it: one event for each role,
// function and SQLSTATE, with how often.
void AuditRefusals(const std::vector<pg::Refusal>& refusals, uint64_t lost);

// An event that nobody's session has caused. `data` is a JSON object.
void AuditOwn(const char* type, const std::string& data);

}  // namespace capeai::store
