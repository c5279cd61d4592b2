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

const pg::Statement kRefusals{R"(
INSERT INTO capeai.audit_events (event_type, role, event_data)
SELECT 'refused', r.role, jsonb_build_object('function', r.function::regproc::text, 'sqlstate', r.sqlstate, 'times', count(*),
                                             'last', max(r.at))
FROM (SELECT unnest($1) AS role, unnest($2) AS function, unnest($3) AS sqlstate, unnest($4) AS at) r
GROUP BY r.role, r.function, r.sqlstate)",
                              {Type::kOidArray, Type::kOidArray, Type::kTextArray, Type::kTimestamptzArray}};

const pg::Statement kOwn{"INSERT INTO capeai.audit_events (event_type, event_data) VALUES ($1, $2)",
                         {Type::kText, Type::kJsonb}};

}  // namespace

void AuditRefusals(const std::vector<pg::Refusal>& refusals, uint64_t lost) {
  std::vector<pg::Oid> roles, functions;
  std::vector<std::string> states;
  std::vector<WallTime> times;
  for (const pg::Refusal& refusal : refusals) {
    roles.push_back(refusal.role);
    functions.push_back(refusal.function);
    states.push_back(refusal.sqlstate);
    times.push_back(refusal.at);
  }
  if (!refusals.empty()) pg::Execute(kRefusals, {&roles, &functions, &states, &times});
  if (lost > 0) AuditOwn("refusals_lost", "{\"times\": " + std::to_string(lost) + "}");
}

void AuditOwn(const char* type, const std::string& data) {
  pg::Execute(kOwn, {std::string_view(type), std::string_view(data)});
}

void Audit(const pg::Caller& caller, const std::string& user_id, const AuditEvent& event) {
  pg::Execute(kInsert, {std::string_view(event.type), std::string_view(user_id), int64_t{caller.role},
                        pg::Maybe(event.agent_id), pg::Maybe(event.task_id), std::string_view(event.data),
                        std::string_view(caller.client_addr), std::string_view(caller.application_name)});
}

}  // namespace capeai::store
