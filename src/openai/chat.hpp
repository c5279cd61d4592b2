// The vocabulary of a chat completion: what an agent asks for and what comes
// back, before and after the wire. Source: OpenAI API reference, "Create chat
// completion".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "openai/json.hpp"

namespace capeai {

// What the caller wants; BuildChatBody (request.hpp) turns it into bytes.
struct ChatRequest {
  std::string model;
  Json messages;                      // array of {role, content}
  std::optional<double> temperature;  // 0..2
  std::optional<int64_t> max_tokens;  // 1..
  Json response_schema;               // JSON Schema the reply must satisfy; empty: free text
  std::string schema_name;            // [a-zA-Z0-9_-]{1,64}; used with response_schema
  bool stream = false;
  Json options;           // further members of the request body, as the API names them
  bool keep_raw = false;  // ChatReply::raw is wanted
};

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  int64_t cached_tokens = 0;     // part of prompt_tokens
  int64_t reasoning_tokens = 0;  // part of completion_tokens
  bool reported = false;         // by the server; otherwise estimated here
};

struct ChatReply {
  std::string id;             // the server's; may be empty
  std::string model;          // the server's name for what answered; may be empty
  std::string text;           // content of choice 0, valid UTF-8
  std::string refusal;        // the model declined; text is then usually empty
  std::string reasoning;      // of servers that send it; never shown as the answer
  std::string finish_reason;  // stop, length, content_filter, tool_calls, or empty if the server sent none
  Json tool_calls;            // array as in the API, or empty
  Usage usage;
  bool lossy = false;  // characters that cannot be stored were replaced
  Json raw;            // the whole body of a reply that was not streamed, where ChatRequest::keep_raw
};

// Why an exchange failed, and what may be done about it.
struct ChatError {
  enum class Kind {
    kTransport,  // no (complete) answer: connect, TLS, reset, truncated, over a limit
    kTimeout,    // our deadline for the exchange passed
    kRefused,    // the server answered with an error status
    kInStream,   // an error object in the middle of a stream with status 200
    kMalformed,  // status 200, but not an answer that we understand
    kCancelled,  // we dropped it
    kBlocked,    // egress rules forbid the address; never sent
    kConfig,     // no key, bad base_url; never sent
    kBudget,     // a budget has no room for it; never sent
  };
  Kind kind = Kind::kTransport;
  int status = 0;       // HTTP status, 0 if none arrived; of kInStream the status that the error stands for
  std::string code;     // error.code of the body as text ("insufficient_quota", "401"), may be empty
  std::string type;     // error.type, may be empty
  std::string message;  // one line for people, secrets redacted
  bool retryable = false;               // by class (DESIGN, promise 7); the policy decides whether and when
  bool context_length = false;          // the prompt is too long for the model
  bool provider_wide = false;           // a 429: slow down for this whole provider
  std::optional<Duration> retry_after;  // what the server asked for
  bool outage = false;                  // nobody can connect just now: no fault of this request
  bool output_started = false;          // text had already been handed out
  ChatReply partial;                    // what had arrived (text, usage)
};

}  // namespace capeai
