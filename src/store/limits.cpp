#include "store/limits.hpp"

namespace capeai::store {
namespace {

using pg::Execute;
using pg::Type;
using std::string_view;

const pg::Statement kRoleExists{"SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = $1", {Type::kText}};
const pg::Statement kAgentExists{"SELECT FROM capeai.agents a WHERE a.slug = $1", {Type::kText}};

const pg::Statement kSet{R"(
INSERT INTO capeai.limits AS l (scope, name, metric, value) VALUES ($1, $2, $3, $4::numeric)
ON CONFLICT (scope, name, metric) DO UPDATE SET value = excluded.value WHERE l.value <> excluded.value)",
                         {Type::kText, Type::kText, Type::kText, Type::kText}};

const pg::Statement kRemove{"DELETE FROM capeai.limits WHERE scope = $1 AND name = $2 AND metric = $3",
                            {Type::kText, Type::kText, Type::kText}};

const pg::Statement kLoad{R"(
SELECT l.scope, l.name, l.metric, l.value::float8, coalesce(r.oid, 0), a.id
FROM capeai.limits l
LEFT JOIN pg_catalog.pg_roles r ON l.scope = 'role' AND r.rolname = l.name
LEFT JOIN capeai.agents a ON l.scope = 'agent' AND a.slug = l.name)",
                          {}};

const pg::Statement kLoadSubmit{R"(
SELECT l.metric, l.value::int8
FROM capeai.limits l
WHERE (l.scope = 'default' AND l.name = ''
       OR l.scope = 'role' AND l.name = (SELECT r.rolname FROM pg_catalog.pg_roles r WHERE r.oid = $1))
  AND l.metric IN ('queued', 'tasks_per_minute')
ORDER BY l.scope = 'role')",
                                {Type::kOid}};

// Queued tasks stand in their index by priority before owner: each priority that
// occurs is one probe.
const pg::Statement kCountQueued{R"(
WITH RECURSIVE level (rank) AS (
  (SELECT -t.priority FROM capeai.tasks t WHERE t.status = 'queued' AND t.installation = $1 ORDER BY -t.priority LIMIT 1)
  UNION ALL
  SELECT (SELECT -t.priority FROM capeai.tasks t
          WHERE t.status = 'queued' AND t.installation = $1 AND -t.priority > level.rank ORDER BY -t.priority LIMIT 1)
  FROM level WHERE level.rank IS NOT NULL
)
SELECT count(*) FROM (
  SELECT FROM level, LATERAL (
    SELECT FROM capeai.tasks t
    WHERE t.status = 'queued' AND t.installation = $1 AND -t.priority = level.rank AND t.owner = $2 LIMIT $3) one
  LIMIT $3) counted)",
                                 {Type::kUuid, Type::kOid, Type::kInt8}};

const pg::Statement kCountSubmitted{R"(
SELECT count(*) FROM (
  SELECT FROM capeai.tasks t WHERE t.owner = $1 AND t.id >= $2 AND t.kind = 'queued' LIMIT $3) counted)",
                                    {Type::kOid, Type::kUuid, Type::kInt8}};

const pg::Statement kUse{R"(
SELECT t.model, sum(t.weight)::float8, sum(t.weight * t.tokens)::float8
FROM (
  SELECT u.model, coalesce(u.prompt_tokens, 0) + coalesce(u.completion_tokens, 0) AS tokens,
         1 - least(extract(epoch FROM $1 - u.completed_at) / 60, 1) AS weight
  FROM capeai.tasks u
  WHERE u.completed_at > $1 - interval '1 minute' ORDER BY u.completed_at DESC LIMIT 10000) t
WHERE t.tokens > 0
GROUP BY t.model)",
                         {Type::kTimestamptz}};

}  // namespace

bool RoleExists(const std::string& name) { return !Execute(kRoleExists, {string_view(name)}).empty(); }
bool AgentExists(const std::string& slug) { return !Execute(kAgentExists, {string_view(slug)}).empty(); }

bool SetLimit(const std::string& scope, const std::string& name, const std::string& metric,
              const std::optional<std::string>& value) {
  const string_view s = scope, n = name, m = metric;
  const auto rows = value ? Execute(kSet, {s, n, m, string_view(*value)}) : Execute(kRemove, {s, n, m});
  return rows.processed() > 0;
}

std::vector<LimitRow> LoadLimits() {
  const pg::Rows rows = Execute(kLoad, {});
  std::vector<LimitRow> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    LimitRow& limit = out[i];
    limit.scope = rows.String(i, 0);
    limit.name = rows.String(i, 1);
    limit.metric = rows.String(i, 2);
    limit.value = rows.Real(i, 3);
    limit.role = static_cast<pg::Oid>(rows.Int(i, 4));
    if (!rows.IsNull(i, 5)) limit.agent = rows.Id(i, 5);
  }
  return out;
}

SubmitLimits LoadSubmitLimits(pg::Oid role) {
  const pg::Rows rows = Execute(kLoadSubmit, {int64_t{role}});
  SubmitLimits out;
  for (size_t i = 0; i < rows.size(); ++i)
    (rows.Text(i, 0) == "queued" ? out.queued : out.tasks_per_minute) = rows.Int(i, 1);
  return out;
}

int64_t CountQueued(const Uuid& installation, pg::Oid owner, int64_t most) {
  return Execute(kCountQueued, {installation, int64_t{owner}, most}).Int(0, 0);
}

int64_t CountSubmitted(pg::Oid owner, WallTime since, int64_t most) {
  return Execute(kCountSubmitted, {int64_t{owner}, Uuid::V7(since, {}), most}).Int(0, 0);
}

std::vector<ModelUse> UseOfLastMinute(WallTime now) {
  const pg::Rows rows = Execute(kUse, {now});
  std::vector<ModelUse> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) out[i] = {rows.String(i, 0), rows.Real(i, 1), rows.Real(i, 2)};
  return out;
}

}  // namespace capeai::store
