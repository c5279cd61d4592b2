#include "store/work.hpp"

#include <algorithm>

#include "pg/sql.hpp"
#include "pg/transaction.hpp"
#include "store/rows_given.hpp"

namespace capeai::store {
namespace {

using pg::Execute;
using pg::Maybe;
using pg::Nullable;
using pg::OrNull;
using pg::Rows;
using pg::Statement;
using pg::Type;

constexpr const char* kInsertAsksSql = R"(
WITH a AS (
  SELECT {$3} AS id, {$4} AS agent_id, {$5} AS version_id, {$6} AS owner, {$7} AS user_id, {$8} AS application_name,
         {$9} AS client_addr, {$10} AS input, {$11} AS options, {$12} AS model, {$13} AS stream, {$14} AS conversation,
         {$15} AS asked_at, {$16} AS deadline, {$17} AS max_attempts
), stored AS (
  INSERT INTO capeai.tasks (id, kind, agent_id, agent_version_id, owner, user_id, status, run_at, deadline,
                            installation, attempt, max_attempts, timeout, input_data, model, options, stream,
                            conversation, worker, created_at, started_at)
  SELECT a.id, 'ask', a.agent_id, a.version_id, a.owner, a.user_id, 'running', a.asked_at, a.deadline, $1, 1, a.max_attempts,
         a.deadline - a.asked_at, a.input, a.model, a.options, a.stream, a.conversation::uuid, $2,
         a.asked_at, now()
  FROM a
)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data, client_addr,
                                 application_name)
SELECT 'asked', a.user_id, a.owner, a.agent_id, a.id, jsonb_build_object('attempt', 1), a.client_addr,
       a.application_name
FROM a)";
constexpr std::initializer_list<Type> kAskTypes = {
    Type::kUuid,      Type::kUuid,       Type::kUuidArray,        Type::kUuidArray,
    Type::kUuidArray, Type::kOidArray,   Type::kTextArray,        Type::kTextArray,
    Type::kTextArray, Type::kJsonbArray, Type::kJsonbArray,       Type::kTextArray,
    Type::kBoolArray, Type::kTextArray,  Type::kTimestamptzArray, Type::kTimestamptzArray,
    Type::kInt4Array};

const std::string kManyAsks = ForEachRow(kInsertAsksSql), kOneAsk = ForOnlyRow(kInsertAsksSql);
const Statement kInsertAsks{kManyAsks.c_str(), kAskTypes};
const Statement kInsertAsk{kOneAsk.c_str(), kAskTypes};

const Statement kBeginConversations{R"(
INSERT INTO capeai.conversations (id, owner, user_id)
SELECT DISTINCT ON (a.id) a.id::uuid, a.owner, a.user_id
FROM unnest($1::text[], $2::oid[], $3::text[]) AS a (id, owner, user_id) WHERE a.id IS NOT NULL
ON CONFLICT (id) DO NOTHING)",
                                    {Type::kTextArray, Type::kOidArray, Type::kTextArray}};

const Statement kRecover{R"(
WITH left_over AS (
  SELECT t.id, t.kind,
         t.crash_count + (t.id = ANY ($2))::int AS crashes,
         CASE WHEN t.kind = 'ask' THEN 'failed'
              WHEN t.id = ANY ($2) AND t.crash_count + 1 >= t.max_attempts THEN 'failed'
              ELSE 'queued' END AS status
  FROM capeai.tasks t
  WHERE t.status = 'running' AND t.installation = $1 AND t.worker IS DISTINCT FROM $3
  FOR NO KEY UPDATE SKIP LOCKED
), moved AS (
  UPDATE capeai.tasks t
  SET status = l.status, crash_count = l.crashes, worker = NULL, updated_at = now(),
      wait_reason = CASE WHEN l.status = 'queued' THEN 'worker_restart' END,
      error_code = CASE WHEN l.status = 'queued' THEN NULL
                        WHEN l.kind = 'ask' THEN 'caller_gone' ELSE 'worker_crashed' END,
      error_message = CASE WHEN l.status = 'queued' THEN NULL
                           WHEN l.kind = 'ask' THEN 'the worker ended while this was running'
                           ELSE 'the worker died ' || l.crashes || ' times while working on this task' END,
      completed_at = CASE WHEN l.status = 'failed' THEN now() END
  FROM left_over l WHERE t.id = l.id
  RETURNING t.id, t.kind, t.status, t.user_id, t.owner, t.agent_id, t.attempt, t.error_code, t.error_message
), trail AS (
  INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data)
  SELECT CASE WHEN m.status = 'queued' THEN 'requeued' ELSE 'failed' END, m.user_id, m.owner, m.agent_id, m.id,
         jsonb_strip_nulls(jsonb_build_object('attempt', m.attempt, 'error_code', m.error_code, 'blamed',
                                              nullif(m.id = ANY ($2), false)))
  FROM moved m
)
SELECT id, owner, attempt, error_message FROM moved WHERE status = 'failed' AND kind = 'queued')",
                         {Type::kUuid, Type::kUuidArray, Type::kUuid}};

const Statement kFailOverdue{R"(
WITH over AS (
  SELECT t.id FROM capeai.tasks t
  WHERE t.status IN ('queued', 'blocked') AND t.deadline <= $2 AND t.installation = $1
  ORDER BY t.deadline LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
), moved AS (
  UPDATE capeai.tasks t
  SET status = 'failed', error_code = 'deadline_exceeded', updated_at = $2, completed_at = $2,
      error_message = 'the timeout of the task passed before it ran'
  FROM over o WHERE t.id = o.id
  RETURNING t.id, t.user_id, t.owner, t.agent_id, t.attempt, t.error_code, t.error_message
), trail AS (
  INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data)
  SELECT 'failed', m.user_id, m.owner, m.agent_id, m.id, jsonb_build_object('error_code', m.error_code)
  FROM moved m
)
SELECT id, owner, attempt, error_message FROM moved)",
                             {Type::kUuid, Type::kTimestamptz, Type::kInt4}};

const Statement kResolveBlocked{R"(
WITH waiting AS (
  SELECT unnest($2::uuid[]) AS id
  UNION
  SELECT d.task_id FROM capeai.task_dependencies d WHERE d.depends_on = ANY ($3)
), ready AS (
  SELECT t.id, CASE WHEN on_it.failed THEN 'failed' ELSE 'queued' END AS status
  -- An array, and an aggregate for each: joins and EXISTS would go through all that are blocked.
  FROM capeai.tasks t CROSS JOIN LATERAL (
    SELECT coalesce(bool_and(p.status = 'succeeded'), true) AS succeeded,
           coalesce(bool_or(p.status IN ('failed', 'cancelled')), false) AS failed
    FROM capeai.task_dependencies d JOIN capeai.tasks p ON p.id = d.depends_on WHERE d.task_id = t.id) on_it
  WHERE t.id = ANY (ARRAY(SELECT w.id FROM waiting w)) AND t.status = 'blocked' AND t.installation = $1
    AND (on_it.succeeded OR on_it.failed)
  LIMIT $4 FOR NO KEY UPDATE OF t SKIP LOCKED
), moved AS (
  UPDATE capeai.tasks t
  SET status = r.status, updated_at = now(),
      error_code = CASE WHEN r.status = 'failed' THEN 'dependency_failed' END,
      error_message = CASE WHEN r.status = 'failed' THEN 'a task that this one depends on did not succeed' END,
      completed_at = CASE WHEN r.status = 'failed' THEN now() END
  FROM ready r WHERE t.id = r.id
  RETURNING t.id, t.status, t.user_id, t.owner, t.agent_id, t.attempt, t.error_message
), trail AS (
  INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data)
  SELECT CASE WHEN m.status = 'failed' THEN 'failed' ELSE 'unblocked' END, m.user_id, m.owner, m.agent_id, m.id,
         CASE WHEN m.status = 'failed' THEN '{"error_code": "dependency_failed"}'::jsonb ELSE '{}'::jsonb END
  FROM moved m
)
SELECT id, owner, attempt, error_message, status = 'failed' FROM moved)",
                                {Type::kUuid, Type::kUuidArray, Type::kUuidArray, Type::kInt4}};

const Statement kBlockedAfter{R"(
SELECT t.id FROM capeai.tasks t
WHERE t.status = 'blocked' AND t.installation = $1 AND t.id > $2
ORDER BY t.id LIMIT $3)",
                              {Type::kUuid, Type::kUuid, Type::kInt4}};

const Statement kLoadVersion{
    "SELECT v.manifest::text, v.status, v.content_hash = sha256(convert_to(v.manifest::text, 'UTF8'))"
    " FROM capeai.agent_versions v WHERE v.id = $1",
    {Type::kUuid}};

const Statement kDeleteTasks{R"(
DELETE FROM capeai.tasks
WHERE id = ANY (ARRAY(SELECT t.id FROM capeai.tasks t WHERE t.completed_at < $1 ORDER BY t.completed_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)))",
                             {Type::kTimestamptz, Type::kInt4}};

EndedTask EndedAt(const Rows& rows, size_t i) {
  return {rows.Id(i, 0), static_cast<unsigned>(rows.Int(i, 1)), static_cast<int>(rows.Int(i, 2)),
          rows.String(i, 3)};
}

std::vector<EndedTask> Ended(const Rows& rows) {
  std::vector<EndedTask> out;
  for (size_t i = 0; i < rows.size(); ++i) out.push_back(EndedAt(rows, i));
  return out;
}

}  // namespace

bool LockWorkTables() {
  for (const char* table : {"tasks", "runs", "audit_events", "task_signals"})
    if (!pg::LockTableNoWait("capeai", table)) return false;
  return true;
}

void InsertAsks(const Uuid& installation, const Uuid& worker, const std::vector<NewAsk>& asks) {
  std::vector<Uuid> ids, agents, versions;
  std::vector<unsigned> owners;
  Nullable<std::string_view> user_ids, applications, addresses;
  Nullable<std::string> conversations;
  Nullable<JsonTokens> inputs, options;
  std::vector<std::string_view> models;
  std::vector<bool> streams;
  std::vector<WallTime> asked;
  Nullable<WallTime> deadlines;
  std::vector<int32_t> max_attempts;
  for (const NewAsk& a : asks) {
    ids.push_back(a.id);
    agents.push_back(a.agent_id);
    versions.push_back(a.agent_version_id);
    owners.push_back(a.owner);
    user_ids.push_back(OrNull(a.user_id));
    applications.push_back(OrNull(a.application_name));
    addresses.push_back(OrNull(a.client_addr));
    inputs.push_back(JsonTokens{a.input});
    options.push_back(JsonTokens{a.options});
    models.push_back(a.model);
    streams.push_back(a.stream);
    conversations.push_back(a.conversation ? std::optional(a.conversation->ToString()) : std::nullopt);
    asked.push_back(a.asked_at);
    deadlines.push_back(a.deadline);
    max_attempts.push_back(a.max_attempts);
  }
  Execute(asks.size() == 1 ? kInsertAsk : kInsertAsks,
          {installation, worker, &ids, &agents, &versions, &owners, &user_ids, &applications, &addresses,
           &inputs, &options, &models, &streams, &conversations, &asked, &deadlines, &max_attempts});
  if (std::any_of(conversations.begin(), conversations.end(), [](const auto& id) { return id.has_value(); }))
    Execute(kBeginConversations, {&conversations, &owners, &user_ids});
}

std::vector<EndedTask> Recover(const Uuid& installation, const Uuid& worker,
                               const std::vector<Uuid>& blamed) {
  return Ended(Execute(kRecover, {installation, &blamed, worker}));
}

std::vector<EndedTask> FailOverdue(const Uuid& installation, WallTime now, int limit) {
  return Ended(Execute(kFailOverdue, {installation, now, limit}));
}

std::vector<Uuid> BlockedAfter(const Uuid& installation, const Uuid& after, int limit) {
  const Rows rows = Execute(kBlockedAfter, {installation, after, limit});
  std::vector<Uuid> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) out[i] = rows.Id(i, 0);
  return out;
}

Unblocked ResolveBlocked(const Uuid& installation, const std::vector<Uuid>& tasks,
                         const std::vector<Uuid>& ended, int limit) {
  const Rows rows = Execute(kResolveBlocked, {installation, &tasks, &ended, limit});
  Unblocked out;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows.Bool(i, 4))
      out.failed.push_back(EndedAt(rows, i));
    else
      ++out.queued;
  }
  return out;
}

std::optional<VersionRow> LoadVersion(const Uuid& version_id) {
  const Rows rows = Execute(kLoadVersion, {version_id});
  if (rows.empty()) return std::nullopt;
  return VersionRow{rows.String(0, 0), rows.String(0, 1), rows.Bool(0, 2)};
}

int64_t DeleteOld(WallTime now, Duration keep, int limit) {
  if (keep.count() <= 0) return 0;
  return static_cast<int64_t>(Execute(kDeleteTasks, {now - keep, limit}).processed());
}

}  // namespace capeai::store
