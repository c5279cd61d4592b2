#include "store/content.hpp"

#include "pg/settings.hpp"
#include "pg/sql.hpp"

namespace capeai::store {
namespace {

using pg::Execute;
using pg::Statement;
using pg::Type;

#define CAPEAI_SHA256(text) "encode(sha256(convert_to(" text ", getdatabaseencoding())), 'hex')"
#define CAPEAI_FORGET \
  "UPDATE capeai.runs r SET"                                                                               \
  " input_data = CASE WHEN $1 THEN jsonb_build_object('sha256', " CAPEAI_SHA256("r.input_data::text") ") END,"   \
  " output_data = CASE WHEN $1 THEN jsonb_build_object('sha256', " CAPEAI_SHA256("r.output_data::text") ") END," \
  " error_details = r.error_details - 'partial_text'"

const Statement kForgetTask{"WITH steps AS (" CAPEAI_FORGET R"( WHERE r.task_id = $2)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data)
SELECT 'content_hashed', t.user_id, t.owner, t.agent_id, t.id,
       jsonb_build_object('input_sha256', )" CAPEAI_SHA256("t.input_data::text") R"()
FROM capeai.tasks t WHERE t.id = $2 AND $1 AND t.input_data IS NOT NULL)",
                            {Type::kBool, Type::kUuid}};

const Statement kForgetSteps{CAPEAI_FORGET R"(
FROM (SELECT unnest($2) AS task_id, unnest($3) AS attempt) ended
WHERE r.task_id = ended.task_id AND r.attempt = ended.attempt)",
                             {Type::kBool, Type::kUuidArray, Type::kInt4Array}};

#undef CAPEAI_FORGET
#undef CAPEAI_SHA256

bool Hashes() { return pg::settings::AuditContentKept() == pg::settings::AuditContent::kHash; }

}  // namespace

bool ForgetsContent() { return pg::settings::AuditContentKept() != pg::settings::AuditContent::kFull; }

void ForgetContent(const Uuid& task) { Execute(kForgetTask, {Hashes(), task}); }

void ForgetSteps(const std::vector<Uuid>& tasks, const std::vector<int32_t>& attempts) {
  if (!tasks.empty()) Execute(kForgetSteps, {Hashes(), &tasks, &attempts});
}

}  // namespace capeai::store
