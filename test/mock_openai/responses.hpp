// From an answer and a script to a Reply: JSON bodies, SSE streams, errors, and
// every way a script can spoil them.
#pragma once

#include <string>

#include "answer.hpp"
#include "api_error.hpp"
#include "reply.hpp"
#include "script.hpp"

namespace mock {

// One plain response. `extra` holds complete header lines ("name: value\r\n").
Reply PlainReply(int status, std::string_view content_type, std::string_view body,
                 std::string_view extra = {});
Reply ErrorReply(const ApiError& error);

// What the script's status and body ask for (script.status or script.body is set).
Reply FaultReply(const Script& script, const std::string& model);

struct ChatFacts {
  std::string model;
  uint64_t number = 0;         // of this request, for ids
  int64_t created = 0;         // seconds since 1970
  int choices = 1;             // n
  bool include_usage = false;  // stream_options
};
Reply ChatReply(const ModelAnswer& answer, const ChatFacts& facts, const Script& script);
Reply ChatStream(const ModelAnswer& answer, const ChatFacts& facts, const Script& script);

// `request` has passed CheckEmbeddingRequest.
Reply EmbeddingReply(const cJSON* request, const Script& script);

// The script's effects on the bytes of a finished reply: latency (with jitter
// already added), split, slow headers, truncation of a plain body, reset.
void ShapeReply(Reply& reply, const Script& script, int64_t latency);

}  // namespace mock
