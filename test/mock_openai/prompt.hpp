// What a chat request says, as far as the mock cares: the question, the
// passages in it, the tag and script of the test, and the schema to answer in.
#pragma once

#include <string>
#include <string_view>

#include "json.hpp"

namespace mock {

struct Prompt {
  std::string user_text;    // all text of the last user message
  std::string tag;          // of [[tag:abc]]
  std::string script;       // of [[mock: settings]]
  bool after_tool = false;  // the last message is a tool's result
};
Prompt ReadPrompt(const cJSON* request);

// The question in a user message: what follows the last "Question:", else all of it.
std::string_view QuestionIn(std::string_view user_text);

// A passage in a message: "[3] Title" and the lines up to the next one, or the
// lines between "<passage 3 …>" and "</passage …".
struct PromptPassage {
  int number = 0;        // 0: the prompt has no passages
  std::string sentence;  // the sentence that shares most words with the question
};
PromptPassage FirstPassage(const cJSON* request, std::string_view question);

// The JSON Schema that the answer must satisfy: that of response_format, or one
// written out in the prompt (as clients do for servers without the feature).
// Null if plain text is asked for. `owner` holds what had to be parsed.
const cJSON* WantedSchema(const cJSON* request, JsonPtr& owner);

// Bytes of all messages, the base of the made-up prompt_tokens.
size_t PromptBytes(const cJSON* request);

}  // namespace mock
