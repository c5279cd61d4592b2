#include "store/audit.hpp"

#include "pg/sql.hpp"

namespace capeai::store {
namespace {

using pg::Type;

const pg::Statement kInsert{
    "INSERT INTO capeai.audit_events"
    " (event_type, user_id, role, agent_id, task_id, event_data, client_addr, application_name)"
    " VALUES ($1, NULLIF($2, ''), $3, $4, $5, $6, NULLIF($7, ''), NULLIF($8, ''))",
    {Type::kText, Type::kText, Type::kOid, Type::kUuid, Type::kUuid, Type::kJsonb, Type::kText, Type::kText}};

}  // namespace

void Audit(const pg::Caller& caller, const std::string& user_id, const AuditEvent& event) {
  pg::Execute(kInsert, {std::string_view(event.type), std::string_view(user_id), int64_t{caller.role},
                        pg::Maybe(event.agent_id), pg::Maybe(event.task_id), std::string_view(event.data),
                        std::string_view(caller.client_addr), std::string_view(caller.application_name)});
}

}  // namespace capeai::store
