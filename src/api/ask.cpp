// The ask family: capeai_ask, capeai_answer, capeai_last_answer, capeai_chat.
#include "api/arguments.hpp"
#include "api/ask_client.hpp"
#include "api/prepare_ask.hpp"
#include "api/resolve.hpp"
#include "openai/request.hpp"
#include "pg/session.hpp"

namespace capeai::api {
namespace {

constexpr Duration kChatTimeout = std::chrono::seconds(120);

// The session's last answer, for capeai_last_answer.
Json& LastAnswer() {
  static auto* answer = new Json;
  return *answer;
}

Json WaitForAnswer(AskRequest request) {
  PendingAsk pending(std::move(request));
  while (true) {
    AskReply reply = pending.Next();
    if (reply.kind == AskReply::Kind::kAnswer) return reply.answer;
  }
}

Json Ask(FunctionCallInfo fcinfo) {
  RequireWorker("ask");
  AskArguments arguments = ReadAskArguments(fcinfo, 1);
  arguments.query = RequiredText(fcinfo, 0, "query", kMaxDescriptionChars);
  LastAnswer() = WaitForAnswer(PrepareAsk(arguments, false));
  return LastAnswer();
}

pg::CellText Cell(const Json& value) {
  if (!value || value.is_null()) return std::nullopt;
  if (const auto text = value.string()) return *text;
  return value.Dump();
}

pg::CellText ArrayCell(const Json& array) {
  if (!array.is_array()) return std::nullopt;
  std::vector<std::string> texts;
  for (size_t i = 0; i < array.size(); ++i) texts.push_back(array[i].string_or(""));
  return pg::ArrayLiteral(texts);
}

// capeai.answer, in the order of its columns.
Datum AnswerRow(FunctionCallInfo fcinfo, const Json& a) {
  return pg::RowResult(fcinfo, {Cell(a["response"]), ArrayCell(a["suggestions"]), Cell(a["resources"]),
                                Cell(a["citations"]), Cell(a["confidence_score"]), Cell(a["grounded"]),
                                Cell(a["finish_reason"]), Cell(a["processing_time_ms"]), Cell(a["task_id"]),
                                Cell(a["conversation"]), Cell(a["model"]), Cell(a["usage"])});
}

// capeai_chat is an ask of the agent `chat` whose answer is the API's own reply.
AskRequest PrepareChat(Json messages, const std::optional<std::string>& model, Json options) {
  if (const Status checked = CheckMessages(messages); !checked) pg::Raise(checked.error());
  if (const Status checked = CheckOptions(options); !checked) pg::Raise(checked.error());
  const pg::Caller caller = pg::CurrentCaller();
  AskRequest request;
  request.kind = AskRequest::Kind::kRawChat;
  request.asked_at = WallNow();
  request.timeout = kChatTimeout;
  request.task_id = pg::NewTaskId(request.asked_at);
  request.owner = caller.role;
  request.application_name = caller.application_name;
  request.client_addr = caller.client_addr;
  request.user_id = ResolveUserId(std::nullopt);
  request.input = Json::Object().Set("messages", std::move(messages));
  const pg::AsExtensionOwner as_owner;
  const ResolvedAgent agent = ResolveAgent(caller, "chat");
  request.agent_id = agent.agent_id;
  request.agent_version_id = agent.version_id;
  request.model = ResolveModel(model, *agent.manifest);
  // What the session has set counts where the options say nothing.
  Json defaults = ResolveOptions();
  for (const char* name : {"temperature", "max_tokens"})
    if (defaults[name] && !options[name] && !(name[0] == 'm' && options["max_completion_tokens"]))
      options.Set(name, defaults[name]);
  request.options = std::move(options);
  return request;
}

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_ask) { return pg::TextResult(api::Ask(fcinfo)["response"].string_or("")); }

CAPEAI_FUNCTION(capeai_answer) { return api::AnswerRow(fcinfo, api::Ask(fcinfo)); }

CAPEAI_FUNCTION(capeai_last_answer) {
  if (api::LastAnswer()) return api::AnswerRow(fcinfo, api::LastAnswer());
  fcinfo->isnull = true;
  return 0;
}

CAPEAI_FUNCTION(capeai_chat) {
  api::RequireWorker("ask a model");
  const auto given = pg::TextArg(fcinfo, 0);
  const Json messages = given ? Json::Parse(*given) : Json();
  const auto model = api::LimitedText(fcinfo, 1, "model", api::kMaxNameChars);
  Json options = PG_ARGISNULL(2) ? Json::Object() : api::RequiredObject(fcinfo, 2, "options");
  const Json answer = api::WaitForAnswer(api::PrepareChat(messages, model, std::move(options)));
  return pg::JsonbResult(answer["raw"].Dump());
}
