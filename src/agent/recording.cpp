#include "agent/recording.hpp"

#include "agent/ask.hpp"
#include "agent/schema.hpp"

namespace capeai {
namespace {

// FNV-1a: a change is to be noticed, not an attack withstood.
class Fingerprint {
 public:
  Fingerprint& Add(std::string_view text) {
    for (const char c : text) Mix(static_cast<unsigned char>(c));
    Mix(0x100);  // no byte: the end of a text
    return *this;
  }
  std::string Text() const {
    char text[17];
    snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash_));
    return text;
  }

 private:
  void Mix(uint64_t value) { hash_ = (hash_ ^ value) * 1099511628211u; }
  uint64_t hash_ = 14695981039346656037u;
};

Json FromReply(const ChatReply& reply) {
  Json out = Json::Object().Set("text", Json::String(RecordingMask().MaskReply(reply.text)));
  if (!reply.refusal.empty()) out.Set("refusal", Json::String(RecordingMask().Mask(reply.refusal)));
  return out.Set("finish_reason", Json::String(reply.finish_reason))
      .Set("model", Json::String(reply.model))
      .Set("prompt_tokens", Json::Int(reply.usage.prompt_tokens))
      .Set("completion_tokens", Json::Int(reply.usage.completion_tokens));
}

ChatReply ToReply(const Json& json) {
  ChatReply reply;
  reply.text = json["text"].string_or("");
  reply.refusal = json["refusal"].string_or("");
  reply.finish_reason = json["finish_reason"].string_or("");
  reply.model = json["model"].string_or("");
  return reply;  // nothing is used when it is played again
}

}  // namespace

Json Recording::ToJson() const {
  std::vector<Passage> masked = passages;
  for (Passage& passage : masked) passage.text = RecordingMask().Mask(passage.text);
  Json list = Json::Array();
  for (const RecordedExchange& exchange : exchanges)
    list.Push(Json::Object()
                  .Set("request", Json::String(exchange.request_hash))
                  .Set("reply", FromReply(exchange.reply)));
  return Json::Object()
      .Set("model", Json::String(model))
      .Set("knowledge", Json::String(knowledge_hash))
      .Set("passages", EncodePassages(masked))
      .Set("exchanges", list);
}

std::optional<Recording> Recording::FromJson(const Json& json) {
  if (!json["model"].is_string() || !json["passages"].is_array() || !json["exchanges"].is_array())
    return std::nullopt;
  Recording recording;
  recording.model = *json["model"].string();
  recording.knowledge_hash = json["knowledge"].string_or("");
  recording.passages = DecodePassages(json["passages"]);
  const Json exchanges = json["exchanges"];
  for (size_t i = 0; i < exchanges.size(); ++i)
    recording.exchanges.push_back({exchanges[i]["request"].string_or(""), ToReply(exchanges[i]["reply"])});
  return recording;
}

std::string HashRequest(const ChatRequest& request) {
  Fingerprint print;
  print.Add(request.model)
      .Add(request.messages.Dump())
      .Add(request.response_schema ? CanonicalJson(request.response_schema) : "");
  print.Add(request.temperature ? std::to_string(*request.temperature) : "");
  print.Add(request.max_tokens ? std::to_string(*request.max_tokens) : "");
  return print.Text();
}

std::string HashPassages(const std::vector<Passage>& passages) {
  Fingerprint print;
  for (const Passage& p : passages) print.Add(p.title).Add(p.heading).Add(p.url).Add(p.text);
  return print.Text();
}

const Redaction& RecordingMask() {
  static const auto* mask = [] {
    const Json rules = Json::Parse(R"(["email", "key", "card",
      {"name": "account", "pattern": "\\b[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){3,7}( ?[A-Z0-9]{1,3})?\\b"},
      {"name": "telephone", "pattern": "\\+[0-9]{1,3}[ ()/-]{0,2}[0-9]([ ()/-]{0,2}[0-9]){6,12}"}])");
    std::vector<SchemaProblem> none;
    return new Redaction(Redaction::Read(rules, "", none));
  }();
  return *mask;
}

}  // namespace capeai
