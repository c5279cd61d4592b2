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

// The names of roles compare as in C, names here as in the database: told apart, the index would not be used.
const pg::Statement kLoadSubmit{R"(
SELECT l.metric, l.value::int8, l.scope = 'role'
FROM capeai.limits l
WHERE l.scope IN ('default', 'role') AND l.name IN ('', pg_get_userbyid($1)::text COLLATE "default"))",
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

const pg::Statement kPrices{R"(
SELECT DISTINCT ON (p.model) p.model,
       jsonb_strip_nulls(jsonb_build_object('model', p.model, 'valid_from', nullif(p.valid_from, '-infinity'),
                                            'input', p.input, 'cached_input', p.cached_input, 'output', p.output)),
       least(round(p.input * 1000000), 1e15)::int8,
       least(round(coalesce(p.cached_input, p.input) * 1000000), 1e15)::int8,
       least(round(p.output * 1000000), 1e15)::int8
FROM capeai.prices p
WHERE p.valid_from <= $1
ORDER BY p.model, p.valid_from DESC)",
                            {Type::kTimestamptz}};

const pg::Statement kSpentToday{R"(
SELECT t.owner::oid, t.agent_id, coalesce(t.usage ->> 'model', t.model),
       sum(coalesce(t.prompt_tokens, 0) + coalesce(t.completion_tokens, 0))::int8, sum(coalesce(t.cost, 0))::float8
FROM (SELECT e.* FROM capeai.tasks e WHERE e.completed_at >= $1
      UNION ALL
      SELECT r.* FROM capeai.tasks r WHERE r.status = 'running' AND r.usage IS NOT NULL
      UNION ALL
      SELECT w.* FROM capeai.tasks w WHERE w.status = 'queued' AND w.wait_reason IS NOT NULL AND w.updated_at >= $1) t
GROUP BY 1, 2, 3)",
                                {Type::kTimestamptz}};

const pg::Statement kRelease{R"(
WITH waiting AS (
  SELECT t.id FROM capeai.tasks t
  WHERE t.status = 'queued' AND t.wait_reason = 'over_budget' AND t.installation = $1 AND t.run_at > $2
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE capeai.tasks t SET run_at = $2, wait_reason = NULL, updated_at = $2 FROM waiting w WHERE t.id = w.id)",
                             {Type::kUuid, Type::kTimestamptz}};

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
  for (size_t i = 0; i < rows.size(); ++i) {
    auto* limit = rows.Text(i, 0) == "queued"             ? &out.queued
                  : rows.Text(i, 0) == "tasks_per_minute" ? &out.tasks_per_minute
                                                          : nullptr;
    const bool own = rows.Bool(i, 2);
    if (limit && (own || !*limit)) *limit = rows.Int(i, 1);
  }
  return out;
}

int64_t CountQueued(const Uuid& installation, pg::Oid owner, int64_t most) {
  return Execute(kCountQueued, {installation, int64_t{owner}, most}).Int(0, 0);
}

int64_t CountSubmitted(pg::Oid owner, WallTime since, int64_t most) {
  return Execute(kCountSubmitted, {int64_t{owner}, Uuid::V7(since, {}), most}).Int(0, 0);
}

std::vector<PriceRow> LoadPrices(WallTime now) {
  const pg::Rows rows = Execute(kPrices, {now});
  std::vector<PriceRow> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i)
    out[i] = {rows.String(i, 0), rows.String(i, 1), rows.Int(i, 2), rows.Int(i, 3), rows.Int(i, 4)};
  return out;
}

std::vector<SpentToday> UseOfToday(WallTime day) {
  const pg::Rows rows = Execute(kSpentToday, {day});
  std::vector<SpentToday> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i)
    out[i] = {static_cast<pg::Oid>(rows.Int(i, 0)), rows.Id(i, 1), rows.String(i, 2), rows.Int(i, 3),
              rows.Real(i, 4)};
  return out;
}

int64_t ReleaseOverBudget(const Uuid& installation, WallTime now) {
  return static_cast<int64_t>(Execute(kRelease, {installation, now}).processed());
}

std::vector<ModelUse> UseOfLastMinute(WallTime now) {
  const pg::Rows rows = Execute(kUse, {now});
  std::vector<ModelUse> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) out[i] = {rows.String(i, 0), rows.Real(i, 1), rows.Real(i, 2)};
  return out;
}

}  // namespace capeai::store
