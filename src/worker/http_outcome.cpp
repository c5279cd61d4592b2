#include "worker/http_outcome.hpp"

#include "openai/errors.hpp"

namespace capeai::worker {
namespace {

metrics::Ending EndingOf(const ChatError& error) {
  using metrics::Ending;
  switch (error.kind) {
    case ChatError::Kind::kTimeout:
      return Ending::kTimeout;
    case ChatError::Kind::kTransport:
      return Ending::kNotReached;
    case ChatError::Kind::kMalformed:
      return Ending::kMalformed;
    case ChatError::Kind::kBlocked:
      return Ending::kBlocked;
    case ChatError::Kind::kCancelled:
      return Ending::kCancelled;
    default:
      return error.status == 429   ? Ending::kRateLimited
             : error.status >= 500 ? Ending::kServerError
                                   : Ending::kRefused;
  }
}

}  // namespace

ChatError::Kind KindOf(net::HttpError error) {
  switch (error) {
    case net::HttpError::kBlocked:
      return ChatError::Kind::kBlocked;
    case net::HttpError::kInvalidRequest:
      return ChatError::Kind::kConfig;
    case net::HttpError::kTimeoutConnect:
    case net::HttpError::kTimeoutIdle:
    case net::HttpError::kTimeoutTotal:
      return ChatError::Kind::kTimeout;
    default:
      return ChatError::Kind::kTransport;
  }
}

metrics::LlmCall CallOf(const net::HttpResult& http, const ChatError* error, const Usage& usage) {
  metrics::LlmCall call;
  call.ending = error ? EndingOf(*error) : metrics::Ending::kSucceeded;
  call.connected = http.may_have_sent;
  call.reused = http.reused;
  call.http2 = http.http_version == 20;
  call.bytes_sent = http.bytes_out;
  call.bytes_received = http.bytes_in;
  call.prompt_tokens = usage.prompt_tokens;
  call.completion_tokens = usage.completion_tokens;
  if (!error) call.took = http.timings.total;
  return call;
}

ChatError FromHttp(const net::HttpResult& result) {
  const ChatError::Kind kind = KindOf(result.error);
  const bool retryable = kind == ChatError::Kind::kTransport || kind == ChatError::Kind::kTimeout;
  ChatError error =
      MakeChatError(kind, result.message, retryable && result.error != net::HttpError::kTooLarge);
  error.outage = result.error == net::HttpError::kResolve || result.error == net::HttpError::kConnect ||
                 result.error == net::HttpError::kTimeoutConnect;
  return error;
}

const char* ErrorName(ChatError::Kind kind) {
  switch (kind) {
    case ChatError::Kind::kTransport:
      return "transport";
    case ChatError::Kind::kTimeout:
      return "timeout";
    case ChatError::Kind::kBlocked:
      return "egress_blocked";
    case ChatError::Kind::kMalformed:
      return "malformed_reply";
    default:
      return "refused";
  }
}

Json CallRecord(const std::string& model, int status, const Usage& usage, Duration latency,
                const std::string& error) {
  Json out = Json::Object();
  out.Set("model", Json::String(model));
  if (status != 0) out.Set("status", Json::Int(status));
  if (!error.empty()) out.Set("error", Json::String(error));
  if (usage.prompt_tokens > 0 || usage.completion_tokens > 0)
    out.Set("prompt_tokens", Json::Int(usage.prompt_tokens))
        .Set("completion_tokens", Json::Int(usage.completion_tokens))
        .Set("usage", Json::String(usage.reported ? "reported" : "estimated"));
  return out.Set("latency_ms", Json::Int(Millis(latency)));
}

}  // namespace capeai::worker
