// What a search asks and finds. Plain data that crosses rooms: agent/ asks,
// store/ finds, agent/ answers from it.
#pragma once

#include <cstdint>
#include <string>

namespace capeai {

struct SearchRequest {
  std::string collection;  // exactly one of collection and function is set
  std::string function;    // schema-qualified SQL function f(query text, context jsonb)
  std::string query;
  std::string context = "{}";  // text of a JSON object
  int max_results = 5;         // 1..1000
};

struct Passage {
  int64_t document_id = 0;
  int64_t passage_id = 0;
  std::string title;
  std::string heading;  // path, outermost first, joined by " > "; may be empty
  std::string text;     // the whole passage, not a snippet
  std::string url;      // may be empty
  std::string type;     // doc, guide, video, ...
  double score = 0;     // 0..1, comparable between queries; below 0.1 is noise
};

}  // namespace capeai
