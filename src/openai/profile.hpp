// What a server and model can do, as far as we know: guessed from the model's
// name, corrected by what the server refuses.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "openai/chat.hpp"

namespace capeai {

struct Profile {
  // How a reply is made to follow a JSON Schema, best first.
  enum class Structured { kJsonSchema, kJsonObject, kPromptOnly };
  Structured structured = Structured::kJsonSchema;
  bool include_usage = true;           // stream_options.include_usage is understood
  bool max_completion_tokens = false;  // the limit's name; otherwise max_tokens
  bool max_tokens_learned = false;     // the name was changed once, and is not changed back
  bool temperature = true;             // accepted; otherwise never sent

  bool operator==(const Profile&) const = default;
};

// First guess. OpenAI's reasoning models (o1, o3, ..., gpt-5...) take
// max_completion_tokens and only the default temperature. A provider's prefix
// ("openai/o3") is ignored.
Profile GuessProfile(std::string_view model);

// The profile to try next, if `error` (a 400, 404, 415, 422 or 501, or an error in a
// stream that stands for one) says that a member which `profile` makes us send
// is not supported; empty if it says nothing of the kind. `error_body` is the
// start of the response's body (may be empty), read for error.param. Always one step down, so
// repeated calls end.
std::optional<Profile> Downgrade(const Profile& profile, const ChatError& error,
                                 const std::string& error_body);

}  // namespace capeai
