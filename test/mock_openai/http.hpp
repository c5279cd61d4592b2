// HTTP/1.1 requests out of bytes (RFC 9112): Content-Length and chunked bodies,
// explicit limits, no I/O. Knows nothing of OpenAI.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mock {

struct HttpLimits {
  size_t head = 64 * 1024;         // request line and headers
  size_t body = 64 * 1024 * 1024;  // after removing the chunked framing
};

// Views into the bytes given to HttpParser::Feed, or into the parser (chunked body).
struct HttpRequest {
  std::string_view method;
  std::string_view target;  // as sent
  std::string_view path;    // target up to '?'
  std::string_view query;   // after '?', may be empty
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string_view body;
  bool keep_alive = true;
  bool expects_continue = false;

  // First header of that name, compared without case; empty if absent.
  std::string_view Header(std::string_view name) const;
};

class HttpParser {
 public:
  enum class State { kNeedMore, kDone, kBad, kTooLarge };

  explicit HttpParser(HttpLimits limits = {}) : limits_(limits) {}

  // `bytes` is everything from the first byte of the current request on; call it
  // again with more when it answers kNeedMore. After kDone, `consumed` bytes
  // belong to the request and the parser is ready for the next one; the views
  // are valid until the next Feed. kBad and kTooLarge are final.
  State Feed(std::string_view bytes, HttpRequest& request, size_t& consumed);

  // The head has come, asks for "100 Continue", and the body has not: true once.
  bool TakeContinue() { return std::exchange(wants_continue_, false); }

  // Bytes of an unfinished request have been seen.
  bool in_request() const { return in_request_; }

 private:
  State ParseHead(std::string_view head, HttpRequest& request);
  State FeedChunked(std::string_view bytes, size_t& consumed);
  void Reset();

  HttpLimits limits_;
  size_t head_ = 0;     // length of the head with its empty line; 0: not complete
  size_t scanned_ = 0;  // where the search for the head's end goes on
  size_t length_ = 0;   // Content-Length
  bool chunked_ = false;
  size_t chunk_at_ = 0;  // where the next chunk line begins
  std::string decoded_;  // body of a chunked request
  bool wants_continue_ = false;
  bool in_request_ = false;
};

bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string PercentDecode(std::string_view text);
// Value of `name` in a query string "a=1&b=2", decoded; empty if absent.
std::string QueryValue(std::string_view query, std::string_view name);

}  // namespace mock
