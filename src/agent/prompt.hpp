// From an agent's templates to the messages that are sent.
//
// Placeholders of a template, replaced once (what is put in is not looked at again):
//
//   {{query}}             the question                                       user prompt only
//   {{passages}}          the passages found, as numbered data blocks        user prompt only
//   {{context}}           the caller's context object, as a data block       user prompt only
//   {{input}}             the whole input as JSON, as a data block           user prompt only
//   {{user_level}}        beginner, intermediate, advanced                   both
//   {{preferred_format}}  text, steps, checklist, code                       both
//   {{intent}}            what analyze_context found                         both
//   {{NAME}}              any other member of the input_schema               both
//
// A member that is missing has the "default" of its place in the input_schema, else is empty. The system
// prompt is the agent's alone: texts of documents and callers stand in the user prompt. When data blocks are
// there, a paragraph is added to the system prompt that says what they are.
#pragma once

#include <string>
#include <vector>

#include "agent/agent.hpp"

namespace capeai {

// What is wrong with the placeholders of a template, or "". `members` are the names of the agent's
// input_schema.
std::string CheckTemplate(const std::string& text, const std::vector<std::string>& members, bool system);

struct PromptInput {
  Json input;                     // the task's
  std::string intent;             // may be empty
  std::vector<Passage> passages;  // best first
  std::vector<Turn> history;      // oldest first
};

struct Prompt {
  Json messages;                  // system (if any), earlier turns, user
  std::vector<Passage> passages;  // those that were sent; number i + 1 in the prompt
  int dropped_passages = 0;       // the lowest ranked, for lack of room
  int dropped_turns = 0;          // the oldest
  bool cut_passage = false;       // the best passage alone was too long and lost its end
  bool cut_context = false;       // the context object was too long and lost its end
  int64_t data_tokens = 0;        // estimate for passages and turns together
};

// Passages and earlier turns share manifest.prompt_token_budget; each may use what the other leaves of it,
// and at least half. Whole passages are dropped from the lowest, turns from the oldest. Of the context object
// 8,000 bytes are sent.
Prompt BuildPrompt(const Manifest& manifest, PromptInput input);

}  // namespace capeai
