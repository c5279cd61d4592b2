// capeai_submit_task and capeai_submit_tasks: checks everything, then writes all
// tasks with one statement. Nothing is written when one input is refused.
#include <algorithm>
#include <unordered_set>

#include "api/arguments.hpp"
#include "api/limits.hpp"
#include "api/resolve.hpp"
#include "pg/progress.hpp"
#include "pg/settings.hpp"
#include "pg/wake.hpp"
#include "store/tasks.hpp"

namespace capeai::api {
namespace {

constexpr int32_t kMaxPriority = 32767;
constexpr int32_t kMaxAttempts = 100;
constexpr size_t kMaxTasks = 1000000;
constexpr size_t kMaxBatchBytes = 512u << 20;
constexpr size_t kMaxDependencies = 1000;
constexpr Duration kMaxTimeout = std::chrono::hours(24 * 366 * 10);
constexpr Duration kLatestRunAt = std::chrono::hours(24 * 365) * 8000;  // since 1970

// Places of the arguments that both functions have.
enum Argument {
  kAgent,
  kInput,
  kTitle,
  kDescription,
  kPriority,
  kRunAt,
  kAttempts,
  kTimeout,
  kKey,
  kUserId,
  kStream,
  kDependsOn,
  kModel
};

[[noreturn]] void Refuse(const std::string& message, const std::string& hint = {}) {
  pg::Raise(sqlstate::kInvalidParameter, message, hint);
}

void ReadSchedule(FunctionCallInfo fcinfo, store::Submission& out) {
  out.priority = pg::IntArg(fcinfo, kPriority).value_or(0);
  if (out.priority < -kMaxPriority || out.priority > kMaxPriority)
    Refuse("priority must be between -32767 and 32767");
  const int64_t raw = PG_ARGISNULL(kRunAt) ? 0 : PG_GETARG_INT64(kRunAt);
  if (raw == INT64_MAX || raw == INT64_MIN) Refuse("run_at must be finite");
  out.run_at = pg::TimestampArg(fcinfo, kRunAt).value_or(pg::TransactionStart());
  if (out.run_at.time_since_epoch() > kLatestRunAt) Refuse("run_at is out of range");
  out.max_attempts = pg::IntArg(fcinfo, kAttempts).value_or(pg::settings::MaxAttempts());
  if (out.max_attempts < 1 || out.max_attempts > kMaxAttempts)
    Refuse("max_attempts must be between 1 and 100");
  out.timeout = pg::IntervalArg(fcinfo, kTimeout);
  if (out.timeout && (*out.timeout <= Duration::zero() || *out.timeout > kMaxTimeout))
    Refuse("timeout must be positive, and at most ten years");
}

// The arguments that do not need the tables.
store::Submission ReadCommon(FunctionCallInfo fcinfo) {
  store::Submission out;
  out.caller = pg::CurrentCaller();
  out.title = LimitedText(fcinfo, kTitle, "title", kMaxTitleChars);
  out.description = LimitedText(fcinfo, kDescription, "description", kMaxDescriptionChars);
  ReadSchedule(fcinfo, out);
  out.user_id = ResolveUserId(LimitedText(fcinfo, kUserId, "user_id", kMaxUserIdBytes));
  out.stream = pg::BoolArg(fcinfo, kStream).value_or(false);
  out.depends_on = pg::UuidArrayArg(fcinfo, kDependsOn).value_or(std::vector<Uuid>{});
  if (out.depends_on.size() > kMaxDependencies) Refuse("depends_on must not name more than 1000 tasks");
  std::sort(out.depends_on.begin(), out.depends_on.end());
  out.depends_on.erase(std::unique(out.depends_on.begin(), out.depends_on.end()), out.depends_on.end());
  return out;
}

void ResolveCommon(const ResolvedAgent& agent, const std::optional<std::string>& model,
                   store::Submission& out) {
  out.agent_id = agent.agent_id;
  out.agent_version_id = agent.version_id;
  out.installation = agent.installation;
  out.model = ResolveModel(model, *agent.manifest);
  out.options = ResolveOptions().Dump();
  if (out.stream) CheckStreamable(*agent.manifest);
}

void CheckDependencies(const store::Submission& s) {
  if (s.depends_on.empty()) return;
  const auto owners = store::FindOwners(s.depends_on);
  std::unordered_set<Uuid> known;
  for (const store::TaskOwner& task : owners) {
    known.insert(task.id);
    const bool own =
        task.owner == s.caller.role && (!pg::settings::RequireUserId() || task.user_id == s.user_id);
    if (!own)
      pg::Raise(sqlstate::kInsufficientPrivilege, "task " + task.id.ToString() + " is not yours",
                "A task can depend only on tasks of the same owner.");
  }
  for (const Uuid& id : s.depends_on)
    if (!known.contains(id))
      pg::Raise(sqlstate::kUndefinedObject, "task " + id.ToString() + " does not exist");
}

void ClaimConversations(const store::Submission& s, const std::vector<Uuid>& conversations) {
  if (conversations.empty()) return;
  const auto foreign = store::ClaimConversations(conversations, s.caller.role, s.user_id);
  if (!foreign.empty())
    pg::Raise(sqlstate::kInsufficientPrivilege,
              "conversation " + foreign.front().ToString() + " is not yours",
              "Begin a conversation with a uuid of your own, as from gen_random_uuid().");
}

// Checks the inputs (optional texts) one by one, and makes their conversations the
// caller's. What is to be stored: nothing, if that is what came.
template <class Texts>
std::vector<std::string> CheckInputs(const Manifest& manifest, Texts& inputs, bool many,
                                     store::Submission& s) {
  std::vector<std::string> masked;
  std::vector<Uuid> conversations;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string where = many ? "Input " + std::to_string(i + 1) + ": " : "";
    const std::optional<std::string>& text = inputs[i];
    if (!text)
      pg::Raise(sqlstate::kInvalidParameter, "input must not be null", "", many ? where + "it is null." : "");
    const Json input = ParseObject(*text, "input", where);
    CheckInput(manifest, input, where);
    if (const auto id = ConversationOf(manifest, input, where)) conversations.push_back(*id);
    if (!manifest.redact_input.empty()) masked.push_back(MaskInput(manifest, input).Dump());
    if (i % 1024 == 1023) pg::CheckInterrupts();
  }
  for (auto* text : {&s.title, &s.description})
    if (*text) *text = manifest.redact_input.Mask(**text);
  s.has_conversation = !conversations.empty();
  ClaimConversations(s, conversations);
  return masked;
}

// For the inputs whose key is known: the task that has it, in place of the new id.
void UseKnownTasks(const store::Submission& s, pg::Passed inputs, const pg::Nullable<std::string>& keys,
                   const std::vector<Uuid>& written, bool many, std::vector<Uuid>& ids) {
  const std::unordered_set<Uuid> fresh(written.begin(), written.end());
  size_t missing = ids.size() - written.size();
  for (const store::KnownKey& known : store::FindKeys(s, inputs, keys)) {
    if (fresh.contains(ids[known.ordinal])) continue;
    if (!known.same)
      pg::Raise(sqlstate::kUniqueViolation,
                "idempotency key \"" + *keys[known.ordinal] + "\" was used with another input",
                "A key stands for one task of its agent: use a new key for a new task.",
                many ? "Input " + std::to_string(known.ordinal + 1) + "." : "");
    ids[known.ordinal] = known.task_id;
    --missing;
  }
  if (missing > 0) pg::Raise("40001", "a task with the same idempotency key was deleted just now; try again");
}

void RequireRoom(const store::Submission& s, size_t count) {
  CheckSubmitLimits(s.caller.role, s.installation, count);
  CheckBudgets(s.caller.role, s.agent_id, s.model);
}

Uuid StoreOne(const store::Submission& s, pg::Passed input) {
  const Uuid id = pg::NewTaskId(WallNow());
  store::InsertTask(s, id, input);
  return id;
}

std::vector<Uuid> StoreAll(const store::Submission& s, size_t count, pg::Passed inputs,
                           const std::optional<pg::Nullable<std::string>>& keys, bool many) {
  std::vector<Uuid> ids = pg::NewTaskIds(count);
  const std::vector<Uuid> written = store::InsertTasks(s, ids, inputs, keys ? &*keys : nullptr);
  if (written.size() < ids.size()) UseKnownTasks(s, inputs, *keys, written, many, ids);
  return ids;
}

void TellWorker() {
  pg::WakeWorkerAtCommit();
  std::string why_not, hint;
  if (!pg::WorkerAvailable(&why_not, &hint))
    pg::ClientWarning("the task is stored, but will not run yet: " + why_not, {}, hint);
}

void CheckKey(const std::optional<std::string>& key) {
  if (key && key->empty())
    Refuse("idempotency_key must not be empty", "Leave it out, or pass NULL, for none.");
}

pg::TextElements ReadInputs(FunctionCallInfo fcinfo) {
  if (PG_ARGISNULL(kInput)) Refuse("inputs must not be null");
  if (pg::ArgBytes(fcinfo, kInput) > kMaxBatchBytes) Refuse("inputs must not be larger than 512 MB together");
  pg::TextElements inputs(fcinfo, kInput);
  if (inputs.size() > kMaxTasks) Refuse("inputs must not have more than 1000000 elements");
  return inputs;
}

std::optional<pg::Nullable<std::string>> ReadKeys(FunctionCallInfo fcinfo, size_t count) {
  if (pg::ArgBytes(fcinfo, kKey) > kMaxBatchBytes) Refuse("idempotency_keys are too long");
  auto keys = pg::TextArrayArg(fcinfo, kKey);
  if (!keys) return std::nullopt;
  if (keys->size() != count) Refuse("idempotency_keys must have as many elements as inputs");
  for (const auto& key : *keys) {
    CheckKey(key);
    if (key && key->size() > kMaxKeyChars) Refuse("idempotency_key must not be longer than 255 bytes");
  }
  return keys;
}

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_submit_task) {
  api::RequirePrimary("submit tasks");
  const std::string agent_name = api::RequiredText(fcinfo, api::kAgent, "agent", api::kMaxNameChars);
  if (pg::ArgBytes(fcinfo, api::kInput) > api::kMaxJsonBytes)
    api::Refuse("input must not be larger than 16 MB");
  const std::vector<std::optional<std::string>> input = {pg::TextArg(fcinfo, api::kInput)};
  const auto key = api::LimitedText(fcinfo, api::kKey, "idempotency_key", api::kMaxKeyChars);
  api::CheckKey(key);
  const auto model = api::LimitedText(fcinfo, api::kModel, "model", api::kMaxNameChars);
  store::Submission s = api::ReadCommon(fcinfo);

  const pg::AsExtensionOwner as_owner;
  const api::ResolvedAgent agent = api::ResolveAgent(s.caller, agent_name);
  api::ResolveCommon(agent, model, s);
  const auto masked = api::CheckInputs(*agent.manifest, input, false, s);
  api::CheckDependencies(s);
  api::RequireRoom(s, 1);
  Uuid id;
  if (key) {
    const pg::Passed given =
        masked.empty() ? pg::PassAsArray(fcinfo, api::kInput) : pg::PassJsonbArray(masked);
    id = api::StoreAll(s, 1, given, pg::Nullable<std::string>{key}, false).front();
  } else {
    id = api::StoreOne(
        s, masked.empty() ? pg::PassArg(fcinfo, api::kInput) : pg::Passed{pg::JsonbResult(masked.front())});
  }
  api::TellWorker();
  return pg::UuidResult(id);
}

CAPEAI_FUNCTION(capeai_submit_tasks) {
  api::RequirePrimary("submit tasks");
  const std::string agent_name = api::RequiredText(fcinfo, api::kAgent, "agent", api::kMaxNameChars);
  pg::TextElements inputs = api::ReadInputs(fcinfo);
  const auto keys = api::ReadKeys(fcinfo, inputs.size());
  const auto model = api::LimitedText(fcinfo, api::kModel, "model", api::kMaxNameChars);
  store::Submission s = api::ReadCommon(fcinfo);

  std::vector<Uuid> ids;
  {
    const pg::AsExtensionOwner as_owner;
    const api::ResolvedAgent agent = api::ResolveAgent(s.caller, agent_name);
    api::ResolveCommon(agent, model, s);
    const auto masked = api::CheckInputs(*agent.manifest, inputs, true, s);
    api::CheckDependencies(s);
    const pg::Passed given = masked.empty() ? pg::PassArg(fcinfo, api::kInput) : pg::PassJsonbArray(masked);
    if (inputs.size() > 0) {
      api::RequireRoom(s, inputs.size());
      ids = api::StoreAll(s, inputs.size(), given, keys, true);
      api::TellWorker();
    }
  }
  pg::RowSet rows(fcinfo);
  rows.AddNumbered(ids);
  return 0;
}
