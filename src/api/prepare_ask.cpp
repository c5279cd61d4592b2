#include "api/prepare_ask.hpp"

#include <algorithm>
#include <utility>

#include "agent/agent.hpp"
#include "api/arguments.hpp"
#include "base/utf8.hpp"
#include "pg/session.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"
#include "pg/wake.hpp"
#include "store/conversations.hpp"
#include "store/retrieve.hpp"

namespace capeai::api {
namespace {

constexpr size_t kMaxQueryChars = 1000;
constexpr Duration kDefaultTimeout = std::chrono::seconds(60);
constexpr Duration kMaxTimeout = std::chrono::hours(24);
constexpr Duration kRawCallTimeout = std::chrono::seconds(120);
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
Json MakeInput(const AskArguments& a, const std::string& query, const Manifest& manifest) {
  const auto names =
      manifest.input_schema ? manifest.input_schema->property_names() : std::vector<std::string>{"query"};
  Json input = Json::Object();
  const auto put = [&](const char* name, Json value, bool given) {
    if (std::find(names.begin(), names.end(), name) != names.end())
      input.Set(name, std::move(value));
    else if (given)
      Refuse(std::string("agent \"") + manifest.slug + "\" takes no " + name, "Leave the argument out.");
  };
  put("query", Json::String(query), true);
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
  a.context =
      PG_ARGISNULL(first + kContext) ? Json::Object() : RequiredObject(fcinfo, first + kContext, "context");
  a.user_level = LimitedText(fcinfo, first + kUserLevel, "user_level", kMaxNameChars).value_or(kDefaultLevel);
  CheckOneOf("user_level", a.user_level, {"beginner", "intermediate", "advanced"});
  a.preferred_format = LimitedText(fcinfo, first + kPreferredFormat, "preferred_format", kMaxNameChars)
                           .value_or(kDefaultFormat);
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

namespace {

AskRequest CallersRequest(const pg::Caller& caller, const std::optional<std::string>& user_id) {
  AskRequest request;
  request.owner = caller.role;
  request.application_name = caller.application_name;
  request.client_addr = caller.client_addr;
  request.user_id = ResolveUserId(user_id);
  return request;
}

std::vector<Passage> Search(unsigned owner, const SearchRequest& search, bool isolated) {
  if (!isolated) return store::Retrieve(owner, search);
  pg::Subtransaction alone;
  std::vector<Passage> passages = store::Retrieve(owner, search);
  alone.Commit();
  return passages;
}

}  // namespace

AskTemplate::AskTemplate(const AskArguments& arguments, bool stream) : arguments_(arguments) {
  const AskArguments& a = arguments_;
  const pg::Caller caller = pg::CurrentCaller();
  request_ = CallersRequest(caller, a.user_id);
  request_.timeout = a.timeout;
  request_.options = ResolveOptions();
  request_.stream = stream;
  if (stream) request_.idle_timeout = pg::settings::StreamIdleTimeout();
  request_.conversation = a.conversation;
  {
    const pg::AsExtensionOwner as_owner;
    agent_ = ResolveAgent(caller, a.agent);
    if (stream) CheckStreamable(*agent_.manifest);
    if (a.conversation) TakeHistory(*a.conversation);
  }
  (void)MakeInput(a, "", *agent_.manifest);
  request_.agent_id = agent_.agent_id;
  request_.agent_version_id = agent_.version_id;
  request_.model = ResolveModel(a.model, *agent_.manifest);
}

// What was said before as of now, not as of the transaction's snapshot: the worker looks at it like that.
void AskTemplate::TakeHistory(const Uuid& conversation) {
  bool own = false;
  {
    const pg::LatestSnapshot now;
    own = store::MayUseConversation(conversation, request_.owner, request_.user_id);
    if (own)
      history_ = store::LoadTurns(conversation, request_.owner, pg::NewTaskId(WallNow()), kTurnsOfHistory);
  }
  if (!own)
    pg::Raise(sqlstate::kInsufficientPrivilege, "conversation " + conversation.ToString() + " is not yours",
              "Begin a conversation with a uuid of your own, as from gen_random_uuid().");
}

AskRequest AskTemplate::Begin(const std::string& query) const {
  CheckQuery(query);
  AskRequest request = request_;
  request.asked_at = WallNow();
  request.task_id = pg::NewTaskId(request.asked_at);
  request.input = MakeInput(arguments_, query, *agent_.manifest);
  CheckInput(*agent_.manifest, request.input, "");
  request.input = MaskInput(*agent_.manifest, request.input);
  const auto& steps = agent_.manifest->steps;
  request.searching = std::find(steps.begin(), steps.end(), StepKind::kRetrieveKnowledge) != steps.end();
  return request;
}

AskFound AskTemplate::Find(const AskRequest& request, bool isolated) const {
  AskFound found;
  const Analysis analysis = AnalyzeContext(request.input, history_);
  found.started = WallNow();
  found.passages = Search(request.owner, SearchFor(*agent_.manifest, analysis, request.input), isolated);
  found.completed = WallNow();
  return found;
}

AskRequest AskTemplate::Prepare(const std::string& query, bool isolated) const {
  AskRequest request = Begin(query);
  if (std::exchange(request.searching, false)) request.found = Find(request, isolated);
  return request;
}

AskRequest PrepareAsk(const AskArguments& a, bool stream) {
  CheckQuery(a.query);
  return AskTemplate(a, stream).Prepare(a.query);
}

AskRequest PrepareRawCall(AskRequest::Kind kind, const std::optional<std::string>& model) {
  const pg::Caller caller = pg::CurrentCaller();
  AskRequest request = CallersRequest(caller, std::nullopt);
  request.kind = kind;
  request.timeout = kRawCallTimeout;
  request.asked_at = WallNow();
  request.task_id = pg::NewTaskId(request.asked_at);
  const pg::AsExtensionOwner as_owner;
  const ResolvedAgent agent = ResolveAgent(caller, "chat");
  request.agent_id = agent.agent_id;
  request.agent_version_id = agent.version_id;
  request.model = ResolveModel(model, *agent.manifest);
  return request;
}

}  // namespace capeai::api
