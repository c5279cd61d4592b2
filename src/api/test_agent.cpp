// capeai_test_agent: an agent's own tests. The pipeline runs here, in the
// caller's backend and with the caller's rights; only the model's part is the
// worker's, and in a replay nobody's: what was recorded takes it.
#include "agent/replay.hpp"
#include "agent/test_case.hpp"
#include "api/arguments.hpp"
#include "api/ask_client.hpp"
#include "api/prepare_ask.hpp"
#include "api/publish.hpp"
#include "api/resolve.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"
#include "store/agent_tests.hpp"
#include "store/audit.hpp"
#include "store/retrieve.hpp"

namespace capeai::api {
namespace {

// The worker asks the model, and what it answers is kept.
class AskedModel : public Counterpart {
 public:
  explicit AskedModel(std::string model) { recording.model = std::move(model); }

  ChatOutcome Answer(const ChatRequest& request) override {
    RequireWorker("test an agent with a model");
    PendingAsk pending(MakeRequest(request));
    AskReply reply;
    do reply = *pending.Take(true);
    while (reply.kind != AskReply::Kind::kAnswer && reply.kind != AskReply::Kind::kError);
    if (reply.kind == AskReply::Kind::kError) {
      ChatError error;
      error.message = reply.error.message;
      return error;
    }
    recording.exchanges.push_back({HashRequest(request), ReplyOf(reply.answer)});
    return recording.exchanges.back().reply;
  }

  Recording recording;
  std::vector<Uuid> tasks;  // one for each exchange

 private:
  AskRequest MakeRequest(const ChatRequest& request) {
    AskRequest ask = PrepareRawCall(AskRequest::Kind::kRawChat, request.model);
    ask.input = Json::Object().Set("messages", request.messages);
    if (request.response_schema)
      ask.input.Set("response_schema", request.response_schema)
          .Set("schema_name", Json::String(request.schema_name));
    if (request.temperature) ask.input.Set("temperature", Json::Real(*request.temperature));
    if (request.max_tokens) ask.input.Set("max_tokens", Json::Int(*request.max_tokens));
    ask.options = Json::Object();
    tasks.push_back(ask.task_id);
    return ask;
  }

  static ChatReply ReplyOf(const Json& answer) {
    ChatReply reply;
    reply.text = answer["response"].string_or("");
    reply.refusal = answer["raw"]["choices"][size_t{0}]["message"]["refusal"].string_or("");
    reply.finish_reason = answer["finish_reason"].string_or("");
    reply.model = answer["model"].string_or("");
    const Json usage = answer["usage"];
    reply.usage.prompt_tokens = usage["prompt_tokens"].integer().value_or(0);
    reply.usage.completion_tokens = usage["completion_tokens"].integer().value_or(0);
    reply.usage.reported = usage["source"].string_or("") == "reported";
    return reply;
  }
};

// Ends the whole statement, not just a case: it was cancelled, or there is nothing left to work with.
bool EndsStatement(const Error& error) {
  return error.sqlstate == sqlstate::kQueryCanceled || error.sqlstate.substr(0, 2) == "53" ||
         error.sqlstate.substr(0, 3) == "57P";
}

class TestRunner {
 public:
  TestRunner(const pg::Caller& caller, const store::AgentVersion& version,
             std::shared_ptr<const Manifest> manifest, std::string mode)
      : caller_(caller), agent_id_(version.agent_id), manifest_(std::move(manifest)) {
    run_.agent_id = version.agent_id;
    run_.agent_version_id = version.version_id;
    run_.content_hash = version.content_hash;
    run_.mode = std::move(mode);
    run_.role = caller.role;
    run_.started_at = WallNow();
  }

  void Run(const TestCase& test) {
    pg::CheckInterrupts();
    const MonoTime started = MonoNow();
    store::TestResult& result = run_.results.emplace_back();
    result.number = static_cast<int>(run_.results.size());
    result.name = test.name;
    try {
      const std::vector<Passage> found = Find(test);
      if (run_.mode == "replay")
        Replay(test, found, result);
      else
        Ask(test, found, result);
    } catch (const pg::PgError& e) {
      if (EndsStatement(e.error())) throw;
      result.problems.push_back(e.error().message);
    }
    result.duration_ms = Millis(MonoNow() - started);
  }

  const store::TestRun& run() const { return run_; }

 private:
  std::vector<Passage> Find(const TestCase& test) const {
    if (!manifest_->Has(StepKind::kRetrieveKnowledge)) return {};
    const pg::Subtransaction undone;  // a test leaves nothing of what a function of the agent's may write
    const Json input = MaskInput(*manifest_, test.input);
    return store::Retrieve(caller_.role, SearchFor(*manifest_, AnalyzeContext(input), input));
  }

  TaskInput InputOf(const TestCase& test, const std::string& model) const {
    TaskInput input;
    input.input = MaskInput(*manifest_, test.input);
    input.model = model;
    return input;
  }

  void Replay(const TestCase& test, const std::vector<Passage>& found, store::TestResult& result) {
    std::optional<std::string> kept;
    {
      const pg::AsExtensionOwner as_owner;
      kept = store::LoadRecording(agent_id_, test.name);
    }
    const auto recording = kept ? Recording::FromJson(Json::Parse(*kept)) : std::nullopt;
    if (!recording) {
      result.problems.push_back("nothing is recorded for this case: run it with mode => 'record'");
      return;
    }
    result.cost = "0";
    const bool same_knowledge = recording->knowledge_hash == HashPassages(found);
    const bool own_model = recording->model != kExtractiveModel && !manifest_->model.empty();
    const std::string& model = own_model ? manifest_->model : recording->model;
    RecordedModel recorded(*recording);
    Judge(test,
          RunCase(manifest_, InputOf(test, model), same_knowledge ? found : recording->passages, recorded),
          result);
    if (!same_knowledge)
      result.stale = "other passages are found than when it was recorded";
    else if (recorded.stale())
      result.stale = "the prompt is another than when it was recorded";
  }

  void Ask(const TestCase& test, const std::vector<Passage>& found, store::TestResult& result) {
    AskedModel asked(ModelToAsk());
    const Outcome outcome = RunCase(manifest_, InputOf(test, asked.recording.model), found, asked);
    Judge(test, outcome, result);
    pg::Subtransaction kept_together;
    {
      const pg::AsExtensionOwner as_owner;
      result.cost = store::CostOf(asked.tasks);
      if (run_.mode == "record" && std::holds_alternative<Answer>(outcome)) {
        asked.recording.passages = found;
        asked.recording.knowledge_hash = HashPassages(found);
        store::SaveRecording(agent_id_, test.name, asked.recording.ToJson().Dump());
      }
    }
    kept_together.Commit();
  }

  // Where the session asks for extracts, an agent with a model of its own gives them, too.
  std::string ModelToAsk() const {
    const std::string set = pg::settings::Model();
    return set == kExtractiveModel ? set : ResolveModel(std::nullopt, *manifest_);
  }

  static void Judge(const TestCase& test, const Outcome& outcome, store::TestResult& result) {
    const auto* failure = std::get_if<Failure>(&outcome);
    const Usage& usage = failure ? failure->usage : std::get<Answer>(outcome).usage;
    result.prompt_tokens = usage.prompt_tokens;
    result.completion_tokens = usage.completion_tokens;
    if (failure) {
      result.problems.push_back(failure->error.message);
      return;
    }
    const Answer& answer = std::get<Answer>(outcome);
    result.response = RecordingMask().Mask(answer.response);
    result.output = RecordingMask().Mask(answer.output).Dump();
    result.model = answer.model;
    for (const std::string& problem : Shortcomings(test.expect, answer))
      result.problems.push_back(RecordingMask().Mask(problem));
  }

  const pg::Caller caller_;
  const Uuid agent_id_;
  const std::shared_ptr<const Manifest> manifest_;
  store::TestRun run_;
};

struct Tested {
  store::AgentVersion version;
  std::shared_ptr<const Manifest> manifest;
  std::vector<TestCase> cases;
};

Tested FindTested(const pg::Caller& caller, const std::string& slug, std::optional<std::string> version) {
  if (!version) version = store::NewestVersion(slug);
  const auto found = store::FindAgentVersion(slug, version, caller.role);
  const bool admin = IsAdmin(caller);
  if (!found || !(found->visible || admin))
    pg::Raise(sqlstate::kUndefinedObject,
              "agent \"" + slug + (version ? "@" + *version : "") + "\" does not exist");
  if (!found->owned && !admin)
    pg::Raise(sqlstate::kInsufficientPrivilege, "agent \"" + slug + "\" is not yours to test");
  Tested tested;
  tested.version = *found;
  tested.manifest = std::make_shared<const Manifest>(ManifestOf(tested.version.version_id));
  std::vector<ManifestProblem> problems;
  tested.cases = ParseTests(tested.manifest->source["tests"], tested.manifest->input_schema, problems);
  if (tested.cases.empty())
    pg::Raise(sqlstate::kNotInPrerequisiteState,
              "version " + tested.version.version + " of agent \"" + slug + "\" has no tests",
              "Cases are the member \"tests\" of its manifest.");
  return tested;
}

Uuid Store(const pg::Caller& caller, const store::TestRun& run, const std::string& slug,
           const std::string& version) {
  const Uuid id = store::InsertTestRun(run);
  int64_t failed = 0;
  for (const store::TestResult& result : run.results) failed += !result.problems.empty();
  const Json data = Json::Object()
                        .Set("slug", Json::String(slug))
                        .Set("version", Json::String(version))
                        .Set("mode", Json::String(run.mode))
                        .Set("test_run", Json::String(id.ToString()))
                        .Set("cases", Json::Int(static_cast<int64_t>(run.results.size())))
                        .Set("failed", Json::Int(failed));
  store::Audit(caller, "", {"agent_tested", run.agent_id, std::nullopt, data.Dump()});
  return id;
}

pg::CellText TextOr(const std::string& text) { return text.empty() ? pg::CellText() : pg::CellText(text); }

// In the order of capeai.test_results.
std::vector<pg::CellText> Cells(const Uuid& run, const store::TestResult& r) {
  return {run.ToString(),
          std::to_string(r.number),
          r.name,
          r.problems.empty() ? "t" : "f",
          pg::ArrayLiteral(r.problems),
          TextOr(r.stale),
          r.response,
          TextOr(r.output),
          r.model,
          std::to_string(r.prompt_tokens),
          std::to_string(r.completion_tokens),
          r.cost,
          std::to_string(r.duration_ms)};
}

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_test_agent) {
  api::RequirePrimary("test agents");
  const std::string slug = api::RequiredText(fcinfo, 0, "slug", api::kMaxNameChars);
  const auto version = api::LimitedText(fcinfo, 1, "version", api::kMaxNameChars);
  const std::string mode = api::RequiredText(fcinfo, 2, "mode", api::kMaxNameChars);
  if (mode != "replay" && mode != "record" && mode != "live")
    pg::Raise(sqlstate::kInvalidParameter, "mode \"" + mode + "\" is not known",
              "Use one of: replay, record, live.");
  const pg::Caller caller = pg::CurrentCaller();
  api::Tested tested;
  {
    const pg::AsExtensionOwner as_owner;
    tested = api::FindTested(caller, slug, version);
  }
  api::TestRunner runner(caller, tested.version, tested.manifest, mode);
  for (const TestCase& test : tested.cases) runner.Run(test);
  Uuid run;
  {
    const pg::AsExtensionOwner as_owner;
    run = api::Store(caller, runner.run(), slug, tested.version.version);
  }
  pg::RowSet rows(fcinfo);
  for (const store::TestResult& result : runner.run().results) rows.Add(api::Cells(run, result));
  return 0;
}
