// The answer to an embeddings request. Source: OpenAI API reference, "Create
// embeddings".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "openai/chat.hpp"
#include "openai/headers.hpp"

namespace capeai {

struct EmbeddingsReply {
  std::vector<std::vector<float>> vectors;  // in the order of the inputs, all of one size, finite
  std::string model;                        // the server's name for it; may be empty
  Usage usage;                              // completion_tokens is 0
};
using EmbeddingsResult = std::variant<EmbeddingsReply, ChatError>;

// The whole response to a request with `inputs` inputs. Vectors come as arrays
// of numbers or as base64 of little-endian 32-bit floats; they are put in order
// by their index. Missing, doubled or unreadable ones make it kMalformed.
EmbeddingsResult ParseEmbeddings(int status, const Headers& headers, std::string_view body, size_t inputs,
                                 WallTime now, std::string_view api_key = {});

// A vector as base64 (RFC 4648, section 4) of little-endian 32-bit floats, as the API writes it.
std::string EncodeVector(const std::vector<float>& vector);
// Nothing if `text` is something else; padding may be missing.
std::optional<std::vector<float>> DecodeVector(std::string_view text);

}  // namespace capeai
