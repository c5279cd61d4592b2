#include "net/client.hpp"

#include <new>

#include "net/client_impl.hpp"
#include "net/signals.hpp"

namespace capeai::net {
namespace {

// A turn of Run ends about so long after it began.
constexpr std::chrono::milliseconds kTurn{5};
// Sockets served before the clock is looked at: a TLS handshake costs about 1 ms.
constexpr int kBatch = 8;
// Fewer transfers and resumptions than these are not worth waking a thread for.
constexpr size_t kWorthAThread = 8;

}  // namespace

Status HttpClient::GlobalInit() {
  const SignalsBlocked blocked;
  const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code == CURLE_OK) return Ok{};
  return Error{sqlstate::kOutOfMemory,
               std::string("could not initialise libcurl: ") + curl_easy_strerror(code), "", ""};
}

void HttpClient::GlobalCleanup() { curl_global_cleanup(); }

HttpClient::HttpClient(Poller& poller, std::shared_ptr<const EgressPolicy> egress, HttpClientOptions options)
    : impl_(std::make_unique<Impl>(poller, std::move(egress), options)) {}

HttpClient::~HttpClient() = default;

TransferId HttpClient::Start(HttpRequest request, HttpSink* sink) {
  return impl_->Start(std::move(request), sink);
}
bool HttpClient::Cancel(TransferId id) { return impl_->Cancel(id); }
void HttpClient::Pause(TransferId id) { impl_->Pause(id); }
void HttpClient::Resume(TransferId id) { impl_->Resume(id); }
void HttpClient::SetEgress(std::shared_ptr<const EgressPolicy> egress) {
  impl_->SetEgress(std::move(egress));
}
std::optional<Duration> HttpClient::NextTimeout() const { return impl_->NextTimeout(); }
void HttpClient::Run() {
  const SignalsBlocked blocked;
  impl_->Run();
}
void HttpClient::Leave(const GoOn* go_on, size_t waiting) noexcept { impl_->Leave(go_on, waiting); }
void HttpClient::Return() noexcept { impl_->Return(); }
void HttpClient::StopBackground() { impl_->StopBackground(); }
void HttpClient::SetResponseMemory(size_t bytes) { impl_->SetResponseMemory(bytes); }
void HttpClient::SetPace(Duration pace) { impl_->SetPace(pace); }
bool HttpClient::reading() const { return impl_->reading(); }
int HttpClient::fd() const { return impl_->fd(); }
HttpClientStats HttpClient::stats() const { return impl_->stats(); }

HttpClient::Impl::Impl(Poller& poller, std::shared_ptr<const EgressPolicy> egress, HttpClientOptions options)
    : poller_(poller), options_(options), egress_(std::move(egress)), share_(curl_share_init()) {
  if (!share_) throw std::bad_alloc();
  arrivals_.most = options.response_memory;
  pace_ = options.pace;
  // One thread, so no lock functions. Connections are not shared: they would
  // all count as one multi handle's.
  curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
  curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

HttpClient::Impl::~Impl() {
  background_.reset();
  const SignalsBlocked blocked;
  while (!transfers_.empty()) Release(*transfers_.begin()->second);
  spare_.clear();
  shards_.clear();
  curl_share_cleanup(share_);
}

TransferId HttpClient::Impl::Start(HttpRequest request, HttpSink* sink) {
  std::unique_ptr<Transfer> transfer;
  if (spare_.empty()) {
    transfer = std::make_unique<Transfer>(share_, arrivals_);
  } else {
    transfer = std::move(spare_.back());
    spare_.pop_back();
  }
  const TransferId id = ++last_id_;
  transfer->Prepare(id, std::move(request), sink, MonoNow());
  Transfer& added = *transfers_.emplace(id, std::move(transfer)).first->second;
  Arm(added);
  fresh_.push_back(id);
  ++counted_.requests;
  return id;
}

Transfer* HttpClient::Impl::Find(TransferId id) {
  const auto found = transfers_.find(id);
  return found == transfers_.end() ? nullptr : found->second.get();
}

bool HttpClient::Impl::Cancel(TransferId id) {
  Transfer* transfer = Find(id);
  if (!transfer) return false;
  const SignalsBlocked blocked;
  Release(*transfer);
  return true;
}

void HttpClient::Impl::Pause(TransferId id) {
  Transfer* transfer = Find(id);
  if (!transfer) return;
  transfer->paused = true;
  // Whoever does not read makes way for those that do.
  if (arrivals_.favourite == id) arrivals_.favourite = 0;
}

void HttpClient::Impl::Resume(TransferId id) {
  Transfer* transfer = Find(id);
  if (!transfer || !transfer->paused) return;
  transfer->paused = false;
  if (transfer->held) resumed_.push_back(id);
}

void HttpClient::Impl::SetEgress(std::shared_ptr<const EgressPolicy> egress) {
  if (*egress == *egress_) return;
  old_egress_.push_back(std::exchange(egress_, std::move(egress)));
  for (auto& shard : shards_) shard->retired = true;
}

std::optional<Duration> HttpClient::Impl::NextTimeout() const {
  return undelivered() ? Duration(0) : NextWork();
}

std::optional<Duration> HttpClient::Impl::NextWork() const {
  if (!fresh_.empty() || !resumed_.empty()) return Duration(0);
  std::optional<MonoTime> next;
  const auto consider = [&next](MonoTime at) {
    if (!next || at < *next) next = at;
  };
  if (!deadlines_.empty()) consider(deadlines_.begin()->first);
  if (paced_ && paced_->due()) consider(*paced_->due());
  for (size_t i = 0; i < shards_.size(); ++i) {
    const Shard& shard = *shards_[i];
    if (shard.touched) return Duration(0);
    if (shard.timer) consider(*shard.timer);
    if (shard.active == 0 && shard.retired) return Duration(0);
    if (shard.active == 0 && !shard.stays) consider(shard.idle_since + options_.shard_idle_timeout);
  }
  if (!next) return std::nullopt;
  return std::max(Duration(0), *next - MonoNow());
}

void HttpClient::Impl::Run() {
  // What the thread has brought is heard first: what is left to do here, it may do as well.
  if (!undelivered()) Serve({MonoNow() + kTurn});
  Deliver();
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void HttpClient::Impl::Leave(const GoOn* go_on, size_t waiting) {
  if (transfers_.size() + waiting < kWorthAThread || !HaveBackground()) return;
  away_ = true;
  go_on_ = go_on;
  background_->Leave();
}

bool HttpClient::Impl::HaveBackground() {
  if (background_ || alone_) return background_ != nullptr;
  try {
    background_ = std::make_unique<Background>(
        poller_.fd(), [this](const std::atomic<bool>& called_back) { return ServeAlone(called_back); });
  } catch (const std::bad_alloc&) {
    return false;
  }
  alone_ = !background_->Start();
  if (alone_) background_.reset();
  return !alone_;
}

std::optional<Duration> HttpClient::Impl::ServeAlone(const std::atomic<bool>& called_back) noexcept {
  try {
    const bool all = Serve({MonoNow() + kTurn, &called_back});
    if (!go_on_) return all ? NextWork() : Duration(0);
    DeliverEnded(&called_back);
    const bool more = !called_back && (*go_on_)(called_back);
    return all && !more && ended_.empty() ? NextWork() : Duration(0);
  } catch (...) {
    if (!thrown_) thrown_ = std::current_exception();
    return std::nullopt;
  }
}

void HttpClient::Impl::Return() {
  if (!std::exchange(away_, false)) return;
  background_->Return();
}

bool HttpClient::Impl::Serve(const Stop& stop) {
  while (poller_.Dispatch(kBatch) == kBatch)
    if (stop()) break;
  if (paced_) paced_->Run(stop);
  RunResumed();
  Harvest(stop);
  RunDeadlines();
  PlaceFresh(stop);
  RunTimers(stop);
  Harvest(stop);
  RunOrigins();
  Trim(stop);
  return !stop();
}

void HttpClient::Impl::RunTimers(const Stop& stop) {
  MonoTime now = MonoNow();
  for (size_t i = 0; i < shards_.size(); ++i) {
    Shard& shard = *shards_[next_shard_++ % shards_.size()];
    if (!shard.timer || *shard.timer > now) continue;
    shard.RunTimers();
    now = MonoNow();
    if (stop()) return;
  }
}

void HttpClient::Impl::RunResumed() {
  for (TransferId id : std::exchange(resumed_, {})) {
    Transfer* transfer = Find(id);
    if (!transfer || transfer->ended || transfer->paused || !transfer->held) continue;
    transfer->held = false;
    transfer->last_byte = MonoNow();
    transfer->shard->touched = true;
    if (curl_easy_pause(transfer->easy, CURLPAUSE_CONT) == CURLE_OK) continue;
    transfer->Fail(HttpError::kReset, "the connection ended during a pause");
    transfer->shard->faulty = true;
  }
}

void HttpClient::Impl::RunDeadlines() {
  const MonoTime now = MonoNow();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Transfer& transfer = *transfers_.at(deadlines_.begin()->second);
    const HttpError late = transfer.Expired(now);
    if (late == HttpError::kNone) {
      deadlines_.erase(deadlines_.begin());
      Arm(transfer);
      continue;
    }
    transfer.Fail(late, late == HttpError::kTimeoutIdle ? "nothing was received for the longest time allowed"
                                                        : "the request took longer than its time-out");
    Conclude(transfer, CURLE_OK);
  }
}

}  // namespace capeai::net
