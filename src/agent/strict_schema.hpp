// OpenAI's strict structured outputs accept a part of JSON Schema only; a schema
// outside it is refused by the server at the first call. Source: OpenAI,
// "Structured model outputs", section "Supported schemas".
#pragma once

#include <vector>

#include "agent/schema.hpp"

namespace capeai {

// What keeps `schema` (which compiles) from being used with strict: pointers into it and why.
std::vector<SchemaProblem> StrictSchemaProblems(const Json& schema);

}  // namespace capeai
