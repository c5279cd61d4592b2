// Audit events that a backend writes, in its caller's transaction. (The worker
// writes its own in bulk, with the transitions that they record.)
#pragma once

#include <optional>
#include <string>

#include "base/uuid.hpp"
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

}  // namespace capeai::store
