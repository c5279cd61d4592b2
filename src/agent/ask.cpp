#include "agent/ask.hpp"

#include <array>
#include <utility>

namespace capeai {
namespace {

Json FromTime(WallTime t) { return Json::Int(t.time_since_epoch().count()); }
WallTime ToTime(const Json& json) { return WallTime(Duration(json.integer().value_or(0))); }
Uuid ToUuid(const Json& json) { return Uuid::Parse(json.string_or("")).value_or(Uuid{}); }
uint32_t ToNumber(const Json& json) { return static_cast<uint32_t>(json.integer().value_or(0)); }

Json FromError(const Error& e) {
  return Json::Object()
      .Set("sqlstate", Json::String(e.sqlstate))
      .Set("message", Json::String(e.message))
      .Set("detail", Json::String(e.detail))
      .Set("hint", Json::String(e.hint));
}
Error ToError(const Json& json) {
  return Error{json["sqlstate"].string_or("XX000"), json["message"].string_or("unknown error"),
               json["detail"].string_or(""), json["hint"].string_or("")};
}

}  // namespace

Json EncodePassages(const std::vector<Passage>& passages) {
  Json out = Json::Array();
  for (const Passage& p : passages) {
    out.Push(Json::Object()
                 .Set("d", Json::Int(p.document_id))
                 .Set("p", Json::Int(p.passage_id))
                 .Set("title", Json::String(p.title))
                 .Set("heading", Json::String(p.heading))
                 .Set("text", Json::String(p.text))
                 .Set("url", Json::String(p.url))
                 .Set("type", Json::String(p.type))
                 .Set("score", Json::Real(p.score)));
  }
  return out;
}
std::vector<Passage> DecodePassages(const Json& json) {
  std::vector<Passage> out;
  for (size_t i = 0; i < json.size(); ++i) {
    const Json p = json[i];
    out.push_back(Passage{p["d"].integer().value_or(0), p["p"].integer().value_or(0),
                          p["title"].string_or(""), p["heading"].string_or(""), p["text"].string_or(""),
                          p["url"].string_or(""), p["type"].string_or(""), p["score"].number().value_or(0)});
  }
  return out;
}

namespace {

// On their way without names, as capeai's processes are of one build. What is no UTF-8 (a database in
// SQL_ASCII) leaves its place empty.
Json FromPassages(const std::vector<Passage>& passages) {
  Json out = Json::Array();
  for (const Passage& p : passages)
    for (Json& member : std::array{Json::Int(p.document_id), Json::Int(p.passage_id), Json::String(p.title),
                                   Json::String(p.heading), Json::String(p.text), Json::String(p.url),
                                   Json::String(p.type), Json::Real(p.score)})
      out.Push(member ? std::move(member) : Json::Null());
  return out;
}

std::vector<Passage> ToPassages(const Json& json) {
  constexpr size_t kMembers = 8;
  std::vector<Passage> out;
  for (size_t i = 0; i + kMembers <= json.size(); i += kMembers)
    out.push_back(Passage{json[i].integer().value_or(0), json[i + 1].integer().value_or(0),
                          json[i + 2].string_or(""), json[i + 3].string_or(""), json[i + 4].string_or(""),
                          json[i + 5].string_or(""), json[i + 6].string_or(""),
                          json[i + 7].number().value_or(0)});
  return out;
}

Json FromFound(const AskFound& found) {
  Json out = Json::Object()
                 .Set("passages", FromPassages(found.passages))
                 .Set("started", FromTime(found.started))
                 .Set("completed", FromTime(found.completed));
  if (found.error) out.Set("error", FromError(*found.error));
  return out;
}

AskFound ToFound(const Json& in) {
  AskFound out;
  out.passages = ToPassages(in["passages"]);
  if (in["error"]) out.error = ToError(in["error"]);
  out.started = ToTime(in["started"]);
  out.completed = ToTime(in["completed"]);
  return out;
}

}  // namespace

std::string AskFound::Encode() const { return FromFound(*this).Set("found", Json::Int(number)).Tokens(); }

std::string AskRequest::Encode() const {
  Json out = Json::Object();
  out.Set("request", Json::Int(number))
      .Set("kind", Json::Int(static_cast<int>(kind)))
      .Set("task", Json::String(task_id.ToHex()))
      .Set("agent", Json::String(agent_id.ToHex()))
      .Set("version", Json::String(agent_version_id.ToHex()))
      .Set("owner", Json::Int(owner))
      .Set("user_id", Json::String(user_id))
      .Set("application_name", Json::String(application_name))
      .Set("client_addr", Json::String(client_addr))
      .Set("input", input)
      .Set("model", Json::String(model))
      .Set("options", options)
      .Set("stream", Json::Bool(stream))
      .Set("idle_timeout", Json::Int(idle_timeout.count()))
      .Set("timeout", Json::Int(timeout.count()))
      .Set("asked_at", FromTime(asked_at))
      .Set("searching", Json::Bool(searching))
      .Set("retrieval", FromFound(found));
  if (conversation) out.Set("conversation", Json::String(conversation->ToHex()));
  return out.Tokens();
}

std::optional<AskRequest> AskRequest::Decode(const Json& in) {
  if (!in["request"]) return std::nullopt;
  AskRequest out;
  out.number = ToNumber(in["request"]);
  out.kind = static_cast<Kind>(in["kind"].integer().value_or(0));
  out.task_id = ToUuid(in["task"]);
  out.agent_id = ToUuid(in["agent"]);
  out.agent_version_id = ToUuid(in["version"]);
  out.owner = ToNumber(in["owner"]);
  out.user_id = in["user_id"].string_or("");
  out.application_name = in["application_name"].string_or("");
  out.client_addr = in["client_addr"].string_or("");
  out.input = in["input"];
  out.model = in["model"].string_or("");
  out.options = in["options"];
  out.stream = in["stream"].boolean().value_or(false);
  out.idle_timeout = Duration(in["idle_timeout"].integer().value_or(0));
  out.timeout = Duration(in["timeout"].integer().value_or(0));
  out.asked_at = ToTime(in["asked_at"]);
  out.searching = in["searching"].boolean().value_or(false);
  out.found = ToFound(in["retrieval"]);
  if (in["conversation"]) out.conversation = ToUuid(in["conversation"]);
  return out;
}

std::string AskCancel::Encode() const { return Json::Object().Set("cancel", Json::Int(number)).Tokens(); }

std::string AskCredit::Encode() const {
  return Json::Object()
      .Set("credit", Json::Int(number))
      .Set("cost", Json::Int(static_cast<int64_t>(cost)))
      .Tokens();
}

std::optional<AskMessage> DecodeAskMessage(std::string_view tokens) {
  AskMessage message;
  const Json in = Json::FromTokens(tokens);
  if (in["cancel"]) {
    message.cancel = ToNumber(in["cancel"]);
    return message;
  }
  if (in["found"]) {
    message.found = ToFound(in);
    message.found->number = ToNumber(in["found"]);
    return message;
  }
  if (in["credit"]) {
    const int64_t cost = in["cost"].integer().value_or(0);
    message.credit = AskCredit{ToNumber(in["credit"]), static_cast<uint64_t>(cost < 0 ? 0 : cost)};
    return message;
  }
  message.request = AskRequest::Decode(in);
  if (!message.request) return std::nullopt;
  return message;
}

std::string AskReply::Encode() const {
  Json out = Json::Object();
  out.Set("reply", Json::Int(number)).Set("kind", Json::Int(static_cast<int>(kind)));
  if (kind == Kind::kDelta) out.Set("text", Json::String(text));
  if (kind == Kind::kAnswer) out.Set("answer", answer);
  if (kind == Kind::kError || kind == Kind::kReset) out.Set("error", FromError(error));
  return out.Tokens();
}

std::optional<AskReply> AskReply::Decode(std::string_view tokens) {
  const Json in = Json::FromTokens(tokens);
  if (!in["reply"]) return std::nullopt;
  AskReply out;
  out.number = ToNumber(in["reply"]);
  out.kind = static_cast<Kind>(in["kind"].integer().value_or(0));
  out.text = in["text"].string_or("");
  out.answer = in["answer"];
  if (in["error"]) out.error = ToError(in["error"]);
  return out;
}

std::string RetrievalRequest::Encode() const {
  return Json::Object()
      .Set("number", Json::Int(number))
      .Set("owner", Json::Int(owner))
      .Set("task", Json::String(task_id.ToHex()))
      .Set("collection", Json::String(search.collection))
      .Set("function", Json::String(search.function))
      .Set("query", Json::String(search.query))
      .Set("context", Json::String(search.context))
      .Set("max_results", Json::Int(search.max_results))
      .Tokens();
}

std::optional<RetrievalRequest> RetrievalRequest::Decode(std::string_view tokens) {
  const Json in = Json::FromTokens(tokens);
  if (!in["number"]) return std::nullopt;
  RetrievalRequest out;
  out.number = ToNumber(in["number"]);
  out.owner = ToNumber(in["owner"]);
  out.task_id = ToUuid(in["task"]);
  out.search.collection = in["collection"].string_or("");
  out.search.function = in["function"].string_or("");
  out.search.query = in["query"].string_or("");
  out.search.context = in["context"].string_or("{}");
  out.search.max_results = static_cast<int>(in["max_results"].integer().value_or(5));
  return out;
}

std::string RetrievalReply::Encode() const {
  Json out = Json::Object();
  out.Set("number", Json::Int(number)).Set("passages", FromPassages(passages));
  if (error) out.Set("error", FromError(*error));
  return out.Tokens();
}

std::optional<RetrievalReply> RetrievalReply::Decode(std::string_view tokens) {
  const Json in = Json::FromTokens(tokens);
  if (!in["number"]) return std::nullopt;
  RetrievalReply out;
  out.number = ToNumber(in["number"]);
  out.passages = ToPassages(in["passages"]);
  if (in["error"]) out.error = ToError(in["error"]);
  return out;
}

}  // namespace capeai
