// HttpClient, second half: where a transfer goes and how it ends.
#include <algorithm>
#include <new>

#include "net/client_impl.hpp"

namespace capeai::net {
namespace {

// Handles kept for the next requests; about 6 kB each. So many at most, and so many
// when the shards that were needed for them have been closed.
constexpr size_t kMaxSpare = 10000;
constexpr size_t kKeptSpare = 1000;
// Servers remembered; those without transfers are forgotten beyond it.
constexpr size_t kMaxOrigins = 64;
// A stretch of work that cannot be called back.
constexpr int kSentTogether = 8;

}  // namespace

// The origin of a request, made if need be; nullptr and `*error` if the URL or
// the proxy cannot be read.
Origin* HttpClient::Impl::OriginFor(const HttpRequest& request, Error* error) {
  Result<Url> url = ParseUrl(request.url);
  if (!url.ok()) {
    *error = url.take_error();
    return nullptr;
  }
  std::string key = url->origin();
  if (!request.proxy.empty()) key += " via " + request.proxy;
  const auto found = origins_.find(key);
  if (found != origins_.end()) return &found->second;

  Origin origin;
  origin.peer = url->host;
  origin.peer_literal = url->literal;
  if (!request.proxy.empty()) {
    Result<Url> proxy = ParseBaseUrl(request.proxy);
    if (!proxy.ok()) {
      *error = proxy.take_error();
      return nullptr;
    }
    origin.peer = proxy->host;
    origin.peer_literal = proxy->literal;
  }
  origin.url = std::move(*url);
  if (origins_.size() >= kMaxOrigins) {
    std::erase_if(origins_, [](const auto& entry) { return entry.second.users == 0; });
  }
  return &origins_.emplace(std::move(key), std::move(origin)).first->second;
}

// False when there is no descriptor for it: all are read at once then.
bool HttpClient::Impl::HavePacedSockets() {
  if (!paced_) paced_ = PacedPoller::Create(poller_);
  if (paced_) paced_->SetInterval(pace_);
  return paced_ != nullptr;
}

void HttpClient::Impl::SetPace(Duration pace) {
  pace_ = pace;
  if (paced_) paced_->SetInterval(pace);
}

// The first shard with room and, probably, a warm connection; else the first
// with room; else a new one. So low load uses few shards, and reuses.
Shard* HttpClient::Impl::PickShard(bool paced) {
  Shard* with_room = nullptr;
  bool first = true;  // of its kind
  for (auto& shard : shards_) {
    if (shard->retired || shard->paced() != paced) continue;
    first = false;
    if (shard->full()) continue;
    if (shard->warm()) return shard.get();
    if (!with_room) with_room = shard.get();
  }
  if (with_room) return with_room;
  shards_.push_back(
      std::make_unique<Shard>(poller_, paced ? &paced_->sockets() : nullptr, options_.transfers_per_shard));
  shards_.back()->stays = first && !paced;
  return shards_.back().get();
}

void HttpClient::Impl::PlaceFresh(const Stop& stop) {
  for (int placed = 1; !fresh_.empty(); ++placed) {
    const TransferId id = fresh_.front();
    fresh_.pop_front();
    Transfer* transfer = Find(id);
    if (!transfer || transfer->ended) continue;
    if (!transfer->origin) {
      Error error;
      transfer->origin = OriginFor(transfer->request, &error);
      if (!transfer->origin) {
        transfer->Fail(HttpError::kInvalidRequest, error.message + ": " + error.detail);
        Conclude(*transfer, CURLE_OK);
        continue;
      }
      ++transfer->origin->users;
    }
    Place(*transfer);
    // curl sends them all at its timer, however many have come together.
    if (placed % kSentTogether == 0) RunTimers(stop);
    if (stop()) return;
  }
}

// Gives the transfer to curl, or lets it wait for its server's name.
void HttpClient::Impl::Place(Transfer& transfer) {
  const MonoTime now = MonoNow();
  Origin& origin = *transfer.origin;
  Shard* shard = PickShard(transfer.request.paced && pace_ > Duration(0) && HavePacedSockets());
  const bool shares = origin.http_version == 20 && shard->sockets > 0;
  if (!origin.NameKnown(now) && !shard->warm() && !shares) {
    if (origin.probe != 0) {
      origin.waiting.push_back(transfer.id);
      return;
    }
    origin.probe = transfer.id;
  }
  if (!transfer.Configure(shard, egress_.get(), now)) {
    transfer.shard = nullptr;
    Conclude(transfer, CURLE_OK);
    return;
  }
  if (!shard->Add(transfer)) {
    transfer.shard = nullptr;
    transfer.Fail(HttpError::kInternal, "curl refused the transfer");
    Conclude(transfer, CURLE_OK);
  }
}

// Lets those go on who waited for a name that is known now, or whose probe is
// gone without an answer.
void HttpClient::Impl::RunOrigins() {
  const MonoTime now = MonoNow();
  for (auto& [key, origin] : origins_) {
    if (origin.waiting.empty()) continue;
    if (origin.NameKnown(now)) {
      fresh_.insert(fresh_.end(), origin.waiting.begin(), origin.waiting.end());
      origin.waiting.clear();
    } else if (origin.probe == 0) {
      fresh_.push_back(origin.waiting.front());
      origin.waiting.pop_front();
    }
  }
}

// All that curl reports done, unless `stop` comes first; the rest stays touched.
void HttpClient::Impl::Harvest(const Stop& stop) {
  for (size_t i = 0; i < shards_.size(); ++i) {
    if (!std::exchange(shards_[i]->touched, false)) continue;
    CURLcode code = CURLE_OK;
    while (Transfer* transfer = shards_[i]->NextDone(&code)) {
      Conclude(*transfer, code);
      if (!stop()) continue;
      shards_[i]->touched = true;
      return;
    }
    if (std::exchange(shards_[i]->faulty, false)) ConcludeFaulty(*shards_[i]);
  }
}

// Rare, so a walk over all of them will do.
void HttpClient::Impl::ConcludeFaulty(const Shard& shard) {
  for (const auto& [id, transfer] : transfers_)
    if (transfer->shard == &shard && transfer->fault != HttpError::kNone) Conclude(*transfer, CURLE_OK);
}

void HttpClient::Impl::Arm(Transfer& transfer) {
  transfer.armed = transfer.NextCheck(MonoNow());
  deadlines_.emplace(transfer.armed, transfer.id);
}

void HttpClient::Impl::Conclude(Transfer& transfer, CURLcode code) {
  const MonoTime now = MonoNow();
  transfer.ended = transfer.Collect(code, now);
  HttpResult& result = *transfer.ended;
  Origin* origin = transfer.origin;
  const bool failed_probe =
      origin && origin->probe == transfer.id && !origin->NameKnown(now) &&
      (result.error == HttpError::kResolve || result.error == HttpError::kTimeoutConnect);
  Detach(transfer);
  ended_.push_back(transfer.id);
  try {
    transfer.sink->OnEnd(result);
  } catch (const std::exception& e) {
    result.error = HttpError::kAborted;
    result.message = e.what();
  } catch (...) {
    result.error = HttpError::kAborted;
    result.message = "unknown exception";
  }
  if (!result.ok()) ++counted_.failures;
  if (result.reused) ++counted_.requests_reused;
  counted_.bytes_in += result.bytes_in;
  counted_.bytes_out += result.bytes_out;
  if (failed_probe) FailWaiting(*origin, result);
}

// The lookup that they all waited for has failed; asking again for each of them
// would only repeat it.
void HttpClient::Impl::FailWaiting(Origin& origin, const HttpResult& result) {
  for (TransferId id : std::exchange(origin.waiting, {})) {
    Transfer* transfer = Find(id);
    if (!transfer || transfer->ended) continue;
    transfer->Fail(result.error, result.message);
    Conclude(*transfer, CURLE_OK);
  }
}

void HttpClient::Impl::Deliver() {
  for (TransferId id : std::exchange(arrivals_.news, {}))
    if (Transfer* transfer = Find(id)) TellNews(*transfer);
  DeliverEnded(nullptr);
  LetHeldGoOn();
}

void HttpClient::Impl::DeliverEnded(const std::atomic<bool>* called_back) {
  // What ends meanwhile is for the next time.
  for (size_t left = ended_.size(); left > 0 && !(called_back && *called_back); --left) {
    const TransferId id = ended_.front();
    ended_.pop_front();
    if (Transfer* transfer = Find(id); transfer && transfer->announced()) TellNews(*transfer);
    Transfer* transfer = Find(id);  // it may be gone by now
    if (!transfer) continue;
    HttpSink* sink = transfer->sink;
    const HttpResult result = std::move(*transfer->ended);
    Release(*transfer);
    try {
      sink->OnDone(result);
    } catch (...) {
      if (!thrown_) thrown_ = std::current_exception();
    }
  }
}

void HttpClient::Impl::TellNews(Transfer& transfer) {
  const TransferId id = transfer.id;
  transfer.Heard();
  std::string why;
  try {
    transfer.sink->OnNews();
    return;
  } catch (const std::exception& e) {
    why = e.what();
  } catch (...) {
    why = "unknown exception";
  }
  Transfer* left = Find(id);
  if (!left || left->ended) return;
  left->Fail(HttpError::kAborted, why);
  Conclude(*left, CURLE_OK);
}

void HttpClient::Impl::LetHeldGoOn() {
  for (TransferId id : std::exchange(arrivals_.held, {})) {
    const Transfer* transfer = Find(id);
    if (!transfer || transfer->ended || !transfer->held || transfer->paused) continue;
    (arrivals_.MayGrow(id) ? resumed_ : arrivals_.held).push_back(id);
  }
}

void HttpClient::Impl::Detach(Transfer& transfer) {
  const TransferId id = transfer.id;
  deadlines_.erase({transfer.armed, id});
  if (transfer.shard) transfer.shard->Remove(transfer, MonoNow());
  transfer.shard = nullptr;
  if (Origin* origin = transfer.origin) {
    --origin->users;
    if (origin->probe == id) origin->probe = 0;
  }
  transfer.origin = nullptr;
}

void HttpClient::Impl::Release(Transfer& transfer) {
  if (!transfer.ended) Detach(transfer);
  auto node = transfers_.extract(transfer.id);
  node.mapped()->Clear();
  if (spare_.size() < kMaxSpare) spare_.push_back(std::move(node.mapped()));
}

// Closes what nobody uses any more: at least one shard, and the next ones in the turns that follow if it
// takes until `stop`. Ten thousand sockets take most of a second.
void HttpClient::Impl::Trim(const Stop& stop) {
  const MonoTime now = MonoNow();
  bool closed = false;
  for (size_t i = shards_.size(); i-- > 0 && !(closed && stop());) {
    const Shard& shard = *shards_[i];
    if (shard.active > 0) continue;
    const bool old = !shard.stays && now - shard.idle_since >= options_.shard_idle_timeout;
    if (!shard.retired && !old) continue;
    counted_.connections_opened += shard.sockets_opened;
    shards_.erase(shards_.begin() + static_cast<std::ptrdiff_t>(i));
    for (size_t left = options_.transfers_per_shard; left > 0 && spare_.size() > kKeptSpare; --left)
      spare_.pop_back();
    closed = true;
  }
  const bool retired = std::any_of(shards_.begin(), shards_.end(), [](const auto& s) { return s->retired; });
  if (!retired) old_egress_.clear();
}

HttpClientStats HttpClient::Impl::stats() const {
  HttpClientStats stats = counted_;
  stats.in_flight = transfers_.size();
  stats.shards = shards_.size();
  for (const auto& shard : shards_) {
    stats.connections += shard->sockets;
    stats.connections_opened += shard->sockets_opened;
  }
  return stats;
}

}  // namespace capeai::net
