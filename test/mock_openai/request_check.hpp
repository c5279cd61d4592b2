// Is this request one that the real API would take? Written from OpenAI's
// published schema (CreateChatCompletionRequest, CreateEmbeddingRequest) and
// from what the API is known to refuse beyond it. Pure functions.
#pragma once

#include "api_error.hpp"

namespace mock {

Check CheckChatRequest(const cJSON* request);
Check CheckEmbeddingRequest(const cJSON* request);

// The rules of structured outputs with strict: true. `schema` is an object.
Check CheckStrictSchema(const cJSON* schema, const std::string& schema_name);

// messages, one by one; `messages` is an array.
Check CheckMessages(const cJSON* messages);

// What "Authorization" must be; `value` is empty if the header is absent.
Check CheckAuthorization(std::string_view value, std::string_view key);

}  // namespace mock
