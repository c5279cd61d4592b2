#include "openai/usage.hpp"

#include <algorithm>

namespace capeai {
namespace {

int64_t Count(const Json& value) { return std::max<int64_t>(0, value.integer().value_or(0)); }

int64_t EstimateContent(const Json& content) {
  if (content.is_string())
    return EstimateTokens({json_string_value(content.get()), json_string_length(content.get())});
  int64_t tokens = 0;
  for (size_t i = 0; content.is_array() && i < content.size(); ++i)
    tokens += EstimateContent(content[i]["text"]);
  return tokens;
}

}  // namespace

int64_t EstimateTokens(std::string_view text) {
  int64_t ascii = 0;
  int64_t other = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    ascii += byte < 0x80;
    other += byte >= 0xC0;  // each character beyond ASCII has one such byte
  }
  return (ascii + 3) / 4 + other;
}

int64_t EstimatePromptTokens(const Json& messages) {
  constexpr int64_t kPerMessage = 4;
  constexpr int64_t kReplyStart = 3;
  int64_t tokens = kReplyStart;
  for (size_t i = 0; i < messages.size(); ++i)
    tokens += kPerMessage + EstimateContent(messages[i]["content"]);
  return tokens;
}

bool ReadUsage(const Json& object, Usage& usage) {
  const Json prompt = object["prompt_tokens"];
  const Json completion = object["completion_tokens"];
  if (!prompt.is_number() && !completion.is_number()) return false;
  usage.prompt_tokens = Count(prompt);
  usage.completion_tokens = Count(completion);
  usage.cached_tokens = Count(object["prompt_tokens_details"]["cached_tokens"]);
  usage.reasoning_tokens = Count(object["completion_tokens_details"]["reasoning_tokens"]);
  usage.reported = true;
  return true;
}

void EstimateMissingUsage(int64_t prompt_tokens, ChatReply& reply) {
  if (reply.usage.reported) return;
  reply.usage = Usage();
  reply.usage.prompt_tokens = prompt_tokens;
  reply.usage.reasoning_tokens = EstimateTokens(reply.reasoning);
  reply.usage.completion_tokens = reply.usage.reasoning_tokens + EstimateTokens(reply.text) +
                                  EstimateTokens(reply.refusal) + EstimateTokens(reply.tool_calls.Dump());
}

}  // namespace capeai
