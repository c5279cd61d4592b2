// The ask family: capeai_ask, capeai_answer, capeai_last_answer, capeai_chat.
#include "api/answer.hpp"
#include "api/arguments.hpp"
#include "api/ask_client.hpp"
#include "api/prepare_ask.hpp"
#include "api/resolve.hpp"
#include "openai/request.hpp"
#include "pg/session.hpp"

namespace capeai::api {
namespace {

Json WaitForAnswer(PendingAsk& pending) {
  while (true) {
    AskReply reply = pending.Next();
    if (reply.kind == AskReply::Kind::kAnswer) return reply.answer;
  }
}

Json Ask(FunctionCallInfo fcinfo) {
  RequireWorker("ask");
  AskArguments arguments = ReadAskArguments(fcinfo, 1);
  arguments.query = RequiredText(fcinfo, 0, "query", kMaxDescriptionChars);
  const AskTemplate asks(arguments, false);
  // The worker writes the first row while this process searches.
  const AskRequest request = asks.Begin(arguments.query);
  PendingAsk pending(request);
  if (request.searching) pending.Search([&] { return asks.Find(request); });
  KeepLastAnswer(WaitForAnswer(pending));
  return LastAnswer();
}

// capeai_chat is an ask of the agent `chat` whose answer is the API's own reply.
AskRequest PrepareChat(Json messages, const std::optional<std::string>& model, Json options) {
  if (const Status checked = CheckMessages(messages); !checked) pg::Raise(checked.error());
  if (const Status checked = CheckOptions(options); !checked) pg::Raise(checked.error());
  AskRequest request = PrepareRawCall(AskRequest::Kind::kRawChat, model);
  request.input = Json::Object().Set("messages", std::move(messages));
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

CAPEAI_FUNCTION(capeai_answer) { return pg::RowResult(fcinfo, api::AnswerCells(api::Ask(fcinfo))); }

CAPEAI_FUNCTION(capeai_last_answer) {
  if (const Json answer = api::LastAnswer()) return pg::RowResult(fcinfo, api::AnswerCells(answer));
  fcinfo->isnull = true;
  return 0;
}

CAPEAI_FUNCTION(capeai_chat) {
  api::RequireWorker("ask a model");
  api::LimitMegabytes(fcinfo, 0, "messages", api::kMaxJsonBytes >> 20);
  const auto given = pg::TextArg(fcinfo, 0);
  const Json messages = given ? Json::Parse(*given) : Json();
  const auto model = api::LimitedText(fcinfo, 1, "model", api::kMaxNameChars);
  Json options = PG_ARGISNULL(2) ? Json::Object() : api::RequiredObject(fcinfo, 2, "options");
  api::PendingAsk pending(api::PrepareChat(messages, model, std::move(options)));
  const Json answer = api::WaitForAnswer(pending);
  return pg::JsonbResult(answer["raw"].Dump());
}
