// A reply that was not streamed, as nearly all are: one message of text, read where
// it lies, without a document built of it.
#pragma once

#include <optional>
#include <string_view>

#include "openai/chat.hpp"

namespace capeai {

// The reply in `body` if it is certain to say what the full reading (ParseChatBody)
// would find, but for an estimate of usage that is missing: nothing but text in its
// only choice, and nothing to repair. Nothing for whatever else it is, JSON or not:
// then it is to be read in full.
std::optional<ChatReply> ReadPlainBody(std::string_view body);

}  // namespace capeai
