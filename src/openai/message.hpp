// What a message says, whole (a body's `message`) or in part (a chunk's
// `delta`): the members are the same.
#pragma once

#include "openai/chat.hpp"

namespace capeai {

// Appends content, refusal and reasoning of `message` to `reply`. Content may be
// a string or, as Mistral sends it, an array of text and thinking parts.
// Reasoning is `reasoning_content` (DeepSeek, vLLM) or `reasoning` (OpenRouter,
// Groq). Anything that is no object appends nothing.
void ReadMessage(const Json& message, ChatReply& reply);

}  // namespace capeai
