// The model's text as an agent's output: the JSON object of a structured reply,
// checked against the agent's output_schema, and the request that asks for a
// repair when it does not fit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/schema.hpp"
#include "openai/json.hpp"

namespace capeai {

struct ParsedReply {
  Json object;                          // fits the schema; empty if there are problems
  std::vector<SchemaProblem> problems;  // at most five
};

// Finds the object also inside a fence or prose. Its texts can be stored (no U+0000).
ParsedReply ParseReply(const std::string& text, const Schema& schema);

// `messages` followed by the reply and what is wrong with it.
Json RepairMessages(const Json& messages, const std::string& reply,
                    const std::vector<SchemaProblem>& problems);

// Members that mean something to every agent.
struct ReplyParts {
  std::string response;                  // member response, or the whole object as text if there is none
  std::vector<std::string> suggestions;  // not empty, trimmed of blanks, at most 10
  std::vector<int64_t> citations;        // passage numbers as the model gave them
  std::optional<double> confidence;      // 0..1
};
ReplyParts TakeParts(const Json& object);

}  // namespace capeai
