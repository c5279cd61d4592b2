// How a reply is asked to follow a JSON Schema: natively or in words. Source:
// OpenAI's guide "Structured model outputs".
#pragma once

#include <string>

#include "openai/json.hpp"

namespace capeai {

// Whether OpenAI's strict mode takes `schema`: an object in which every object
// forbids additional properties and requires all it names, with no more than
// the keywords that strict mode knows.
bool FitsStrictMode(const Json& schema);

// The member response_format for json_schema. `name` becomes a valid one
// ([a-zA-Z0-9_-]{1,64}). Strict where the schema allows it.
Json SchemaFormat(const Json& schema, const std::string& name);

// A copy of `messages` with the schema as an instruction in words, at the end of
// the first system message or in one put in front (many chat templates take one
// system message, and that first).
Json WithSchemaInstruction(const Json& messages, const Json& schema);

}  // namespace capeai
