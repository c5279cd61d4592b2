// The answer without a model: the best sentences of the best passages, with
// their sources, shaped to the wanted format. Pure; knows no index, no clock.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace capeai::knowledge {

struct SourcePassage {
  std::string title;
  std::string heading;  // path, outermost first, joined by " > "
  std::string text;     // the whole passage
  std::string url;      // may be empty
  std::string type;     // doc, guide, video, ...
  double score = 0;     // 0..1, comparable between queries
};

struct ExtractInput {
  std::string query;
  std::string searched;                   // what the passages were found with; empty: the query
  std::string intent;                     // how_to, troubleshooting, navigation, learning, general
  std::string preferred_format = "text";  // text, steps, checklist, code; others are text
  std::string user_level = "beginner";    // beginner, intermediate, advanced
  std::vector<SourcePassage> passages;    // best first
};

struct ExtractiveAnswer {
  std::string response;                  // UTF-8; says that it is an extract and that no model was asked
  std::vector<int> used_passages;        // indices into passages, in the order of the answer
  std::vector<std::string> suggestions;  // at most 3 follow-up questions
  double strength = 0;                   // 0 (nothing found) .. 1: how much of the question it speaks of
};

// Never fails. When no passage speaks of the question, the response says so and
// what could be done, used_passages is empty and strength 0.
ExtractiveAnswer Extract(const ExtractInput& input);

}  // namespace capeai::knowledge
