// What the made-up model says: text, refusal or tool calls, with usage. Not a
// fixed string: it depends on the question, the passages and the wanted schema.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "json.hpp"
#include "prompt.hpp"
#include "script.hpp"

namespace mock {

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON text
};

struct ModelAnswer {
  std::string text;
  std::string refusal;               // then text is absent
  std::vector<ToolCall> tool_calls;  // then text is absent
  std::string finish_reason = "stop";
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
};

ModelAnswer MakeAnswer(const cJSON* request, const Prompt& prompt, const Script& script);

// About 4 bytes a token, at least 1 for a text that is not empty.
int64_t CountTokens(size_t bytes);

}  // namespace mock
