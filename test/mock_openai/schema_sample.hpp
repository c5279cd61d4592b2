// A JSON value that satisfies a JSON Schema (the keywords of structured outputs).
#pragma once

#include <string>

#include "json.hpp"

namespace mock {

// What to fill in where the schema leaves the choice.
struct SampleFacts {
  std::string answer;  // for strings named response, answer, text, …
  std::string question;
  int passage = 0;  // for integer arrays (cited passages); 0: none, they stay empty
};

// JSON text of an instance of `schema`, which may refer to its own $defs.
std::string SampleOf(const cJSON* schema, const SampleFacts& facts);

}  // namespace mock
