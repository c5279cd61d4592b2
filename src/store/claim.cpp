#include "store/claim.hpp"

#include <limits>

#include "pg/sql.hpp"

namespace capeai::store {
namespace {

using pg::Execute;
using pg::Rows;
using pg::Statement;
using pg::Type;

constexpr bool kReadOnly = true, kOfQueue = true, kDocuments = true;

// Lanes are walked by single index probes, so that tasks in them, however many,
// cost nothing.
const Statement kListLanes{R"(
WITH RECURSIVE lane (rank, owner, agent_id, model, run_at, id, n) AS (
  (SELECT -t.priority, t.owner::oid, t.agent_id, t.model, t.run_at, t.id, 1
   FROM capeai.tasks t
   WHERE t.status = 'queued' AND t.installation = $1 AND (-t.priority, t.owner, t.agent_id, t.model) > ($2, $3, $4, $5)
   ORDER BY t.installation, -t.priority, t.owner, t.agent_id, t.model, t.run_at, t.id LIMIT 1)
  UNION ALL
  SELECT next.*, lane.n + 1
  FROM lane, LATERAL (
    SELECT -t.priority, t.owner::oid, t.agent_id, t.model, t.run_at, t.id
    FROM capeai.tasks t
    WHERE t.status = 'queued' AND t.installation = $1
      AND (-t.priority, t.owner, t.agent_id, t.model) > (lane.rank, lane.owner, lane.agent_id, lane.model)
    ORDER BY t.installation, -t.priority, t.owner, t.agent_id, t.model, t.run_at, t.id LIMIT 1) next
  WHERE lane.n < $6
)
SELECT rank, owner, agent_id, model, run_at, id FROM lane)",
                           {Type::kUuid, Type::kInt4, Type::kOid, Type::kUuid, Type::kText, Type::kInt4}};

// Shares in the order given; within one, its lanes merged by (run_at, id). A row
// that is locked stays where it is.
const Statement kClaim{
    R"(
WITH due AS (
  SELECT d.place, d.id
  FROM (SELECT unnest($5) AS rank, unnest($6) AS owner, unnest($7) AS quota, unnest($8) AS first,
               unnest($9) AS last) s,
  LATERAL (
    SELECT c.place, c.id
    FROM generate_series(s.first, s.last) i, LATERAL (
      SELECT t.ctid AS place, t.id, t.run_at
      FROM capeai.tasks t
      WHERE t.status = 'queued' AND t.installation = $1 AND -t.priority = s.rank AND t.owner = s.owner
        AND t.agent_id = ($10)[i] AND t.model = ($11)[i]
        AND (t.run_at, t.id) >= (($12)[i], ($13)[i]) AND t.run_at <= $3
      ORDER BY t.installation, -t.priority, t.owner, t.agent_id, t.model, t.run_at, t.id
      LIMIT ($14)[i] FOR NO KEY UPDATE SKIP LOCKED) c
    ORDER BY c.run_at, c.id LIMIT s.quota) d
  LIMIT $4
), claimed AS (
  UPDATE capeai.tasks t
  SET status = 'running', attempt = t.attempt + 1, worker = $2, wait_reason = NULL,
      started_at = coalesce(t.started_at, $3), updated_at = $3
  FROM due WHERE t.ctid = due.place AND t.id = due.id
  RETURNING t.id, t.agent_id, t.agent_version_id, t.owner, t.user_id, t.attempt, t.failures, t.crash_count,
            t.max_attempts, t.deadline, t.run_at, t.input_data, t.model, t.options, t.stream, t.conversation,
            t.priority, t.ctid
), trail AS (
  INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id, event_data)
  SELECT 'started', c.user_id, c.owner, c.agent_id, c.id, jsonb_build_object('attempt', c.attempt)
  FROM claimed c
)
SELECT * FROM claimed ORDER BY priority DESC, run_at, id)",
    {Type::kUuid, Type::kUuid, Type::kTimestamptz, Type::kInt4, Type::kInt4Array, Type::kOidArray,
     Type::kInt4Array, Type::kInt4Array, Type::kInt4Array, Type::kUuidArray, Type::kTextArray,
     Type::kTimestamptzArray, Type::kUuidArray, Type::kInt4Array},
    !kReadOnly,
    !kOfQueue,
    kDocuments};

const Statement kDefer{R"(
WITH due AS (
  SELECT c.id
  FROM (SELECT unnest($6) AS rank, unnest($7) AS owner, unnest($8) AS agent_id, unnest($9) AS model) l,
  LATERAL (
    SELECT t.id FROM capeai.tasks t
    WHERE t.status = 'queued' AND t.installation = $1 AND -t.priority = l.rank AND t.owner = l.owner
      AND t.agent_id = l.agent_id AND t.model = l.model AND t.run_at <= $2
    ORDER BY t.installation, -t.priority, t.owner, t.agent_id, t.model, t.run_at, t.id
    LIMIT $5 FOR NO KEY UPDATE SKIP LOCKED) c
  LIMIT $5
)
UPDATE capeai.tasks t SET run_at = $3, wait_reason = $4, updated_at = $2 FROM due WHERE t.id = due.id)",
                       {Type::kUuid, Type::kTimestamptz, Type::kTimestamptz, Type::kText, Type::kInt4,
                        Type::kInt4Array, Type::kOidArray, Type::kUuidArray, Type::kTextArray}};

}  // namespace

std::vector<policy::Lane> ListLanes(const Uuid& installation, const policy::Lane* after, int limit) {
  // Before the first: no agent has the nil UUID.
  static const policy::Lane kStart{
      .priority = std::numeric_limits<int32_t>::max(), .kind = {}, .run_at = {}, .id = {}, .dry = false};
  const policy::Lane& from = after ? *after : kStart;
  const Rows rows = Execute(kListLanes, {installation, -from.priority, int64_t{from.kind.owner},
                                         from.kind.agent, std::string_view(from.kind.model), limit});
  std::vector<policy::Lane> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    policy::Lane& lane = out[i];
    lane.priority = static_cast<int32_t>(-rows.Int(i, 0));
    lane.kind = {static_cast<unsigned>(rows.Int(i, 1)), rows.Id(i, 2), rows.String(i, 3)};
    lane.run_at = rows.Time(i, 4);
    lane.id = rows.Id(i, 5);
  }
  return out;
}

std::vector<ClaimedTask> Claim(const Uuid& installation, const Uuid& worker, WallTime now,
                               const std::vector<policy::Lane>& lanes, const policy::Shares& shares) {
  std::vector<int32_t> ranks, quotas, first, last, takes;
  std::vector<unsigned> owners;
  std::vector<Uuid> agents, ids;
  std::vector<std::string> models;
  std::vector<WallTime> run_at;
  for (const policy::Share& share : shares.order) {
    ranks.push_back(-share.priority);
    owners.push_back(share.owner);
    quotas.push_back(share.quota);
    first.push_back(static_cast<int32_t>(takes.size() + 1));
    for (size_t i = 0; i < share.lanes.size(); ++i) {
      const policy::Lane& lane = lanes[share.lanes[i]];
      agents.push_back(lane.kind.agent);
      models.push_back(lane.kind.model);
      run_at.push_back(lane.run_at);
      ids.push_back(lane.id);
      takes.push_back(share.takes[i]);
    }
    last.push_back(static_cast<int32_t>(takes.size()));
  }
  const Rows rows = Execute(kClaim, {installation, worker, now, shares.limit, &ranks, &owners, &quotas,
                                     &first, &last, &agents, &models, &run_at, &ids, &takes});
  std::vector<ClaimedTask> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    ClaimedTask& t = out[i];
    t.id = rows.Id(i, 0);
    t.agent_id = rows.Id(i, 1);
    t.agent_version_id = rows.Id(i, 2);
    t.owner = static_cast<unsigned>(rows.Int(i, 3));
    t.user_id = rows.String(i, 4);
    t.attempt = static_cast<int>(rows.Int(i, 5));
    t.failures = static_cast<int>(rows.Int(i, 6));
    t.crash_count = static_cast<int>(rows.Int(i, 7));
    t.max_attempts = static_cast<int>(rows.Int(i, 8));
    if (!rows.IsNull(i, 9)) t.deadline = rows.Time(i, 9);
    t.run_at = rows.Time(i, 10);
    t.input = rows.String(i, 11);
    t.model = rows.String(i, 12);
    t.options = rows.String(i, 13);
    t.stream = rows.Bool(i, 14);
    if (!rows.IsNull(i, 15)) t.conversation = rows.Id(i, 15);
    t.priority = static_cast<int>(rows.Int(i, 16));
    t.place = rows.Int(i, 17);
  }
  return out;
}

int64_t Defer(const Uuid& installation, const std::vector<policy::Lane>& lanes, WallTime now, WallTime until,
              const char* reason, int limit) {
  std::vector<int32_t> ranks;
  std::vector<unsigned> owners;
  std::vector<Uuid> agents;
  std::vector<std::string> models;
  for (const policy::Lane& lane : lanes) {
    ranks.push_back(-lane.priority);
    owners.push_back(lane.kind.owner);
    agents.push_back(lane.kind.agent);
    models.push_back(lane.kind.model);
  }
  return static_cast<int64_t>(Execute(kDefer, {installation, now, until, std::string_view(reason), limit,
                                               &ranks, &owners, &agents, &models})
                                  .processed());
}

}  // namespace capeai::store
