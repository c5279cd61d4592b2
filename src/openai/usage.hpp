// Token usage: what servers report, and the estimate where they do not.
#pragma once

#include <cstdint>
#include <string_view>

#include "openai/chat.hpp"

namespace capeai {

// Estimated tokens of `text`: a quarter of its ASCII bytes plus one for every
// other character, rounded up. Within about 30 % of OpenAI's tokenizers for
// English and code; too high rather than too low for other scripts. No
// tokenizer is used, since every server has its own.
int64_t EstimateTokens(std::string_view text);

// The same for the messages of a request: their text, 4 for each message, and 3
// to start the reply (OpenAI cookbook, "How to count tokens").
int64_t EstimatePromptTokens(const Json& messages);

// Reads a `usage` object; false (and `usage` unchanged) unless it has at least
// one of the two counts. Negative counts become 0.
bool ReadUsage(const Json& object, Usage& usage);

// If the server reported no usage: `prompt_tokens` and an estimate of all that
// the model wrote (text, refusal, reasoning, tool calls); reported stays false.
void EstimateMissingUsage(int64_t prompt_tokens, ChatReply& reply);

}  // namespace capeai
