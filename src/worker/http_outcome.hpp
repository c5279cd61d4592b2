// What an HTTP exchange came to, in the vocabulary of openai/ and of metrics/.
#pragma once

#include "metrics/llm.hpp"
#include "net/http.hpp"
#include "openai/chat.hpp"

namespace capeai::worker {

ChatError::Kind KindOf(net::HttpError error);

// How HTTP failed; `outage` if no connection was made.
ChatError FromHttp(const net::HttpResult& result);

// One exchange for the statistics: `error` is nullptr if it brought an answer.
metrics::LlmCall CallOf(const net::HttpResult& http, const ChatError* error, const Usage& usage);

// Of an error to which the server gave no code.
const char* ErrorName(ChatError::Kind kind);

// What a request was, for the audit trail; `status` 0: no response came.
Json CallRecord(const std::string& model, int status, const Usage& usage, Duration latency,
                const std::string& error);

}  // namespace capeai::worker
