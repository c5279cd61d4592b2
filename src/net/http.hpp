// One HTTP exchange as plain data: what is asked, what came of it, and who is
// told. Must not know: curl, what the bytes mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace capeai::net {

// Response headers in the order of arrival; names in lower case, values without
// surrounding white space.
using Headers = std::vector<std::pair<std::string, std::string>>;

// The first header of that (lower-case) name, or nullptr.
const std::string* FindHeader(const Headers& headers, std::string_view name);

struct HttpRequest {
  std::string url;                                      // http or https; no user, no fragment
  std::vector<std::string> headers;                     // "Name: value"; no CR, LF or NUL inside
  std::string body;                                     // sent with Content-Length unless method is GET
  std::string method = "POST";                          // POST or GET
  Duration timeout = std::chrono::seconds(120);         // from Start to the last byte; > 0
  Duration connect_timeout = std::chrono::seconds(10);  // name, TCP and TLS; > 0
  Duration idle_timeout{0};               // longest time without a byte received once the request
                                          // is under way, pauses not counted; 0 = none
  size_t max_response_bytes = 16u << 20;  // body
  size_t max_header_bytes = 64u << 10;    // all header lines together, interim responses included
  std::string ca_file;                    // PEM file instead of the system's; empty = system
  std::string proxy;                      // "http://host:port"; empty = none, whatever the environment says
};

enum class HttpError {
  kNone,            // a complete response arrived (whatever its status)
  kInvalidRequest,  // the request is malformed; nothing was sent
  kBlocked,         // the egress rules refuse the address; nothing was sent
  kResolve,         // the name has no address
  kConnect,         // no TCP connection
  kTls,             // handshake or certificate
  kTimeoutConnect,  // connect_timeout
  kTimeoutIdle,     // idle_timeout
  kTimeoutTotal,    // timeout
  kReset,           // the connection ended before the response did
  kProtocol,        // not HTTP, or not acceptable HTTP
  kTooLarge,        // max_response_bytes or max_header_bytes
  kAborted,         // the sink threw
  kInternal,        // out of memory, or a fault in the client
};

// "blocked", "connect", ...: for logs and statistics.
std::string_view HttpErrorName(HttpError error);

// Durations since Start; zero for a phase that was not reached or, on a reused
// connection, not needed.
struct HttpTimings {
  Duration resolved{0};
  Duration connected{0};
  Duration tls_done{0};
  Duration first_byte{0};
  Duration total{0};
};

struct HttpResult {
  HttpError error = HttpError::kNone;
  std::string message;         // what failed, for people; empty if ok()
  int status = 0;              // 0 when no final response line arrived
  int http_version = 0;        // 10, 11, 20; 0 unknown
  bool reused = false;         // sent on a connection that was already open
  bool may_have_sent = false;  // bytes of the request left for the server: it may have acted on it
  uint64_t bytes_in = 0;       // headers and body, without TLS framing
  uint64_t bytes_out = 0;
  HttpTimings timings;

  bool ok() const { return error == HttpError::kNone; }
};

// Told about one transfer, always from within HttpClient::Run(), in this order:
// OnHeaders once, OnData any number of times, OnDone once, last; after an error
// the first two may be missing. It may call Start, Cancel (also of itself),
// Pause and Resume. What it throws from OnHeaders or OnData ends the transfer
// with kAborted; what it throws from OnDone comes out of Run(), once its turn
// is complete. It must live until OnDone returned or Cancel was called.
class HttpSink {
 public:
  virtual ~HttpSink() = default;
  // The final response's status and headers (no interim 1xx responses).
  virtual void OnHeaders(int status, const Headers& headers) = 0;
  // Bytes of the body as they arrive, at most 16 kB each; valid during the call.
  virtual void OnData(std::string_view bytes) = 0;
  virtual void OnDone(const HttpResult& result) = 0;
};

}  // namespace capeai::net
