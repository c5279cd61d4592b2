#include "store/work.hpp"

#include <algorithm>
#include <unordered_map>

#include "pg/sql.hpp"
#include "pg/transaction.hpp"

namespace capeai::store {
namespace {

using pg::Execute;
using pg::Maybe;
using pg::Nullable;
using pg::Rows;
using pg::Statement;
using pg::Type;

std::optional<std::string> OrNull(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

// Of the attempts that ended, those that are still ours and that nobody else has
// locked. From here to the commit they stay so, which is the fence.
const Statement kLockEnds{R"(
SELECT t.id, t.attempt FROM capeai.tasks t
WHERE t.id = ANY ($2) AND t.status = 'running' AND t.worker = $1
FOR NO KEY UPDATE SKIP LOCKED)",
                          {Type::kUuid, Type::kUuidArray}};

// Moves the rows and writes their trail. Set-returning functions stand in the
// select list, because in FROM they would go through a tuplestore; and there is
// one join only, so that the rows of texts are not gone through for each task.
const Statement kWriteEnds{R"(
WITH moved AS (
  UPDATE capeai.tasks t
  SET status = e.status,
      attempt = e.next_attempt,
      failures = e.failures,
      run_at = coalesce(e.run_at, t.run_at),
      wait_reason = e.wait_reason,
      output_data = coalesce(e.output::jsonb, t.output_data),
      error_code = e.error_code,
      error_message = e.error_message,
      model = coalesce(e.model, t.model),
      prompt_tokens = nullif(coalesce(t.prompt_tokens, 0) + e.prompt_tokens, 0),
      completion_tokens = nullif(coalesce(t.completion_tokens, 0) + e.completion_tokens, 0),
      usage = coalesce(e.usage::jsonb, t.usage),
      worker = CASE WHEN e.status = 'queued' THEN NULL ELSE t.worker END,
      updated_at = $1,
      completed_at = CASE WHEN e.status IN ('succeeded', 'failed', 'cancelled') THEN $1 END
  FROM (SELECT unnest($2) AS id, unnest($3) AS status, unnest($4) AS next_attempt, unnest($5) AS failures,
               unnest($6) AS run_at, unnest($7) AS wait_reason, unnest($8) AS output, unnest($9) AS error_code,
               unnest($10) AS error_message, unnest($11) AS model, unnest($12) AS prompt_tokens,
               unnest($13) AS completion_tokens, unnest($14) AS usage, unnest($15) AS event_type,
               unnest($16) AS event_data) e
  WHERE t.id = e.id
  RETURNING t.id, t.owner, t.user_id, t.agent_id, e.event_type, e.event_data
)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data)
SELECT m.event_type, m.user_id, m.owner, m.agent_id, m.id, m.event_data::jsonb FROM moved m)",
                           {Type::kTimestamptz, Type::kUuidArray, Type::kTextArray, Type::kInt4Array,
                            Type::kInt4Array, Type::kTimestamptzArray, Type::kTextArray, Type::kTextArray,
                            Type::kTextArray, Type::kTextArray, Type::kTextArray, Type::kInt8Array,
                            Type::kInt8Array, Type::kTextArray, Type::kTextArray, Type::kTextArray}};

const Statement kWriteRuns{
    R"(
INSERT INTO capeai.runs (task_id, attempt, step_number, step_name, status, input_data, output_data, error_details,
                         started_at, completed_at)
SELECT r.task_id, r.attempt, r.step_number, r.step_name, r.status, r.input::jsonb, r.output::jsonb,
       r.error::jsonb, r.started_at, r.completed_at
FROM (SELECT unnest($1) AS task_id, unnest($2) AS attempt, unnest($3) AS step_number, unnest($4) AS step_name,
             unnest($5) AS status, unnest($6) AS input, unnest($7) AS output, unnest($8) AS error,
             unnest($9) AS started_at, unnest($10) AS completed_at) AS r)",
    {Type::kUuidArray, Type::kInt4Array, Type::kInt4Array, Type::kTextArray, Type::kTextArray,
     Type::kTextArray, Type::kTextArray, Type::kTextArray, Type::kTimestamptzArray, Type::kTimestamptzArray}};

const Statement kStillOurs{R"(
SELECT t.id FROM unnest($2::uuid[], $3::int4[]) AS e (id, attempt)
JOIN capeai.tasks t ON t.id = e.id AND t.attempt = e.attempt AND t.worker = $1 AND t.status = 'running')",
                           {Type::kUuid, Type::kUuidArray, Type::kInt4Array}};

const Statement kStale{R"(
INSERT INTO capeai.audit_events (event_type, role, user_id, agent_id, task_id, event_data)
SELECT 'stale_completion', t.owner, t.user_id, t.agent_id, e.id,
       jsonb_build_object('attempt', e.attempt, 'worker', $1::text)
FROM unnest($2::uuid[], $3::int4[]) AS e (id, attempt) LEFT JOIN capeai.tasks t ON t.id = e.id)",
                       {Type::kText, Type::kUuidArray, Type::kInt4Array}};

const Statement kInsertAsks{
    R"(
WITH a AS (
  SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::oid[], $7::text[], $8::text[], $9::text[],
                       $10::text[], $11::text[], $12::text[], $13::bool[], $14::text[], $15::timestamptz[],
                       $16::timestamptz[], $17::int4[])
    AS a (id, agent_id, version_id, owner, user_id, application_name, client_addr, input, options, model, stream,
          conversation, asked_at, deadline, max_attempts)
), stored AS (
  INSERT INTO capeai.tasks (id, kind, agent_id, agent_version_id, owner, user_id, status, run_at, deadline,
                            installation, attempt, max_attempts, timeout, input_data, model, options, stream,
                            conversation, worker, created_at, started_at)
  SELECT a.id, 'ask', a.agent_id, a.version_id, a.owner, a.user_id, 'running', a.asked_at, a.deadline, $1, 1, a.max_attempts,
         a.deadline - a.asked_at, a.input::jsonb, a.model, a.options::jsonb, a.stream, a.conversation::uuid, $2,
         a.asked_at, now()
  FROM a
), talked AS (
  INSERT INTO capeai.conversations (id, owner, user_id)
  SELECT DISTINCT ON (a.conversation) a.conversation::uuid, a.owner, a.user_id FROM a WHERE a.conversation IS NOT NULL
  ON CONFLICT (id) DO NOTHING
)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data, client_addr,
                                 application_name)
SELECT 'asked', a.user_id, a.owner, a.agent_id, a.id, jsonb_build_object('attempt', 1), a.client_addr,
       a.application_name
FROM a)",
    {Type::kUuid, Type::kUuid, Type::kUuidArray, Type::kUuidArray, Type::kUuidArray, Type::kOidArray,
     Type::kTextArray, Type::kTextArray, Type::kTextArray, Type::kTextArray, Type::kTextArray,
     Type::kTextArray, Type::kBoolArray, Type::kTextArray, Type::kTimestamptzArray, Type::kTimestamptzArray,
     Type::kInt4Array}};

const Statement kRecover{R"(
WITH left_over AS (
  SELECT t.id, t.kind,
         t.crash_count + (t.id = $2)::int AS crashes,
         CASE WHEN t.kind = 'ask' THEN 'failed'
              WHEN t.id = $2 AND t.crash_count + 1 >= t.max_attempts THEN 'failed'
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
  RETURNING t.id, t.status, t.user_id, t.owner, t.agent_id, t.attempt, t.error_code
)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data)
SELECT CASE WHEN m.status = 'queued' THEN 'requeued' ELSE 'failed' END, m.user_id, m.owner, m.agent_id, m.id,
       jsonb_strip_nulls(jsonb_build_object('attempt', m.attempt, 'error_code', m.error_code, 'blamed',
                                            nullif(m.id = $2, false)))
FROM moved m)",
                         {Type::kUuid, Type::kUuid, Type::kUuid}};

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
  RETURNING t.id, t.user_id, t.owner, t.agent_id, t.error_code
)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data)
SELECT 'failed', m.user_id, m.owner, m.agent_id, m.id, jsonb_build_object('error_code', m.error_code) FROM moved m)",
                             {Type::kUuid, Type::kTimestamptz, Type::kInt4}};

const Statement kResolveBlocked{R"(
WITH ready AS (
  SELECT t.id,
         CASE WHEN EXISTS (SELECT FROM capeai.task_dependencies d JOIN capeai.tasks p ON p.id = d.depends_on
                           WHERE d.task_id = t.id AND p.status IN ('failed', 'cancelled'))
              THEN 'failed' ELSE 'queued' END AS status
  FROM capeai.tasks t
  WHERE t.status = 'blocked' AND t.installation = $1
    AND (NOT EXISTS (SELECT FROM capeai.task_dependencies d JOIN capeai.tasks p ON p.id = d.depends_on
                     WHERE d.task_id = t.id AND p.status <> 'succeeded')
         OR EXISTS (SELECT FROM capeai.task_dependencies d JOIN capeai.tasks p ON p.id = d.depends_on
                    WHERE d.task_id = t.id AND p.status IN ('failed', 'cancelled')))
  LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
), moved AS (
  UPDATE capeai.tasks t
  SET status = r.status, updated_at = now(),
      error_code = CASE WHEN r.status = 'failed' THEN 'dependency_failed' END,
      error_message = CASE WHEN r.status = 'failed' THEN 'a task that this one depends on did not succeed' END,
      completed_at = CASE WHEN r.status = 'failed' THEN now() END
  FROM ready r WHERE t.id = r.id
  RETURNING t.id, t.status, t.user_id, t.owner, t.agent_id
)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data)
SELECT CASE WHEN m.status = 'failed' THEN 'failed' ELSE 'unblocked' END, m.user_id, m.owner, m.agent_id, m.id,
       CASE WHEN m.status = 'failed' THEN '{"error_code": "dependency_failed"}'::jsonb ELSE '{}'::jsonb END
FROM moved m)",
                                {Type::kUuid, Type::kInt4}};

const Statement kLoadVersion{
    "SELECT v.manifest::text, v.status = 'archived' FROM capeai.agent_versions v WHERE v.id = $1",
    {Type::kUuid}};

const Statement kDeleteTasks{R"(
DELETE FROM capeai.tasks
WHERE id = ANY (ARRAY(SELECT t.id FROM capeai.tasks t WHERE t.completed_at < $1 ORDER BY t.completed_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)))",
                             {Type::kTimestamptz, Type::kInt4}};

const Statement kDeleteAudit{R"(
DELETE FROM capeai.audit_events
WHERE id = ANY (ARRAY(SELECT e.id FROM (SELECT a.id, a.created_at FROM capeai.audit_events a ORDER BY a.id LIMIT $2) e
                      WHERE e.created_at < $1)))",
                             {Type::kTimestamptz, Type::kInt4}};

std::vector<Uuid> Ids(const Rows& rows) {
  std::vector<Uuid> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) out[i] = rows.Id(i, 0);
  return out;
}

}  // namespace

bool LockWorkTables() {
  for (const char* table : {"tasks", "runs", "audit_events", "task_signals"})
    if (!pg::LockTableNoWait("capeai", table)) return false;
  return true;
}

namespace {

void WriteRuns(const std::vector<RunRow>& runs, const std::vector<Uuid>& written) {
  std::vector<Uuid> sorted = written;
  std::sort(sorted.begin(), sorted.end());
  std::vector<Uuid> task_ids;
  std::vector<int32_t> attempts, numbers;
  std::vector<std::string> names, statuses;
  Nullable<std::string> inputs, outputs, errors;
  std::vector<WallTime> started, completed;
  for (const RunRow& run : runs) {
    if (!std::binary_search(sorted.begin(), sorted.end(), run.task_id)) continue;
    task_ids.push_back(run.task_id);
    attempts.push_back(run.attempt);
    numbers.push_back(run.step_number);
    names.push_back(run.step_name);
    statuses.push_back(run.status);
    inputs.push_back(OrNull(run.input));
    outputs.push_back(OrNull(run.output));
    errors.push_back(OrNull(run.error));
    started.push_back(run.started_at);
    completed.push_back(run.completed_at);
  }
  if (task_ids.empty()) return;
  Execute(kWriteRuns, {&task_ids, &attempts, &numbers, &names, &statuses, &inputs, &outputs, &errors,
                       &started, &completed});
}

}  // namespace

namespace {

// The ends whose rows are locked by this transaction now.
std::vector<const AttemptEnd*> LockEnds(const Uuid& worker, const std::vector<AttemptEnd>& ends) {
  std::vector<Uuid> ids;
  for (const AttemptEnd& e : ends) ids.push_back(e.task_id);
  const Rows rows = Execute(kLockEnds, {worker, &ids});
  std::unordered_map<Uuid, int64_t> attempts;
  for (size_t i = 0; i < rows.size(); ++i) attempts.emplace(rows.Id(i, 0), rows.Int(i, 1));
  std::vector<const AttemptEnd*> out;
  for (const AttemptEnd& e : ends) {
    const auto found = attempts.find(e.task_id);
    if (found != attempts.end() && found->second == e.attempt) out.push_back(&e);
  }
  return out;
}

}  // namespace

std::vector<Uuid> WriteEnds(const Uuid& worker, const std::vector<AttemptEnd>& ends,
                            const std::vector<RunRow>& runs) {
  std::vector<Uuid> ids;
  std::vector<int32_t> next_attempts, failures;
  std::vector<std::string> statuses, event_types, event_data;
  Nullable<WallTime> run_at;
  Nullable<std::string> wait_reasons, outputs, codes, messages, models, usages;
  std::vector<int64_t> prompt, completion;
  for (const AttemptEnd* e : LockEnds(worker, ends)) {
    ids.push_back(e->task_id);
    statuses.push_back(e->status);
    next_attempts.push_back(e->next_attempt ? e->next_attempt : e->attempt);
    failures.push_back(e->failures);
    run_at.push_back(e->status == "queued" ? std::optional(e->run_at) : std::nullopt);
    wait_reasons.push_back(OrNull(e->wait_reason));
    outputs.push_back(OrNull(e->output));
    codes.push_back(OrNull(e->error_code));
    messages.push_back(OrNull(e->error_message));
    models.push_back(OrNull(e->model));
    prompt.push_back(e->prompt_tokens);
    completion.push_back(e->completion_tokens);
    usages.push_back(OrNull(e->usage));
    event_types.push_back(e->event_type);
    event_data.push_back(e->event_data.empty() ? "{}" : e->event_data);
  }
  if (ids.empty()) return ids;
  Execute(kWriteEnds,
          {WallNow(), &ids, &statuses, &next_attempts, &failures, &run_at, &wait_reasons, &outputs, &codes,
           &messages, &models, &prompt, &completion, &usages, &event_types, &event_data});
  WriteRuns(runs, ids);
  return ids;
}

std::vector<Uuid> StillOurs(const Uuid& worker, const std::vector<AttemptEnd>& ends) {
  std::vector<Uuid> ids;
  std::vector<int32_t> attempts;
  for (const AttemptEnd& e : ends) {
    ids.push_back(e.task_id);
    attempts.push_back(e.attempt);
  }
  const std::vector<Uuid> ours = Ids(Execute(kStillOurs, {worker, &ids, &attempts}));
  std::vector<Uuid> stale_ids;
  std::vector<int32_t> stale_attempts;
  for (const AttemptEnd& e : ends) {
    if (std::find(ours.begin(), ours.end(), e.task_id) != ours.end()) continue;
    stale_ids.push_back(e.task_id);
    stale_attempts.push_back(e.attempt);
  }
  const std::string name = worker.ToString();
  if (!stale_ids.empty()) Execute(kStale, {std::string_view(name), &stale_ids, &stale_attempts});
  return ours;
}

void InsertAsks(const Uuid& installation, const Uuid& worker, const std::vector<NewAsk>& asks) {
  std::vector<Uuid> ids, agents, versions;
  std::vector<unsigned> owners;
  Nullable<std::string> user_ids, applications, addresses, conversations;
  std::vector<std::string> inputs, options, models;
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
    inputs.push_back(a.input);
    options.push_back(a.options);
    models.push_back(a.model);
    streams.push_back(a.stream);
    conversations.push_back(a.conversation ? std::optional(a.conversation->ToString()) : std::nullopt);
    asked.push_back(a.asked_at);
    deadlines.push_back(a.deadline);
    max_attempts.push_back(a.max_attempts);
  }
  Execute(kInsertAsks,
          {installation, worker, &ids, &agents, &versions, &owners, &user_ids, &applications, &addresses,
           &inputs, &options, &models, &streams, &conversations, &asked, &deadlines, &max_attempts});
}

int64_t Recover(const Uuid& installation, const Uuid& worker, const Uuid& blamed) {
  return static_cast<int64_t>(Execute(kRecover, {installation, blamed, worker}).processed());
}

int64_t FailOverdue(const Uuid& installation, WallTime now, int limit) {
  return static_cast<int64_t>(Execute(kFailOverdue, {installation, now, limit}).processed());
}

int64_t ResolveBlocked(const Uuid& installation, int limit) {
  return static_cast<int64_t>(Execute(kResolveBlocked, {installation, limit}).processed());
}

std::optional<VersionRow> LoadVersion(const Uuid& version_id) {
  const Rows rows = Execute(kLoadVersion, {version_id});
  if (rows.empty()) return std::nullopt;
  return VersionRow{rows.String(0, 0), rows.Bool(0, 1)};
}

int64_t DeleteOld(WallTime now, Duration keep, Duration audit_keep, int limit) {
  int64_t deleted = 0;
  if (keep.count() > 0)
    deleted += static_cast<int64_t>(Execute(kDeleteTasks, {now - keep, limit}).processed());
  if (audit_keep.count() > 0)
    deleted += static_cast<int64_t>(Execute(kDeleteAudit, {now - audit_keep, limit}).processed());
  return deleted;
}

}  // namespace capeai::store
