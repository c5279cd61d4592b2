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
  bool paced = false;                     // the response may be read up to HttpClientOptions::pace late
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
  kEnough,          // the sink wanted no more
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

// Told about one transfer. It must live until OnDone returned or Cancel was called.
//
// The first three hear of the response as it comes in, in this order and each at
// most once but OnData, from within HttpClient::Run() or, while the owner is away
// (HttpClient::Leave), in the client's own thread; never two at a time. They touch
// what belongs to this exchange and nothing else, least of all the client. What
// they throw ends the transfer with kAborted.
//
// The other two are called by Run(), so in the owner's thread, or by what takes the
// owner's place while it is away (HttpClient::Leave), and may call Start, Cancel
// (also of itself), Pause and Resume. What OnNews throws ends the transfer with
// kAborted; what OnDone throws comes out of Run(), once its turn is complete.
class HttpSink {
 public:
  virtual ~HttpSink() = default;
  // The final response's status and headers (no interim 1xx responses).
  virtual void OnHeaders(int status, Headers headers) = 0;
  // Bytes of the body as they arrive, at most 16 kB each; valid during the call.
  // False: the rest is not wanted; the transfer ends with kEnough.
  virtual bool OnData(std::string_view bytes) = 0;
  // Nothing more comes. What the result is: OnDone will say so again.
  virtual void OnEnd(const HttpResult&) {}

  // One of the above was called since the last time.
  virtual void OnNews() {}
  // The end of it, after OnEnd and the last OnNews.
  virtual void OnDone(const HttpResult& result) = 0;
};

}  // namespace capeai::net
