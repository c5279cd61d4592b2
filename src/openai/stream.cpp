#include "openai/stream.hpp"

#include "openai/errors.hpp"
#include "openai/message.hpp"
#include "openai/plain_chunk.hpp"
#include "openai/usage.hpp"
#include "openai/wire.hpp"

namespace capeai {
namespace {

Json ToJson(const std::vector<ToolCall>& calls) {
  Json array = Json::Array();
  for (const ToolCall& call : calls) {
    Json function = Json::Object().Set("name", Json::String(call.name));
    function.Set("arguments", Json::String(call.arguments));
    Json item = Json::Object().Set("id", Json::String(call.id));
    array.Push(item.Set("type", Json::String(call.type)).Set("function", function));
  }
  return array;
}

}  // namespace

ChatStreamParser::ChatStreamParser(Options options) : options_(std::move(options)), sse_(options_.limits) {}

bool ChatStreamParser::Feed(std::string_view bytes) {
  SseEvent event;
  while (!done_ && !error_) {
    switch (sse_.Next(bytes, event)) {
      case SseParser::Step::kNeedMore:
        return true;
      case SseParser::Step::kEvent:
        OnEvent(event);
        break;
      case SseParser::Step::kTooLong:
        Fail(MakeChatError(ChatError::Kind::kTransport, "a line of the event stream is too long", false));
        break;
    }
  }
  return !error_;
}

std::string_view ChatStreamParser::TakeText() {
  const std::string_view fresh = std::string_view(reply_.text).substr(taken_);
  taken_ = reply_.text.size();
  return fresh;
}

void ChatStreamParser::OnEvent(const SseEvent& event) {
  if (event.data == "[DONE]") {
    done_ = true;
    return;
  }
  if (OnPlainChunk(event)) return;
  const Json chunk = ParseWire(event.data, &reply_.lossy);
  if (chunk.is_object()) {
    OnChunk(chunk);
    // Groq names the event "error"; its data need not have that member.
    if (!error_ && event.type == "error") Fail(MakeStreamError(chunk, options_.api_key));
    return;
  }
  // Keep-alives of other names may carry anything.
  if (event.type != "message" && event.type != "error") return;
  Fail(MakeChatError(ChatError::Kind::kMalformed, "a chunk of the event stream is not a JSON object", true));
}

// Thousands a second come of these, and a document for each is most of what they would cost.
bool ChatStreamParser::OnPlainChunk(const SseEvent& event) {
  // What names the reply is read from a whole chunk, once.
  if (event.type != "message" || reply_.id.empty() || reply_.model.empty()) return false;
  if (!AppendPlainChunk(event.data, reply_.text)) return false;
  choice_seen_ = true;
  return true;
}

// What lacks its end is taken if it is whole JSON, and otherwise the place where
// the stream was cut: no fault of its own.
void ChatStreamParser::OnTail() {
  SseEvent event;
  if (!sse_.Tail(event)) return;
  bool lossy = false;
  if (event.data == "[DONE]" || ParseWire(event.data, &lossy).is_object()) OnEvent(event);
}

void ChatStreamParser::OnChunk(const Json& chunk) {
  // Azure's first chunk has an empty id and model.
  if (reply_.id.empty()) AppendText(chunk["id"], reply_.id, &reply_.lossy);
  if (reply_.model.empty()) AppendText(chunk["model"], reply_.model, &reply_.lossy);
  const Json choices = chunk["choices"];
  for (size_t i = 0; choices.is_array() && i < choices.size(); ++i) {
    const Json choice = choices[i];
    if (choice["index"].integer().value_or(0) == 0) OnChoice(choice);
  }
  // OpenAI sends usage once, after finish_reason, with `choices: []`; Perplexity
  // with every chunk; Groq inside x_groq.
  if (!ReadUsage(chunk["usage"], reply_.usage)) ReadUsage(chunk["x_groq"]["usage"], reply_.usage);
  if (HoldsError(chunk)) Fail(MakeStreamError(chunk, options_.api_key));
}

void ChatStreamParser::OnChoice(const Json& choice) {
  if (!choice.is_object()) return;
  choice_seen_ = true;
  Json delta = choice["delta"];
  if (!delta.is_object()) delta = choice["message"];
  ReadMessage(delta, reply_);
  OnToolCalls(delta["tool_calls"]);
  if (auto reason = choice["finish_reason"].string(); reason && !reason->empty())
    reply_.finish_reason = std::move(*reason);
}

void ChatStreamParser::OnToolCalls(const Json& pieces) {
  for (size_t i = 0; pieces.is_array() && i < pieces.size(); ++i) {
    const Json piece = pieces[i];
    const Json id = piece["id"];
    // Servers that send whole calls leave the index out: a new id is a new call.
    int64_t index = piece["index"].integer().value_or(-1);
    if (index < 0)
      index = static_cast<int64_t>(tool_calls_.size()) - (id.is_string() || tool_calls_.empty() ? 0 : 1);
    if (index >= static_cast<int64_t>(kMaxToolCalls)) {
      Fail(MakeChatError(ChatError::Kind::kMalformed, "more than 128 tool calls in one reply", false));
      return;
    }
    if (static_cast<size_t>(index) >= tool_calls_.size()) tool_calls_.resize(static_cast<size_t>(index) + 1);
    ToolCall& call = tool_calls_[static_cast<size_t>(index)];
    if (call.id.empty()) AppendText(id, call.id, &reply_.lossy);
    if (auto type = piece["type"].string(); type && !type->empty()) call.type = std::move(*type);
    AppendText(piece["function"]["name"], call.name, &reply_.lossy);
    AppendText(piece["function"]["arguments"], call.arguments, &reply_.lossy);
  }
}

void ChatStreamParser::Fail(ChatError error) {
  if (!error_) error_ = std::move(error);
}

ChatReply ChatStreamParser::TakeReply() {
  if (!tool_calls_.empty()) reply_.tool_calls = ToJson(tool_calls_);
  EstimateMissingUsage(options_.prompt_tokens, reply_);
  return std::move(reply_);
}

std::variant<ChatReply, ChatError> ChatStreamParser::Finish(std::string_view transport_error) {
  if (!done_ && !error_) OnTail();
  if (!error_ && !done_ && reply_.finish_reason.empty()) {
    std::string why(transport_error);
    if (why.empty()) why = "the connection closed before the end of the reply";
    Fail(MakeChatError(ChatError::Kind::kTransport, std::move(why), true));
  }
  if (!error_ && !choice_seen_)
    Fail(MakeChatError(ChatError::Kind::kMalformed, "the event stream holds no choices", true));
  if (!error_) return TakeReply();
  error_->output_started = taken_ > 0;
  error_->partial = TakeReply();
  return std::move(*error_);
}

}  // namespace capeai
