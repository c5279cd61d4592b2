// Requests to an OpenAI-compatible server: bodies and headers. Every member
// that we send is named by OpenAI's published request schema.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "openai/chat.hpp"
#include "openai/headers.hpp"
#include "openai/profile.hpp"

namespace capeai {

// Body of POST /chat/completions. `request` was checked (CheckMessages,
// CheckOptions). Members of request.options are taken over; where the request
// has its own temperature, max_tokens or response_schema, these win. What the
// profile says is not accepted is left out or renamed; without json_schema the
// schema goes into the system message.
std::string BuildChatBody(const ChatRequest& request, const Profile& profile);

// Body of POST /embeddings: 1..2048 inputs, none empty.
enum class EmbeddingFormat { kFloat, kBase64 };
std::string BuildEmbeddingsBody(std::string_view model, const std::vector<std::string>& inputs,
                                EmbeddingFormat format = EmbeddingFormat::kFloat);

// 22023 unless `options` is empty or an object whose members OpenAI's schema
// names, with values of the right type, and none of which is ours (model,
// messages, stream, stream_options, n).
Status CheckOptions(const Json& options);

// 22023 unless `messages` is an array of 1 or more messages with a known role,
// and content where the role needs it.
Status CheckMessages(const Json& messages);

struct Credentials {
  std::string api_key;       // empty: no Authorization header (local servers)
  std::string organization;  // may be empty
  std::string project;       // may be empty
};

// Headers of a request. `idempotency_key` may be empty. Values that hold a
// line end or another control character are left out (header injection).
Headers BuildHeaders(const Credentials& credentials, bool stream, std::string_view idempotency_key);

}  // namespace capeai
