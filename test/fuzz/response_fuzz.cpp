// Chat responses in both forms: never a crash, one result whatever the pieces,
// deltas that add up to the text, and text that a database can store. The first
// byte chooses pieces, status, limit and how the transport ended.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/utf8.hpp"
#include "openai/response.hpp"

namespace {

using namespace capeai;

void Require(bool condition) {
  if (!condition) std::abort();
}

void RequireStorable(const std::string& text) {
  Require(utf8::Valid(text));
  Require(text.find('\0') == std::string::npos);
}

std::string Describe(const ChatReply& reply) {
  for (const std::string* text : {&reply.id, &reply.model, &reply.text, &reply.refusal, &reply.reasoning})
    RequireStorable(*text);
  Require(reply.usage.prompt_tokens >= 0 && reply.usage.completion_tokens >= 0);
  return reply.id + '|' + reply.model + '|' + reply.text + '|' + reply.refusal + '|' + reply.reasoning + '|' +
         reply.finish_reason + '|' + reply.tool_calls.Dump() + '|' +
         std::to_string(reply.usage.prompt_tokens) + '|' + std::to_string(reply.usage.completion_tokens) +
         '|' + std::to_string(reply.lossy);
}

std::string Describe(const ChatError& error) {
  RequireStorable(error.message);
  Require(!error.message.empty());
  return "error|" + std::to_string(static_cast<int>(error.kind)) + '|' + std::to_string(error.status) + '|' +
         error.code + '|' + error.type + '|' + error.message + '|' + std::to_string(error.retryable) + '|' +
         Describe(error.partial);
}

struct Setting {
  int status = 200;
  size_t limit = size_t{1} << 20;
  TransportEnd end = TransportEnd::kComplete;
};

std::string Play(std::string_view body, size_t piece, const Setting& setting) {
  ChatResponseParser::Options options;
  options.max_response_size = setting.limit;
  options.prompt_tokens = 7;
  options.api_key = "fuzz-key-123456";
  ChatResponseParser parser(std::move(options));
  parser.Begin(setting.status, {{"content-type", "text/event-stream"}}, WallTime{});
  std::string deltas;
  for (size_t at = 0; at < body.size(); at += piece) {
    const bool more = parser.Feed(body.substr(at, piece));
    deltas += parser.TakeText();
    if (!more) break;
  }
  Require(parser.taken() == deltas.size());
  const ChatResult result = parser.Finish(setting.end);
  const auto* reply = std::get_if<ChatReply>(&result);
  const auto* error = std::get_if<ChatError>(&result);
  Require((reply ? reply->text : error->partial.text).starts_with(deltas));
  if (error) Require(error->output_started == !deltas.empty());
  if (error) Require(error->message.find("fuzz-key-123456") == std::string::npos);
  return reply ? Describe(*reply) : Describe(*error);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  Setting setting;
  if (data[0] & 0x80) setting.end = TransportEnd::kCut;
  if (data[0] & 0x40) setting.limit = 200;
  if ((data[0] & 0x30) == 0x30) setting.status = 400;
  const std::string whole = Play(body, body.size() + 1, setting);
  Require(Play(body, 1, setting) == whole);
  Require(Play(body, 2 + data[0] % 13, setting) == whole);
  return 0;
}
