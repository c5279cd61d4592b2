// Plain responses and errors, and what a script does to bytes: see responses.hpp.
#include "responses.hpp"

#include <algorithm>

namespace mock {
namespace {

const char* Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 302:
      return "Found";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

// What OpenAI says with this status.
ApiError ErrorOf(int status, const std::string& model) {
  switch (status) {
    case 401:
      return {401,
              "Incorrect API key provided: sk-mock. You can find your API key at "
              "https://platform.openai.com/account/api-keys.",
              "invalid_request_error", "", "invalid_api_key"};
    case 403:
      return {403, "Country, region, or territory not supported", "request_forbidden", "",
              "unsupported_country_region_territory"};
    case 404:
      return {404, "The model `" + model + "` does not exist or you do not have access to it.",
              "invalid_request_error", "", "model_not_found"};
    case 429:
      return {429,
              "Rate limit reached for " + model +
                  " in organization org-mock on requests per min (RPM): Limit "
                  "500, Used 500, Requested 1. Please try again in 120ms.",
              "requests", "", "rate_limit_exceeded"};
    case 503:
      return {503, "The engine is currently overloaded, please try again later.", "server_error", "",
              "overloaded"};
    default:
      break;
  }
  if (status >= 500)
    return {status, "The server had an error while processing your request. Sorry about that!",
            "server_error", "", ""};
  return {status, "The request was refused by the mock's script.", "invalid_request_error", "", ""};
}

std::string RetryHeaders(const Script& script) {
  std::string out;
  if (!script.retry_after.empty()) out += "retry-after: " + script.retry_after + "\r\n";
  if (script.retry_after_ms >= 0) out += "retry-after-ms: " + std::to_string(script.retry_after_ms) + "\r\n";
  return out;
}

constexpr std::string_view kHtml =
    "<!DOCTYPE html><html><head><title>Service unavailable</title></head><body><h2>Our services aren't "
    "available "
    "right now</h2><p>We're working to restore all services as soon as possible.</p></body></html>\n";

constexpr std::string_view kQuota =
    "You exceeded your current quota, please check your plan and billing details. For more information on "
    "this error, "
    "read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.";

}  // namespace

Reply PlainReply(int status, std::string_view content_type, std::string_view body, std::string_view extra) {
  Reply reply;
  reply.status = status;
  std::string bytes;
  bytes.reserve(220 + extra.size() + body.size());
  if (status == 200) {
    bytes += "HTTP/1.1 200 OK\r\n";
  } else {
    bytes += "HTTP/1.1 " + std::to_string(status) + " " + Reason(status) + "\r\n";
  }
  bytes += "content-type: ";
  bytes += content_type;
  bytes += "\r\ncontent-length: ";
  bytes += std::to_string(body.size());
  bytes += "\r\nopenai-version: 2020-10-01\r\n";
  bytes += extra;
  bytes += "\r\n";
  bytes += body;
  reply.pieces.push_back({0, std::move(bytes)});
  return reply;
}

Reply ErrorReply(const ApiError& error) {
  return PlainReply(error.status, "application/json", ErrorBody(error));
}

Reply FaultReply(const Script& script, const std::string& model) {
  const int status = script.status == 0 ? 200 : script.status;
  const std::string extra = RetryHeaders(script);
  if (script.body == "html") return PlainReply(status, "text/html", kHtml, extra);
  if (script.body == "empty") return PlainReply(status, "application/json", "", extra);
  if (script.body == "garbage")
    return PlainReply(status, "application/json", "{\"id\":\"chatcmpl-\x01\xff, oops", extra);
  if (script.body == "detail")
    return PlainReply(status, "application/json", "{\"detail\":\"Invalid API Key\"}", extra);
  if (script.body == "intcode")
    return PlainReply(
        status, "application/json",
        "{\"error\":{\"message\":\"The provider said no\",\"code\":" + std::to_string(status) + "}}", extra);
  ApiError error = ErrorOf(status, model);
  if (script.body == "quota")
    error = {status, std::string(kQuota), "insufficient_quota", "", "insufficient_quota"};
  return PlainReply(status, "application/json", ErrorBody(error), extra);
}

namespace {

// Cuts every piece into writes of at most `bytes`; a microsecond apart, so that each is a loop turn of its
// own.
void Split(std::vector<Piece>& pieces, size_t bytes) {
  std::vector<Piece> out;
  for (const Piece& piece : pieces)
    for (size_t at = 0; at < piece.bytes.size(); at += bytes)
      out.push_back({at == 0 ? piece.delay : 1, piece.bytes.substr(at, bytes)});
  pieces = std::move(out);
}

// The head byte by byte, `gap` microseconds between two.
void SlowHead(std::vector<Piece>& pieces, int64_t gap) {
  if (pieces.empty()) return;
  const std::string first = pieces[0].bytes;
  const size_t head = std::min(first.find("\r\n\r\n") + 4, first.size());
  std::vector<Piece> slow;
  for (size_t i = 0; i < head; ++i) slow.push_back({i == 0 ? pieces[0].delay : gap, first.substr(i, 1)});
  pieces[0] = {0, first.substr(head)};
  pieces.insert(pieces.begin(), slow.begin(), slow.end());
}

// Keeps the first `bytes` bytes of all pieces.
void KeepFirst(std::vector<Piece>& pieces, size_t bytes) {
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].bytes.size() >= bytes) {
      pieces[i].bytes.resize(bytes);
      pieces.resize(i + 1);
      return;
    }
    bytes -= pieces[i].bytes.size();
  }
}

constexpr const char* kStreamType = "content-type: text/event-stream";

}  // namespace

void ShapeReply(Reply& reply, const Script& script, int64_t latency) {
  if (reply.pieces.empty()) return;
  if (script.truncate >= 0 && reply.pieces[0].bytes.find(kStreamType) == std::string::npos) {
    const size_t head = reply.pieces[0].bytes.find("\r\n\r\n") + 4;
    KeepFirst(reply.pieces, head + static_cast<size_t>(script.truncate));
    reply.ending = Ending::kClose;
  }
  if (script.endless_headers) {
    reply.pieces = {{0, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"}};
    for (int i = 0; i < 64; ++i) reply.repeat += "x-filler: " + std::string(240, 'x') + "\r\n";
    reply.ending = Ending::kClose;
  }
  if (script.reset >= 0) {
    KeepFirst(reply.pieces, static_cast<size_t>(script.reset));
    reply.ending = Ending::kReset;
  }
  if (script.split > 0) Split(reply.pieces, script.split);
  if (script.slow_headers > 0) SlowHead(reply.pieces, script.slow_headers);
  if (!reply.pieces.empty()) reply.pieces[0].delay += latency;
}

}  // namespace mock
