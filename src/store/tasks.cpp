#include "store/tasks.hpp"

#include <initializer_list>
#include <optional>

#include "pg/keys_held.hpp"

namespace capeai::store {
namespace {

using pg::Type;
using std::string_view;

// A submit writes its tasks and their audit rows with one statement. $1 to $18 are what its tasks have in
// common; `tasks` gives the id and the input of each as `new`, `key` its idempotency key, `data` the
// event_data of all audit rows, `trail` the task of each audit row.
#define CAPEAI_SUBMIT(key, tasks, data, trail)                                                              \
  "WITH task AS ("                                                                                          \
  "INSERT INTO capeai.tasks (agent_id, agent_version_id, installation, owner, user_id, title, description," \
  " priority, run_at, timeout, deadline, max_attempts, model, options, stream, status, conversation,"       \
  " id, input_data, idempotency_key)"                                                                       \
  " SELECT $1, $2, $3, $4, NULLIF($5, ''), $6, $7, $8, $9, $10, $9 + $10, $11, $12, $13, $14, $15,"         \
  " CASE WHEN $16 THEN (new.input ->> 'conversation')::uuid END, new.id, new.input, " key " FROM " tasks    \
  ") INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, event_data, client_addr,"        \
  " application_name, task_id)"                                                                             \
  " SELECT 'submitted', NULLIF($5, ''), $4, $1, " data ", NULLIF($17, ''), NULLIF($18, ''), " trail

#define CAPEAI_SUBMIT_TYPES                                                                                  \
  Type::kUuid, Type::kUuid, Type::kUuid, Type::kOid, Type::kText, Type::kText, Type::kText, Type::kInt4,     \
      Type::kTimestamptz, Type::kInterval, Type::kInt4, Type::kText, Type::kJsonb, Type::kBool, Type::kText, \
      Type::kBool, Type::kText, Type::kText

#define CAPEAI_TRAIL_DATA "jsonb_build_object('agent_version', $2, 'model', $12)"
// For many rows: as a subquery it is made once.
#define CAPEAI_SHARED_DATA "(SELECT " CAPEAI_TRAIL_DATA ")"

const pg::Statement kInsertOne{
    CAPEAI_SUBMIT("NULL", "(SELECT $19 AS id, $20 AS input) AS new", CAPEAI_TRAIL_DATA, "$19"),
    {CAPEAI_SUBMIT_TYPES, Type::kUuid, Type::kJsonb}};

// Set-returning functions stand in the select list, because in FROM they would be
// written to a temporary file first.
const pg::Statement kInsert{CAPEAI_SUBMIT("NULL", "(SELECT unnest($19) AS id, unnest($20) AS input) AS new",
                                          CAPEAI_SHARED_DATA, "unnest($19)"),
                            {CAPEAI_SUBMIT_TYPES, Type::kUuidArray, Type::kJsonbArray}};

// One look at the agent instead of one for each task: it stays locked, as their own checks would leave it.
// Those see what has been committed since a snapshot of the whole transaction was taken; this would not.
const pg::Statement kHoldAgent{
    "SELECT 1 FROM capeai.agents WHERE id = $1"
    " AND current_setting('transaction_isolation') = 'read committed' FOR KEY SHARE",
    {Type::kUuid}};

const pg::Statement kInsertKeyed{
    CAPEAI_SUBMIT("new.key",
                  "(SELECT unnest($19) AS id, unnest($20) AS input, unnest($21) AS key) AS new"
                  " ON CONFLICT (owner, agent_id, idempotency_key) WHERE idempotency_key IS NOT NULL"
                  " DO NOTHING RETURNING id",
                  CAPEAI_SHARED_DATA, "task.id FROM task RETURNING task_id"),
    {CAPEAI_SUBMIT_TYPES, Type::kUuidArray, Type::kJsonbArray, Type::kTextArray}};

const pg::Statement kDependencies{
    "INSERT INTO capeai.task_dependencies (task_id, depends_on)"
    " SELECT t.id, d.id FROM unnest($1) AS t (id), unnest($2) AS d (id)",
    {Type::kUuidArray, Type::kUuidArray}};

// A task whose input is gone (capeai.audit_content) cannot be compared: the key decides.
const pg::Statement kFindKeys{
    R"(
SELECT new.ordinal - 1, t.id,
       coalesce(t.input_data = new.input, true) AND t.user_id IS NOT DISTINCT FROM NULLIF($3, '') AND t.stream = $4
FROM unnest($5, $6) WITH ORDINALITY AS new (input, key, ordinal)
JOIN capeai.tasks AS t ON t.owner = $1 AND t.agent_id = $2 AND t.idempotency_key = new.key
WHERE new.key IS NOT NULL)",
    {Type::kOid, Type::kUuid, Type::kText, Type::kBool, Type::kJsonbArray, Type::kTextArray}};

const pg::Statement kFindOwners{
    "SELECT id, owner, coalesce(user_id, ''), status FROM capeai.tasks WHERE id = ANY ($1)",
    {Type::kUuidArray}};

const pg::Statement kClaimConversations{
    "INSERT INTO capeai.conversations (id, owner, user_id) SELECT c.id, $2, NULLIF($3, '') FROM unnest($1) "
    "AS c (id)"
    " ON CONFLICT (id) DO NOTHING",
    {Type::kUuidArray, Type::kOid, Type::kText}};

const pg::Statement kForeignConversations{
    "SELECT id FROM capeai.conversations WHERE id = ANY ($1)"
    " AND (owner <> $2 OR user_id IS DISTINCT FROM NULLIF($3, ''))",
    {Type::kUuidArray, Type::kOid, Type::kText}};

const pg::Statement kCancelWaiting{R"(
WITH moved AS (
  UPDATE capeai.tasks
  SET status = 'cancelled', updated_at = clock_timestamp(), completed_at = clock_timestamp()
  WHERE id = $1 AND (status = 'queued' OR status = 'blocked')
  RETURNING id, agent_id, user_id
), told AS (
  INSERT INTO capeai.task_signals (task_id, signal, role) SELECT id, 'cancelled', $2 FROM moved
  ON CONFLICT DO NOTHING
)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, client_addr, application_name)
SELECT 'cancelled', user_id, $2, agent_id, id, NULLIF($3, ''), NULLIF($4, '') FROM moved)",
                                   {Type::kUuid, Type::kOid, Type::kText, Type::kText}};

const pg::Statement kSignalCancel{R"(
WITH told AS (
  INSERT INTO capeai.task_signals (task_id, signal, role) VALUES ($1, 'cancel', $2)
  ON CONFLICT DO NOTHING RETURNING task_id
)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, client_addr, application_name)
SELECT 'cancel_requested', t.user_id, $2, t.agent_id, t.id, NULLIF($3, ''), NULLIF($4, '')
FROM told JOIN capeai.tasks AS t ON t.id = told.task_id)",
                                  {Type::kUuid, Type::kOid, Type::kText, Type::kText}};

const pg::Statement kInsertRetry{
    R"(
WITH task AS (
  INSERT INTO capeai.tasks (id, title, description, agent_id, agent_version_id, owner, user_id, status, priority,
                            run_at, deadline, installation, max_attempts, timeout, input_data, model, options,
                            stream, conversation, parent_task_id)
  SELECT $1, title, description, agent_id, agent_version_id, owner, user_id, 'queued', priority,
         now(), now() + timeout, $3, max_attempts, timeout, input_data, model, options,
         stream, conversation, id
  FROM capeai.tasks
  WHERE id = $2 AND input_data IS NOT NULL AND status IN ('succeeded', 'failed', 'cancelled')
  RETURNING id, agent_id, user_id
)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data, client_addr,
                                 application_name)
SELECT 'submitted', user_id, $4, agent_id, id, jsonb_build_object('retry_of', $2), NULLIF($5, ''), NULLIF($6, '')
FROM task)",
    {Type::kUuid, Type::kUuid, Type::kUuid, Type::kOid, Type::kText, Type::kText}};

const pg::Statement kAdopt{R"(
WITH moved AS (
  UPDATE capeai.tasks
  SET installation = $1, worker = NULL, updated_at = clock_timestamp(),
      status = CASE WHEN status <> 'running' THEN status WHEN kind = 'ask' THEN 'failed' ELSE 'queued' END,
      error_code = CASE WHEN status = 'running' AND kind = 'ask' THEN 'caller_gone' END,
      completed_at = CASE WHEN status = 'running' AND kind = 'ask' THEN clock_timestamp() END
  WHERE installation <> $1 AND (status = 'queued' OR status = 'blocked' OR status = 'running')
  RETURNING id, agent_id, user_id
)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, client_addr, application_name)
SELECT 'adopted', user_id, $2, agent_id, id, NULLIF($3, ''), NULLIF($4, '') FROM moved)",
                           {Type::kUuid, Type::kOid, Type::kText, Type::kText}};

template <class... More>
pg::Rows Insert(const pg::Statement& statement, const Submission& s, const More&... more) {
  return pg::Execute(
      statement, {s.agent_id, s.agent_version_id, s.installation, int64_t{s.caller.role},
                  string_view(s.user_id), pg::Maybe(s.title), pg::Maybe(s.description), s.priority, s.run_at,
                  pg::Maybe(s.timeout), s.max_attempts, string_view(s.model), string_view(s.options),
                  s.stream, string_view(s.depends_on.empty() ? "queued" : "blocked"), s.has_conversation,
                  string_view(s.caller.client_addr), string_view(s.caller.application_name), more...});
}

void InsertDependencies(const Submission& s, const std::vector<Uuid>& ids) {
  if (!ids.empty() && !s.depends_on.empty()) pg::Execute(kDependencies, {&ids, &s.depends_on});
}

}  // namespace

void InsertTask(const Submission& common, const Uuid& id, pg::Passed input) {
  Insert(kInsertOne, common, id, input);
  InsertDependencies(common, {id});
}

std::vector<Uuid> InsertTasks(const Submission& common, const std::vector<Uuid>& ids, pg::Passed inputs,
                              const pg::Nullable<std::string>* keys) {
  std::vector<Uuid> written;
  if (keys) {
    const pg::Rows rows = Insert(kInsertKeyed, common, &ids, inputs, keys);
    for (size_t i = 0; i < rows.size(); ++i) written.push_back(rows.Id(i, 0));
  } else {
    std::optional<pg::KeysHeld> locked;
    if (pg::Execute(kHoldAgent, {common.agent_id}).size() == 1)
      locked.emplace("capeai", std::initializer_list<const char*>{"tasks", "audit_events"}, "agents");
    Insert(kInsert, common, &ids, inputs);
    written = ids;
  }
  InsertDependencies(common, written);
  return written;
}

std::vector<KnownKey> FindKeys(const Submission& common, pg::Passed inputs,
                               const pg::Nullable<std::string>& keys) {
  const pg::Rows rows = pg::Execute(kFindKeys, {int64_t{common.caller.role}, common.agent_id,
                                                string_view(common.user_id), common.stream, inputs, &keys});
  std::vector<KnownKey> known;
  for (size_t i = 0; i < rows.size(); ++i)
    known.push_back({static_cast<size_t>(rows.Int(i, 0)), rows.Id(i, 1), rows.Bool(i, 2)});
  return known;
}

std::vector<TaskOwner> FindOwners(const std::vector<Uuid>& ids) {
  const pg::Rows rows = pg::Execute(kFindOwners, {&ids});
  std::vector<TaskOwner> owners;
  for (size_t i = 0; i < rows.size(); ++i)
    owners.push_back(
        {rows.Id(i, 0), static_cast<pg::Oid>(rows.Int(i, 1)), rows.String(i, 2), rows.String(i, 3)});
  return owners;
}

std::optional<TaskOwner> FindOwner(const Uuid& id) {
  auto owners = FindOwners({id});
  if (owners.empty()) return std::nullopt;
  return std::move(owners.front());
}

std::vector<Uuid> ClaimConversations(const std::vector<Uuid>& ids, pg::Oid owner,
                                     const std::string& user_id) {
  pg::Execute(kClaimConversations, {&ids, int64_t{owner}, string_view(user_id)});
  const pg::Rows rows = pg::Execute(kForeignConversations, {&ids, int64_t{owner}, string_view(user_id)});
  std::vector<Uuid> foreign;
  for (size_t i = 0; i < rows.size(); ++i) foreign.push_back(rows.Id(i, 0));
  return foreign;
}

bool CancelWaiting(const pg::Caller& caller, const Uuid& id) {
  return pg::Execute(kCancelWaiting, {id, int64_t{caller.role}, string_view(caller.client_addr),
                                      string_view(caller.application_name)})
             .processed() > 0;
}

void SignalCancel(const pg::Caller& caller, const Uuid& id) {
  pg::Execute(kSignalCancel, {id, int64_t{caller.role}, string_view(caller.client_addr),
                              string_view(caller.application_name)});
}

bool InsertRetry(const pg::Caller& caller, const Uuid& id, const Uuid& old, const Uuid& installation) {
  return pg::Execute(kInsertRetry, {id, old, installation, int64_t{caller.role},
                                    string_view(caller.client_addr), string_view(caller.application_name)})
             .processed() > 0;
}

int64_t AdoptTasks(const pg::Caller& caller, const Uuid& installation) {
  return static_cast<int64_t>(
      pg::Execute(kAdopt, {installation, int64_t{caller.role}, string_view(caller.client_addr),
                           string_view(caller.application_name)})
          .processed());
}

}  // namespace capeai::store
