#include "api/prepare_ask.hpp"

#include <algorithm>

#include "agent/agent.hpp"
#include "api/arguments.hpp"
#include "api/resolve.hpp"
#include "base/utf8.hpp"
#include "pg/session.hpp"
#include "pg/wake.hpp"
#include "store/conversations.hpp"
#include "store/retrieve.hpp"

namespace capeai::api {
namespace {

constexpr size_t kMaxQueryChars = 1000;
constexpr Duration kDefaultTimeout = std::chrono::seconds(60);
constexpr Duration kMaxTimeout = std::chrono::hours(24);
constexpr int kTurnsOfHistory = 20;

// Places of the arguments after the query.
enum Argument { kContext, kUserLevel, kPreferredFormat, kAgent, kModel, kConversation, kUserId, kTimeout };

constexpr const char* kDefaultLevel = "beginner";
constexpr const char* kDefaultFormat = "text";

[[noreturn]] void Refuse(const std::string& message, const std::string& hint = {}) {
  pg::Raise(sqlstate::kInvalidParameter, message, hint);
}

void CheckOneOf(const char* name, const std::string& value, std::initializer_list<const char*> allowed) {
  std::string list;
  for (const char* word : allowed) {
    if (value == word) return;
    list += (list.empty() ? "" : ", ") + std::string(word);
  }
  Refuse(std::string(name) + " \"" + std::string(utf8::PrefixChars(value, 50)) + "\" is not known",
         "Use one of: " + list + ".");
}

void CheckQuery(const std::string& query) {
  if (std::all_of(query.begin(), query.end(), [](unsigned char c) { return c <= ' '; }))
    Refuse("query must not be empty", "Ask a question of 1 to 1000 characters.");
  if (utf8::Length(query) > kMaxQueryChars)
    Refuse("query is longer than 1000 characters", "Shorten the question, or put details into context.");
}

// Those members that the agent's input_schema names; one that it does not name
// but that was given is refused.
Json MakeInput(const AskArguments& a, const Manifest& manifest) {
  const auto names = manifest.input_schema ? manifest.input_schema->property_names() : std::vector<std::string>{"query"};
  Json input = Json::Object();
  const auto put = [&](const char* name, Json value, bool given) {
    if (std::find(names.begin(), names.end(), name) != names.end())
      input.Set(name, std::move(value));
    else if (given)
      Refuse(std::string("agent \"") + manifest.slug + "\" takes no " + name, "Leave the argument out.");
  };
  put("query", Json::String(a.query), true);
  put("context", a.context, a.context.size() > 0);
  put("user_level", Json::String(a.user_level), a.user_level != kDefaultLevel);
  put("preferred_format", Json::String(a.preferred_format), a.preferred_format != kDefaultFormat);
  if (a.conversation) put("conversation", Json::String(a.conversation->ToString()), true);
  return input;
}

}  // namespace

void RequireWorker(const char* what) {
  RequirePrimary(what);
  std::string why_not, hint;
  if (!pg::WorkerAvailable(&why_not, &hint))
    pg::Raise(sqlstate::kNotInPrerequisiteState, std::string("cannot ") + what + ": " + why_not, hint);
}

AskArguments ReadAskArguments(FunctionCallInfo fcinfo, int first) {
  AskArguments a;
  a.context = PG_ARGISNULL(first + kContext) ? Json::Object() : RequiredObject(fcinfo, first + kContext, "context");
  a.user_level = LimitedText(fcinfo, first + kUserLevel, "user_level", kMaxNameChars).value_or(kDefaultLevel);
  CheckOneOf("user_level", a.user_level, {"beginner", "intermediate", "advanced"});
  a.preferred_format =
      LimitedText(fcinfo, first + kPreferredFormat, "preferred_format", kMaxNameChars).value_or(kDefaultFormat);
  CheckOneOf("preferred_format", a.preferred_format, {"text", "steps", "checklist", "code"});
  a.agent = RequiredText(fcinfo, first + kAgent, "agent", kMaxNameChars);
  a.model = LimitedText(fcinfo, first + kModel, "model", kMaxNameChars);
  a.conversation = pg::UuidArg(fcinfo, first + kConversation);
  a.user_id = LimitedText(fcinfo, first + kUserId, "user_id", kMaxUserIdBytes);
  a.timeout = pg::IntervalArg(fcinfo, first + kTimeout).value_or(kDefaultTimeout);
  if (a.timeout <= Duration::zero() || a.timeout > kMaxTimeout)
    Refuse("timeout must be positive, and at most 24 hours");
  return a;
}

AskRequest PrepareAsk(const AskArguments& a, bool stream) {
  CheckQuery(a.query);
  const pg::Caller caller = pg::CurrentCaller();
  AskRequest request;
  request.asked_at = WallNow();
  request.timeout = a.timeout;
  request.task_id = pg::NewTaskId(request.asked_at);
  request.owner = caller.role;
  request.application_name = caller.application_name;
  request.client_addr = caller.client_addr;
  request.user_id = ResolveUserId(a.user_id);
  request.options = ResolveOptions();
  request.stream = stream;
  request.conversation = a.conversation;

  ResolvedAgent agent;
  std::vector<Turn> history;
  {
    const pg::AsExtensionOwner as_owner;
    agent = ResolveAgent(caller, a.agent);
    request.input = MakeInput(a, *agent.manifest);
    CheckInput(*agent.manifest, request.input, "");
    if (stream) CheckStreamable(*agent.manifest);
    if (a.conversation) {
      if (!store::MayUseConversation(*a.conversation, caller.role, request.user_id))
        pg::Raise(sqlstate::kInsufficientPrivilege, "conversation " + a.conversation->ToString() + " is not yours",
                  "Begin a conversation with a uuid of your own, as from gen_random_uuid().");
      history = store::LoadTurns(*a.conversation, caller.role, request.task_id, kTurnsOfHistory);
    }
  }
  request.agent_id = agent.agent_id;
  request.agent_version_id = agent.version_id;
  request.model = ResolveModel(a.model, *agent.manifest);

  const auto& steps = agent.manifest->steps;
  if (std::find(steps.begin(), steps.end(), StepKind::kRetrieveKnowledge) == steps.end()) return request;
  request.search_started = WallNow();
  request.passages = store::Retrieve(
      caller.role, SearchFor(*agent.manifest, AnalyzeContext(request.input, history), request.input));
  request.search_completed = WallNow();
  return request;
}

}  // namespace capeai::api
