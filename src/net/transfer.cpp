#include "net/transfer.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <new>
#include <utility>

#include "net/shard.hpp"

namespace capeai::net {
namespace {

constexpr size_t kUsualHeaders = 12;  // fields of a response

// Bytes read from a socket at a time, and so the most that a paused transfer
// holds; each transfer that is receiving owns one such buffer.
constexpr long kReceiveBuffer = 16 * 1024;
// curl's smallest. Used only for bodies over 64 kB and under TLS.
constexpr long kUploadBuffer = 16 * 1024;
// What a response may bring before its sink has heard of it, and all together.
constexpr size_t kMostUnheard = 64 * 1024;
constexpr size_t kMostUnheardInAll = size_t{8} << 20;

long MillisUp(Duration d) { return std::max(1L, Millis(d + std::chrono::microseconds(999))); }

bool HasLineBreak(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// "HTTP/1.1 200 OK", "HTTP/2 200". 0 if it is none.
int StatusOf(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return 0;
  int status = 0;
  for (char c : line.substr(space + 1, 3)) {
    if (c < '0' || c > '9') return 0;
    status = status * 10 + (c - '0');
  }
  return status;
}

}  // namespace

Transfer::Transfer(CURLSH* share, Arrivals& arrivals) : easy(curl_easy_init()), arrivals_(arrivals) {
  if (!easy) throw std::bad_alloc();
  if (!SetFixedOptions(share)) {
    curl_easy_cleanup(easy);
    throw std::bad_alloc();
  }
}

Transfer::~Transfer() { curl_easy_cleanup(easy); }

// What holds for every request. No redirects, cookies, netrc, authentication,
// environment proxies or decompression: none is ever asked for.
bool Transfer::SetFixedOptions(CURLSH* share) {
  bool ok = true;
  const auto set = [&](CURLoption option, auto value) {
    ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK;
  };
  set(CURLOPT_SHARE, share);
  set(CURLOPT_PRIVATE, static_cast<void*>(this));
  set(CURLOPT_ERRORBUFFER, static_cast<char*>(curl_text_));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // else dropping a hanging name lookup waits for it
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_PROXY, "");  // "" rather than NULL: the environment is not asked
  set(CURLOPT_NOPROXY, "");
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_TCP_NODELAY, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_DNS_CACHE_TIMEOUT, static_cast<long>(kNameCacheTime.count()));
  set(CURLOPT_BUFFERSIZE, kReceiveBuffer);
  set(CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
  set(CURLOPT_NOPROGRESS, 1L);
  set(CURLOPT_HEADERFUNCTION, &Transfer::OnHeaderLine);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(CURLOPT_PREREQFUNCTION, &Transfer::OnConnected);
  set(CURLOPT_PREREQDATA, static_cast<void*>(this));
  set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::OnOpenSocket);
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  set(CURLOPT_CLOSESOCKETFUNCTION, &CloseShardSocket);
  return ok;
}

void Transfer::Prepare(uint64_t new_id, HttpRequest new_request, HttpSink* new_sink, MonoTime now) {
  id = new_id;
  request = std::move(new_request);
  sink = new_sink;
  started_ = placed_ = last_byte = now;
}

void Transfer::Announce() {
  if (std::exchange(announced_, true)) return;
  arrivals_.news.push_back(id);
}

void Transfer::Heard() {
  announced_ = false;
  arrivals_.unheard -= std::exchange(unheard_, 0);
}

void Transfer::Clear() {
  Heard();
  arrivals_.Forget(id, body_bytes_);
  ended.reset();
  id = 0;
  request = {};
  sink = nullptr;
  origin = nullptr;
  shard = nullptr;
  paused = held = requested_ = head_done_ = blocked_ = admitted_ = false;
  fault = HttpError::kNone;
  fault_text.clear();
  egress_ = nullptr;
  status_ = 0;
  headers_ = {};
  header_bytes_ = 0;
  body_bytes_ = 0;
  curl_text_[0] = '\0';
}

bool Transfer::ValidRequest() {
  if (request.method != "POST" && request.method != "GET") return false;
  return std::none_of(request.headers.begin(), request.headers.end(), HasLineBreak);
}

bool Transfer::SetRequestOptions() {
  bool ok = true;
  const auto set = [&](CURLoption option, auto value) {
    ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK;
  };
  // curl copies strings; setting again what is set already is what costs.
  const auto set_text = [&](CURLoption option, std::string& current, const std::string& value,
                            const char* if_empty) {
    if (current == value) return;
    set(option, value.empty() ? if_empty : value.c_str());
    current = value;
  };
  set_text(CURLOPT_URL, url_, request.url, "");
  set_text(CURLOPT_PROXY, proxy_, request.proxy, "");
  set_text(CURLOPT_CAINFO, ca_file_, request.ca_file, nullptr);
  if (request.method == "GET") {
    set(CURLOPT_HTTPGET, 1L);
  } else {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, request.body.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  // curl only reads the list, so its nodes may point into our own strings.
  static char no_expect[] = "Expect:";
  header_nodes_.assign(request.headers.size() + 1, curl_slist{no_expect, nullptr});
  for (size_t i = 0; i < request.headers.size(); ++i) {
    header_nodes_[i].data = request.headers[i].data();
    header_nodes_[i].next = &header_nodes_[i + 1];
  }
  set(CURLOPT_HTTPHEADER, header_nodes_.data());
  set(CURLOPT_CONNECTTIMEOUT_MS, MillisUp(request.connect_timeout));
  set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.max_response_bytes));
  // Wait for a connection that is being made if it may turn out to be shared;
  // a server known to speak HTTP/1.1 gets its connections in parallel.
  set(CURLOPT_PIPEWAIT,
      origin->url.https() && (origin->http_version == 0 || origin->http_version == 20) ? 1L : 0L);
  set(CURLOPT_CLOSESOCKETDATA, static_cast<void*>(shard));
  return ok;
}

bool Transfer::Configure(Shard* to_shard, const EgressPolicy* rules, MonoTime now) {
  if (!ValidRequest()) {
    Fail(HttpError::kInvalidRequest, "method is neither GET nor POST, or a header contains a line break");
    return false;
  }
  shard = to_shard;
  egress_ = rules;
  placed_ = last_byte = now;
  if (SetRequestOptions()) return true;
  Fail(HttpError::kInternal, "curl refused the request's options");
  return false;
}

void Transfer::Fail(HttpError error, std::string_view why) {
  if (fault != HttpError::kNone) return;
  fault = error;
  try {
    fault_text.assign(why);
  } catch (const std::bad_alloc&) {
    fault_text.clear();
  }
}

MonoTime Transfer::NextCheck(MonoTime now) const {
  const MonoTime total = started_ + request.timeout;
  if (request.idle_timeout.count() <= 0) return total;
  const bool counting = requested_ && !paused && !held;
  return std::min(total, (counting ? last_byte : now) + request.idle_timeout);
}

HttpError Transfer::Expired(MonoTime now) const {
  if (now >= started_ + request.timeout) return HttpError::kTimeoutTotal;
  const bool counting = request.idle_timeout.count() > 0 && requested_ && !paused && !held;
  if (counting && now >= last_byte + request.idle_timeout) return HttpError::kTimeoutIdle;
  return HttpError::kNone;
}

bool Transfer::TakeHeaderLine(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > request.max_header_bytes) {
    Fail(HttpError::kTooLarge, "the response's headers are too large");
    return false;
  }
  if (head_done_) return true;  // trailers
  if (line.starts_with("HTTP/")) {
    headers_.clear();
    headers_.reserve(kUsualHeaders);
    status_ = StatusOf(line);
    return true;
  }
  const std::string_view text = Trim(line);
  if (!text.empty()) {
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) return true;
    std::string name(Trim(text.substr(0, colon)));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    headers_.emplace_back(std::move(name), Trim(text.substr(colon + 1)));
    return true;
  }
  if (status_ >= 100 && status_ < 200) return true;
  head_done_ = true;
  long version = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  if (version == CURL_HTTP_VERSION_2_0) origin->http_version = 20;
  if (version == CURL_HTTP_VERSION_1_1 || version == CURL_HTTP_VERSION_1_0) origin->http_version = 11;
  Announce();
  sink->OnHeaders(status_, std::exchange(headers_, {}));
  return true;
}

bool Transfer::TakeBody(std::string_view bytes) {
  body_bytes_ += bytes.size();
  arrivals_.under_way += bytes.size();
  if (body_bytes_ > request.max_response_bytes) {
    Fail(HttpError::kTooLarge, "the response is too large");
    return false;
  }
  arrivals_.unheard += bytes.size();
  unheard_ += bytes.size();
  Announce();
  if (sink->OnData(bytes)) return true;
  Fail(HttpError::kEnough, "the rest of the response is not needed");
  return false;
}

// So that neither one response nor all together take more memory than they may,
// however long the owner is away.
bool Transfer::MustWait(size_t bytes) {
  return paused || (unheard_ > 0 && unheard_ + bytes > kMostUnheard) ||
         arrivals_.unheard > kMostUnheardInAll || !arrivals_.MayGrow(id);
}

size_t Transfer::OnHeaderLine(char* data, size_t size, size_t count, void* self) noexcept {
  auto* transfer = static_cast<Transfer*>(self);
  const size_t length = size * count;
  // A proxy's or an earlier response's header may be empty, never shorter than
  // its line end, so 0 always means "give up".
  if (transfer->fault != HttpError::kNone) return 0;
  try {
    transfer->last_byte = MonoNow();
    return transfer->TakeHeaderLine({data, length}) ? length : 0;
  } catch (const std::exception& e) {
    transfer->Fail(HttpError::kAborted, e.what());
  } catch (...) {
    transfer->Fail(HttpError::kAborted, "unknown exception");
  }
  return 0;
}

size_t Transfer::OnBody(char* data, size_t size, size_t count, void* self) noexcept {
  auto* transfer = static_cast<Transfer*>(self);
  const size_t length = size * count;
  if (length == 0 || transfer->fault != HttpError::kNone) return 0;
  try {
    if (transfer->MustWait(length)) {
      transfer->arrivals_.held.push_back(transfer->id);
      transfer->held = true;
      return CURL_WRITEFUNC_PAUSE;
    }
    transfer->last_byte = MonoNow();
    return transfer->TakeBody({data, length}) ? length : 0;
  } catch (const std::exception& e) {
    transfer->Fail(HttpError::kAborted, e.what());
  } catch (...) {
    transfer->Fail(HttpError::kAborted, "unknown exception");
  }
  return 0;
}

// Called when the request is about to go out, on a new or a reused connection.
int Transfer::OnConnected(void* self, char*, char*, int, int) noexcept {
  auto* transfer = static_cast<Transfer*>(self);
  // When a warm connection ends without a byte of response, curl would send the
  // request again on another. What became of the first is unknown, and whoever
  // counts attempts is to decide. (HTTP/2 servers say which streams they refused.)
  if (transfer->requested_ && transfer->origin->http_version != 20) {
    transfer->Fail(HttpError::kReset, "the connection ended before the response");
    return CURL_PREREQFUNC_ABORT;
  }
  transfer->requested_ = true;
  transfer->last_byte = MonoNow();
  // Connected without a lookup: a connection had become free.
  if (transfer->origin->probe == transfer->id) transfer->origin->probe = 0;
  return CURL_PREREQFUNC_OK;
}

curl_socket_t Transfer::OnOpenSocket(void* self, curlsocktype, curl_sockaddr* address) noexcept {
  auto* transfer = static_cast<Transfer*>(self);
  // The name has just been looked up, whatever becomes of the connection.
  transfer->origin->resolved = true;
  transfer->origin->resolved_at = MonoNow();
  try {
    std::string reason;
    if (!transfer->egress_->Allows(transfer->origin->peer, &address->addr, &reason)) {
      transfer->blocked_ = true;
      if (!transfer->admitted_) transfer->fault_text = "the address is not allowed: " + reason;
      return CURL_SOCKET_BAD;
    }
  } catch (const std::bad_alloc&) {
    transfer->Fail(HttpError::kInternal, "out of memory");
    return CURL_SOCKET_BAD;
  }
  const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  transfer->admitted_ = true;
  ++transfer->shard->sockets;
  ++transfer->shard->sockets_opened;
  return fd;
}

}  // namespace capeai::net
