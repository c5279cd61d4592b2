// From what a server refused with (status, headers, body) to a ChatError.
#pragma once

#include <string>
#include <string_view>

#include "base/time.hpp"
#include "openai/chat.hpp"
#include "openai/headers.hpp"

namespace capeai {

// 408, 409, 429 and 5xx: worth another try (DESIGN, promise 7).
bool RetryableStatus(int status);

// What a response with a status other than 2xx means. Understands OpenAI's
// error object, numeric codes, {"error": "text"}, {"detail": ...} (FastAPI,
// Mistral), {"object": "error"} (vLLM), {"message": ...}, HTML pages, plain
// text and nothing at all. `api_key` (may be empty) is removed from the message.
ChatError MakeHttpError(int status, const Headers& headers, std::string_view body, WallTime now,
                        std::string_view api_key);

// What an error object inside a 200 means (`object` is the chunk or body that
// holds it). Kind kInStream; `status` is the one the error stands for.
ChatError MakeStreamError(const Json& object, std::string_view api_key);

// An error of another kind with a message; nothing else set.
ChatError MakeChatError(ChatError::Kind kind, std::string message, bool retryable);

// True if `object` carries an error in one of the shapes above.
bool HoldsError(const Json& object);

// Body member "param" of OpenAI's error object, or empty.
std::string ErrorParam(std::string_view body);

// What a person can do about it, as a sentence; empty if we do not know.
std::string HintFor(const ChatError& error);

}  // namespace capeai
