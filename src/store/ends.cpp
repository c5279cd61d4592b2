// How attempts ended: their rows are locked, moved and recorded.
#include <algorithm>
#include <unordered_map>

#include "pg/keys_held.hpp"
#include "pg/sql.hpp"
#include "store/content.hpp"
#include "store/rows_given.hpp"
#include "store/work.hpp"

namespace capeai::store {
namespace {

using pg::DocumentOrNull;
using pg::Execute;
using pg::Nullable;
using pg::OrNull;
using pg::Rows;
using pg::Statement;
using pg::Type;

// Of the attempts that ended, those that are still ours and that nobody else has
// locked. From here to the commit they stay so, which is the fence, and their rows
// stay where they are.
const Statement kLockEnds{R"(
SELECT t.id, t.attempt, t.ctid FROM capeai.tasks t
WHERE t.id = ANY ($2) AND t.status = 'running' AND t.worker = $1
FOR NO KEY UPDATE SKIP LOCKED)",
                          {Type::kUuid, Type::kUuidArray}};

// The same by where the rows were when the attempts began, and are but for VACUUM
// FULL: then another of ours may be there, which is none of those looked for.
const Statement kLockInPlace{R"(
SELECT t.id, t.attempt, t.ctid FROM capeai.tasks t
WHERE t.ctid = ANY ($2) AND t.status = 'running' AND t.worker = $1
FOR NO KEY UPDATE SKIP LOCKED)",
                             {Type::kUuid, Type::kTidArray}};

// Moves the rows and writes their trail. Set-returning functions stand in the
// select list, because in FROM they would go through a tuplestore; and there is
// one join only, so that the rows of texts are not gone through for each task.
constexpr const char* kWriteEndsSql = R"(
WITH moved AS (
  UPDATE capeai.tasks t
  SET status = e.status,
      attempt = e.next_attempt,
      failures = e.failures,
      run_at = coalesce(e.run_at, t.run_at),
      wait_reason = e.wait_reason,
      output_data = coalesce(e.output, t.output_data),
      error_code = e.error_code,
      error_message = e.error_message,
      model = coalesce(e.model, t.model),
      prompt_tokens = nullif(coalesce(t.prompt_tokens, 0) + e.prompt_tokens, 0),
      completion_tokens = nullif(coalesce(t.completion_tokens, 0) + e.completion_tokens, 0),
      usage = coalesce(e.usage, t.usage),
      cost = CASE WHEN e.cost IS NULL THEN t.cost ELSE coalesce(t.cost, 0.0) + e.cost::numeric END,
      price = coalesce(e.price::jsonb, t.price),
      worker = CASE WHEN e.status = 'queued' THEN NULL ELSE t.worker END,
      updated_at = $1,
      completed_at = CASE WHEN e.status IN ('succeeded', 'failed', 'cancelled') THEN $1 END
  FROM (SELECT {$20} AS place, {$2} AS id, {$3} AS status, {$4} AS next_attempt, {$5} AS failures,
               {$6} AS run_at, {$7} AS wait_reason, {$8} AS output, {$9} AS error_code,
               {$10} AS error_message, {$11} AS model, {$12} AS prompt_tokens,
               {$13} AS completion_tokens, {$14} AS usage, {$15} AS event_type,
               {$16} AS event_data,
               {$17} AS cost, {$18} AS price) e
  WHERE t.ctid = e.place AND t.id = e.id
  RETURNING t.id, t.owner, t.user_id, t.agent_id, e.event_type, e.event_data
)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data)
SELECT m.event_type, m.user_id, m.owner, m.agent_id, m.id,
       CASE WHEN $19 THEN m.event_data - 'partial_text' ELSE m.event_data END
FROM moved m)";
constexpr std::initializer_list<Type> kEndTypes = {
    Type::kTimestamptz,      Type::kUuidArray, Type::kTextArray,  Type::kInt4Array,  Type::kInt4Array,
    Type::kTimestamptzArray, Type::kTextArray, Type::kJsonbArray, Type::kTextArray,  Type::kTextArray,
    Type::kTextArray,        Type::kInt8Array, Type::kInt8Array,  Type::kJsonbArray, Type::kTextArray,
    Type::kJsonbArray,       Type::kTextArray, Type::kTextArray,  Type::kBool,       Type::kTidArray};

const std::string kOfMany = ForEachRow(kWriteEndsSql), kOfOne = ForOnlyRow(kWriteEndsSql);
const Statement kWriteEnds{kOfMany.c_str(), kEndTypes};
const Statement kWriteEnd{kOfOne.c_str(), kEndTypes};

const Statement kWriteRuns{
    R"(
INSERT INTO capeai.runs (task_id, attempt, step_number, step_name, status, input_data, output_data, error_details,
                         started_at, completed_at)
SELECT r.task_id, r.attempt, r.step_number, r.step_name, r.status, r.input, r.output,
       r.error, r.started_at, r.completed_at
FROM (SELECT unnest($1) AS task_id, unnest($2) AS attempt, unnest($3) AS step_number, unnest($4) AS step_name,
             unnest($5) AS status, unnest($6) AS input, unnest($7) AS output, unnest($8) AS error,
             unnest($9) AS started_at, unnest($10) AS completed_at) AS r)",
    {Type::kUuidArray, Type::kInt4Array, Type::kInt4Array, Type::kTextArray, Type::kTextArray,
     Type::kJsonbArray, Type::kJsonbArray, Type::kJsonbArray, Type::kTimestamptzArray,
     Type::kTimestamptzArray}};

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

}  // namespace

namespace {

// Of tasks whose rows this transaction has locked.
void WriteRuns(const std::vector<const AttemptEnd*>& ends) {
  std::vector<Uuid> task_ids;
  std::vector<int32_t> attempts, numbers;
  std::vector<std::string_view> names, statuses;
  Nullable<JsonTokens> inputs, outputs, errors;
  std::vector<WallTime> started, completed;
  for (const AttemptEnd* end : ends) {
    for (const RunRow& run : end->runs) {
      task_ids.push_back(end->task_id);
      attempts.push_back(end->attempt);
      numbers.push_back(run.step_number);
      names.push_back(run.step_name);
      statuses.push_back(run.status);
      inputs.push_back(DocumentOrNull(run.input));
      outputs.push_back(DocumentOrNull(run.output));
      errors.push_back(DocumentOrNull(run.error));
      started.push_back(run.started_at);
      completed.push_back(run.completed_at);
    }
  }
  if (task_ids.empty()) return;
  const pg::KeysHeld locked("capeai", {"runs"}, "tasks");
  Execute(kWriteRuns, {&task_ids, &attempts, &numbers, &names, &statuses, &inputs, &outputs, &errors,
                       &started, &completed});
}

}  // namespace

namespace {

struct LockedEnds {
  std::vector<const AttemptEnd*> ends;
  std::vector<int64_t> places;  // where each one's is
};

// The ends whose rows are locked by this transaction now.
LockedEnds LockEnds(const Uuid& worker, const std::vector<const AttemptEnd*>& ends) {
  struct Row {
    int64_t attempt, place;
  };
  std::unordered_map<Uuid, Row> locked;
  const auto take = [&](const Rows& rows) {
    for (size_t i = 0; i < rows.size(); ++i) locked[rows.Id(i, 0)] = {rows.Int(i, 1), rows.Int(i, 2)};
  };
  std::vector<int64_t> places;
  for (const AttemptEnd* e : ends)
    if (e->place != 0) places.push_back(e->place);
  if (!places.empty()) take(Execute(kLockInPlace, {worker, &places}));
  std::vector<Uuid> ids;
  for (const AttemptEnd* e : ends)
    if (!locked.contains(e->task_id)) ids.push_back(e->task_id);
  if (!ids.empty()) take(Execute(kLockEnds, {worker, &ids}));
  LockedEnds out;
  for (const AttemptEnd* e : ends) {
    const auto found = locked.find(e->task_id);
    if (found == locked.end() || found->second.attempt != e->attempt) continue;
    out.ends.push_back(e);
    out.places.push_back(found->second.place);
  }
  return out;
}

}  // namespace

std::vector<Uuid> WriteEnds(const Uuid& worker, const std::vector<const AttemptEnd*>& ends) {
  std::vector<Uuid> ids;
  std::vector<int32_t> next_attempts, failures;
  std::vector<std::string_view> statuses, event_types;
  Nullable<WallTime> run_at;
  Nullable<std::string_view> wait_reasons, codes, messages, models, costs, prices;
  Nullable<JsonTokens> outputs, usages, event_data;
  std::vector<int64_t> prompt, completion;
  std::vector<Uuid> ended;  // those that are terminal now
  std::vector<int32_t> ended_attempts;
  const LockedEnds ours = LockEnds(worker, ends);
  for (const AttemptEnd* e : ours.ends) {
    if (e->status != "queued" && e->status != "running") {
      ended.push_back(e->task_id);
      ended_attempts.push_back(e->attempt);
    }
    ids.push_back(e->task_id);
    statuses.push_back(e->status);
    next_attempts.push_back(e->next_attempt ? e->next_attempt : e->attempt);
    failures.push_back(e->failures);
    run_at.push_back(e->status == "queued" ? std::optional(e->run_at) : std::nullopt);
    wait_reasons.push_back(OrNull(e->wait_reason));
    outputs.push_back(DocumentOrNull(e->output));
    codes.push_back(OrNull(e->error_code));
    messages.push_back(OrNull(e->error_message));
    models.push_back(OrNull(e->model));
    prompt.push_back(e->prompt_tokens);
    completion.push_back(e->completion_tokens);
    usages.push_back(DocumentOrNull(e->usage));
    costs.push_back(OrNull(e->cost));
    prices.push_back(OrNull(e->price));
    event_types.push_back(e->event_type);
    event_data.push_back(DocumentOrNull(e->event_data.empty() ? kEmptyObject : e->event_data));
  }
  if (ids.empty()) return ids;
  const bool forgets = ForgetsContent();
  // Steps before tasks: where the foreign key is checked after all, the check finds the version that is
  // locked already, and has nothing to do to it.
  WriteRuns(ours.ends);
  Execute(ids.size() == 1 ? kWriteEnd : kWriteEnds,
          {WallNow(),    &ids,        &statuses, &next_attempts, &failures, &run_at,     &wait_reasons,
           &outputs,     &codes,      &messages, &models,        &prompt,   &completion, &usages,
           &event_types, &event_data, &costs,    &prices,        forgets,   &ours.places});
  if (forgets) ForgetSteps(ended, ended_attempts);
  return ids;
}

std::vector<Uuid> StillOurs(const Uuid& worker, const std::vector<const AttemptEnd*>& ends) {
  std::vector<Uuid> ids;
  std::vector<int32_t> attempts;
  for (const AttemptEnd* e : ends) {
    ids.push_back(e->task_id);
    attempts.push_back(e->attempt);
  }
  const Rows rows = Execute(kStillOurs, {worker, &ids, &attempts});
  std::vector<Uuid> ours(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) ours[i] = rows.Id(i, 0);
  std::vector<Uuid> stale_ids;
  std::vector<int32_t> stale_attempts;
  for (const AttemptEnd* e : ends) {
    if (std::find(ours.begin(), ours.end(), e->task_id) != ours.end()) continue;
    stale_ids.push_back(e->task_id);
    stale_attempts.push_back(e->attempt);
  }
  const std::string name = worker.ToString();
  if (!stale_ids.empty()) Execute(kStale, {std::string_view(name), &stale_ids, &stale_attempts});
  return ours;
}

}  // namespace capeai::store
