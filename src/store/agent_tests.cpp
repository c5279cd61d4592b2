#include "store/agent_tests.hpp"

#include "pg/transaction.hpp"

namespace capeai::store {
namespace {

using pg::Type;

const pg::Statement kInsertRun{
    "INSERT INTO capeai.test_runs (agent_id, agent_version_id, content_hash, mode, role, started_at, cases,"
    " failed, stale, prompt_tokens, completion_tokens)"
    " VALUES ($1, $2, decode($3, 'hex'), $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
    {Type::kUuid, Type::kUuid, Type::kText, Type::kText, Type::kOid, Type::kTimestamptz, Type::kInt4,
     Type::kInt4, Type::kInt4, Type::kInt8, Type::kInt8}};

const pg::Statement kInsertResult{
    "INSERT INTO capeai.test_results (run_id, case_number, case_name, passed, problems, stale, response,"
    " output_data, model, prompt_tokens, completion_tokens, cost, duration_ms)"
    " VALUES ($1, $2, $3, $4 = '{}', $4, NULLIF($5, ''), $6, $7::jsonb, $8, $9, $10, $11::numeric, $12)",
    {Type::kUuid, Type::kInt4, Type::kText, Type::kTextArray, Type::kText, Type::kText, Type::kText,
     Type::kText, Type::kInt8, Type::kInt8, Type::kText, Type::kInt4}};

// Where nothing was asked of a model nothing was spent; a price that is not known is not nothing.
const pg::Statement kAddCosts{
    "UPDATE capeai.test_runs SET cost = (SELECT CASE WHEN count(*) = count(cost) THEN sum(cost) END"
    " FROM capeai.test_results WHERE run_id = $1) WHERE id = $1",
    {Type::kUuid}};

const pg::Statement kPassedRun{
    "SELECT id FROM capeai.test_runs WHERE agent_version_id = $1 AND content_hash = decode($2, 'hex')"
    " AND cases > 0 AND failed = 0 AND stale = 0 ORDER BY completed_at DESC LIMIT 1",
    {Type::kUuid, Type::kText}};

const pg::Statement kNewest{
    "SELECT v.version FROM capeai.agent_versions AS v JOIN capeai.agents AS a ON a.id = v.agent_id"
    " WHERE a.slug = $1 AND v.status <> 'archived' ORDER BY v.created_at DESC, v.published_at DESC LIMIT 1",
    {Type::kText}};

const pg::Statement kLoad{"SELECT recording FROM capeai.recordings WHERE agent_id = $1 AND case_name = $2",
                          {Type::kUuid, Type::kText}};

const pg::Statement kSave{
    "INSERT INTO capeai.recordings (agent_id, case_name, recording) VALUES ($1, $2, $3)"
    " ON CONFLICT (agent_id, case_name) DO UPDATE SET recording = EXCLUDED.recording,"
    " recorded_at = EXCLUDED.recorded_at",
    {Type::kUuid, Type::kText, Type::kJsonb}};

const pg::Statement kCost{
    "SELECT CASE WHEN count(t.cost) = cardinality($1) THEN coalesce(sum(t.cost), 0) END::text"
    " FROM capeai.tasks AS t WHERE t.id = ANY ($1)",
    {Type::kUuidArray}};

}  // namespace

Uuid InsertTestRun(const TestRun& run) {
  int64_t failed = 0, stale = 0, prompt_tokens = 0, completion_tokens = 0;
  for (const TestResult& result : run.results) {
    failed += !result.problems.empty();
    stale += !result.stale.empty();
    prompt_tokens += result.prompt_tokens;
    completion_tokens += result.completion_tokens;
  }
  const pg::Rows inserted =
      pg::Execute(kInsertRun, {run.agent_id, run.agent_version_id, std::string_view(run.content_hash),
                               std::string_view(run.mode), int64_t{run.role}, run.started_at,
                               static_cast<int64_t>(run.results.size()), failed, stale, prompt_tokens,
                               completion_tokens});
  const Uuid id = inserted.Id(0, 0);
  for (const TestResult& r : run.results)
    pg::Execute(
        kInsertResult,
        {id, int64_t{r.number}, std::string_view(r.name), &r.problems, std::string_view(r.stale),
         pg::Maybe(r.response), r.output.empty() ? pg::Param(pg::Null{}) : std::string_view(r.output),
         std::string_view(r.model), r.prompt_tokens, r.completion_tokens, pg::Maybe(r.cost), r.duration_ms});
  pg::Execute(kAddCosts, {id});
  return id;
}

std::optional<Uuid> PassedTestRun(const Uuid& version_id, const std::string& content_hash) {
  const pg::Rows rows = pg::Execute(kPassedRun, {version_id, std::string_view(content_hash)});
  if (rows.empty()) return std::nullopt;
  return rows.Id(0, 0);
}

std::optional<std::string> NewestVersion(const std::string& slug) {
  const pg::Rows rows = pg::Execute(kNewest, {std::string_view(slug)});
  if (rows.empty()) return std::nullopt;
  return rows.String(0, 0);
}

std::optional<std::string> LoadRecording(const Uuid& agent_id, const std::string& case_name) {
  const pg::Rows rows = pg::Execute(kLoad, {agent_id, std::string_view(case_name)});
  if (rows.empty()) return std::nullopt;
  return rows.String(0, 0);
}

void SaveRecording(const Uuid& agent_id, const std::string& case_name, const std::string& recording) {
  pg::Execute(kSave, {agent_id, std::string_view(case_name), std::string_view(recording)});
}

std::optional<std::string> CostOf(const std::vector<Uuid>& tasks) {
  const pg::LatestSnapshot committed;
  return pg::Execute(kCost, {&tasks}).MaybeString(0, 0);
}

}  // namespace capeai::store
