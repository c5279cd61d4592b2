// One transfer: a curl easy handle, the request it sends, and the C callbacks
// that pass the response to the sink. Private to net/. Reused for one request
// after another, because making an easy handle costs more than a request.
//
// Callbacks run inside curl, with C frames below: they are noexcept, record
// what went wrong in `fault`, and make curl give the transfer up.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/arrivals.hpp"
#include "net/egress.hpp"
#include "net/http.hpp"
#include "net/origin.hpp"

namespace capeai::net {

class Shard;

class Transfer {
 public:
  // Throws bad_alloc. `share` holds the DNS cache and the TLS sessions; `arrivals` is
  // the client's.
  Transfer(CURLSH* share, Arrivals& arrivals);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Takes the next request; `to` and `rules` live until Clear.
  void Prepare(uint64_t new_id, HttpRequest new_request, HttpSink* new_sink, MonoTime now);
  // Sets curl's options for it, just before it joins `to_shard`. False when
  // curl refuses one; `fault` says why.
  bool Configure(Shard* to_shard, const EgressPolicy* rules, MonoTime now);
  // What came of it; `code` is curl's, `fault` goes before.
  HttpResult Collect(CURLcode code, MonoTime now) const;
  // Something has arrived that its sink has not heard of; it has heard of all now.
  bool announced() const { return announced_; }
  void Heard();
  // Forgets the request, keeps the handle.
  void Clear();

  void Fail(HttpError error, std::string_view why);

  // When to look at its time-outs next, and which of them is over by then.
  MonoTime NextCheck(MonoTime now) const;
  HttpError Expired(MonoTime now) const;

  CURL* const easy;
  uint64_t id = 0;
  HttpRequest request;
  HttpSink* sink = nullptr;
  Origin* origin = nullptr;
  Shard* shard = nullptr;           // while curl has it
  bool paused = false;              // the sink wants no data
  bool held = false;                // curl was told to wait, and holds at most one buffer
  std::optional<HttpResult> ended;  // curl has done with it; its sink is yet to hear OnDone
  MonoTime armed{};                 // its entry in the client's list of deadlines
  HttpError fault = HttpError::kNone;
  std::string fault_text;
  MonoTime last_byte{};

 private:
  static size_t OnHeaderLine(char* data, size_t size, size_t count, void* self) noexcept;
  static size_t OnBody(char* data, size_t size, size_t count, void* self) noexcept;
  static int OnConnected(void* self, char*, char*, int, int) noexcept;
  static curl_socket_t OnOpenSocket(void* self, curlsocktype, curl_sockaddr* address) noexcept;

  // There is something for the sink to hear.
  void Announce();
  bool MustWait(size_t bytes);
  bool TakeHeaderLine(std::string_view line);
  bool TakeBody(std::string_view bytes);
  bool SetFixedOptions(CURLSH* share);
  bool SetRequestOptions();
  bool ValidRequest();

  Arrivals& arrivals_;
  const EgressPolicy* egress_ = nullptr;
  std::vector<curl_slist> header_nodes_;  // point into request.headers
  std::string url_, proxy_, ca_file_;     // as set on the handle
  MonoTime started_{}, placed_{};
  bool requested_ = false;  // connected, the request goes out
  bool head_done_ = false;
  bool blocked_ = false, admitted_ = false;  // addresses refused, let through
  int status_ = 0;
  Headers headers_;
  size_t header_bytes_ = 0;
  uint64_t body_bytes_ = 0;
  bool announced_ = false;
  size_t unheard_ = 0;  // bytes of the body since OnNews
  char curl_text_[CURL_ERROR_SIZE] = "";
};

}  // namespace capeai::net
