#include "worker/provider_state.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

#include "pg/process.hpp"

namespace capeai::worker {
namespace {

// One request in ten seconds costs a provider in trouble nothing, and when it is
// back its tasks wait no longer than that.
constexpr policy::BreakerSettings kBreaker{.threshold = 5,
                                           .cooldown = std::chrono::seconds(1),
                                           .max_cooldown = std::chrono::seconds(10),
                                           .probe_timeout = std::chrono::minutes(2),
                                           .probe_check = std::chrono::milliseconds(500)};
constexpr Duration kDefaultPause = std::chrono::seconds(1);
// A limit of zero: asked again, should the limit change.
constexpr Duration kNothingAllowed = std::chrono::minutes(1);

MonoTime At(int64_t micros) { return MonoTime(Duration(micros)); }
int64_t Micros(MonoTime t) { return t.time_since_epoch().count(); }

// The lock of a state. It is tried, never waited for: if a process was stopped
// while it held it, the others go on as if nothing were known.
class StateLock {
 public:
  explicit StateLock(pg::ProviderState* state) : state_(state) {
    for (int tries = 0; tries < 1000 && !locked_; ++tries) {
      uint32_t free = 0;
      locked_ = state->lock.compare_exchange_weak(free, 1, std::memory_order_acquire);
    }
  }
  ~StateLock() {
    if (locked_) state_->lock.store(0, std::memory_order_release);
  }
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;
  explicit operator bool() const { return locked_; }

 private:
  pg::ProviderState* state_;
  bool locked_ = false;
};

// The breaker in shared memory, as policy/ has it.
class LockedBreaker {
 public:
  explicit LockedBreaker(pg::ProviderState* state) : state_(state), lock_(state) {
    static_assert(sizeof(policy::CircuitBreaker) <= sizeof state->breaker);
    if (lock_) std::memcpy(&breaker_, state->breaker, sizeof breaker_);
  }
  ~LockedBreaker() {
    if (!lock_) return;
    std::memcpy(state_->breaker, &breaker_, sizeof breaker_);
    state_->open_until.store(
        breaker_.state == policy::CircuitBreaker::State::kClosed ? 0 : Micros(breaker_.until));
    if (breaker_.state != policy::CircuitBreaker::State::kHalfOpen) state_->prober.store(0);
    state_->consecutive_faults.store(breaker_.faults);
  }
  LockedBreaker(const LockedBreaker&) = delete;
  LockedBreaker& operator=(const LockedBreaker&) = delete;

  explicit operator bool() const { return static_cast<bool>(lock_); }
  policy::CircuitBreaker* operator->() { return &breaker_; }

 private:
  pg::ProviderState* state_;
  StateLock lock_;  // released after what the destructor writes
  policy::CircuitBreaker breaker_;
};

// The buckets of requests and of tokens, set to a limit. Each database has limits
// of its own; what is used is common to all.
class LockedBuckets {
 public:
  LockedBuckets(pg::ProviderState* state, const PerMinute& limit, MonoTime now)
      : state_(state), lock_(state) {
    static_assert(sizeof(policy::TokenBucket) == sizeof state->buckets[0]);
    if (!lock_) return;
    std::memcpy(&requests, state->buckets[0], sizeof requests);
    std::memcpy(&tokens, state->buckets[1], sizeof tokens);
    fresh = requests.capacity == 0 && tokens.capacity == 0;
    if (limit.requests) requests.SetPerMinute(*limit.requests, now);
    if (limit.tokens) tokens.SetPerMinute(*limit.tokens, now);
  }
  // Without it nothing is changed in shared memory.
  void Keep() {
    if (!lock_) return;
    std::memcpy(state_->buckets[0], &requests, sizeof requests);
    std::memcpy(state_->buckets[1], &tokens, sizeof tokens);
  }
  explicit operator bool() const { return static_cast<bool>(lock_); }

  policy::TokenBucket requests, tokens;
  bool fresh = false;

 private:
  pg::ProviderState* state_;
  StateLock lock_;
};

std::string LabelOf(const std::string& base_url, const std::string& model) {
  const size_t host = base_url.find("://");
  std::string name = host == std::string::npos ? base_url : base_url.substr(host + 3);
  return model + " @ " + name.substr(0, name.find('/'));
}

pg::ProviderState* FindState(uint64_t key, const std::string& label) {
  pg::Shared* shared = pg::SharedMemory();
  if (!shared) return nullptr;
  for (int i = 0; i < pg::kMaxProviders; ++i) {
    pg::ProviderState& state = shared->providers[(key + static_cast<uint64_t>(i)) % pg::kMaxProviders];
    uint64_t found = 0;
    if (state.key.compare_exchange_strong(found, key)) {
      const size_t n = std::min(label.size(), sizeof state.label - 1);
      std::copy_n(label.data(), n, state.label);
      return &state;
    }
    if (found == key) return &state;
  }
  return nullptr;
}

}  // namespace

ProviderGate::ProviderGate(const std::string& base_url, const std::string& key, const std::string& model) {
  const uint64_t hash = std::hash<std::string>{}(base_url + '\n' + key + '\n' + model);
  state_ = FindState(hash ? hash : 1, LabelOf(base_url, model));
}

std::optional<ProviderGate::Closed> ProviderGate::Peek(MonoTime now) const {
  if (!state_) return std::nullopt;
  const MonoTime paused = At(state_->paused_until.load());
  if (paused > now) return Closed{"provider_paused", paused - now};
  const int64_t open = state_->open_until.load();
  if (open == 0 || At(open) <= now) return std::nullopt;
  const int prober = state_->prober.load();
  if (prober == 0) return Closed{"circuit_open", At(open) - now};
  // A probe whose process is gone will have no answer.
  if (!pg::ProcessAlive(prober)) return std::nullopt;
  return Closed{"circuit_open", std::min(At(open) - now, kBreaker.probe_check)};
}

bool ProviderGate::open() const { return state_ && state_->open_until.load() != 0; }

std::optional<ProviderGate::Closed> ProviderGate::Enter(MonoTime now) {
  if (const auto closed = Peek(now)) return closed;
  if (!open()) return std::nullopt;
  LockedBreaker breaker(state_);
  if (!breaker) return std::nullopt;
  if (const int prober = state_->prober.load(); prober != 0 && !pg::ProcessAlive(prober))
    breaker->OnAbandoned(now, now);
  if (!breaker->Allow(kBreaker, now)) return Closed{"circuit_open", breaker->NextTry(kBreaker, now) - now};
  state_->prober.store(pg::ThisPid());
  return std::nullopt;
}

void ProviderGate::OnSuccess(MonoTime now) {
  if (!state_ || (state_->consecutive_faults.load() == 0 && !open())) return;
  if (LockedBreaker breaker(state_); breaker) breaker->OnSuccess(now);
}

void ProviderGate::OnAbandoned(MonoTime sent, MonoTime now) {
  if (!open()) return;
  if (LockedBreaker breaker(state_); breaker) breaker->OnAbandoned(sent, now);
}

int64_t ProviderGate::Allows(const PerMinute& limit, double tokens, MonoTime now, Duration* wait) const {
  constexpr int64_t kMany = 1000000;
  if (!state_ || limit.none()) return kMany;
  if (limit.requests.value_or(1) <= 0 || limit.tokens.value_or(1) <= 0) {
    *wait = kNothingAllowed;
    return 0;
  }
  const LockedBuckets buckets(state_, limit, now);
  if (!buckets) return kMany;
  double most = kMany;
  *wait = Duration(0);
  if (limit.requests) {
    most = std::min(most, buckets.requests.Available(now));
    *wait = std::max(*wait, buckets.requests.WaitFor(1, now));
  }
  if (limit.tokens) {
    const Duration until = buckets.tokens.WaitFor(tokens, now);
    *wait = std::max(*wait, until);
    // What is larger than the bucket goes when that is full.
    most = std::min(
        most, until > Duration(0) ? 0 : std::max(1.0, buckets.tokens.Available(now) / std::max(tokens, 1.0)));
  }
  if (*wait > Duration(0)) return 0;
  return std::max<int64_t>(static_cast<int64_t>(most + 1e-6), 1);
}

std::optional<ProviderGate::Closed> ProviderGate::Take(const PerMinute& limit, double tokens, MonoTime now) {
  if (!state_ || limit.none()) return std::nullopt;
  if (limit.requests.value_or(1) <= 0 || limit.tokens.value_or(1) <= 0)
    return Closed{"rate_limited", kNothingAllowed};
  LockedBuckets buckets(state_, limit, now);
  if (!buckets) return std::nullopt;
  Duration wait{};
  if (limit.requests) wait = std::max(wait, buckets.requests.WaitFor(1, now));
  if (limit.tokens) wait = std::max(wait, buckets.tokens.WaitFor(tokens, now));
  if (wait > Duration(0)) return Closed{"rate_limited", wait};
  if (limit.requests) buckets.requests.TryTake(1, now);
  if (limit.tokens) buckets.tokens.TryTake(tokens, now);
  buckets.Keep();
  return std::nullopt;
}

void ProviderGate::Settle(double surplus, MonoTime now) {
  if (!state_) return;
  LockedBuckets buckets(state_, {}, now);
  buckets.tokens.Adjust(surplus, now);
  buckets.Keep();
}

void ProviderGate::Remember(const PerMinute& limit, double requests, double tokens, MonoTime now) {
  if (!state_ || limit.none()) return;
  LockedBuckets buckets(state_, limit, now);
  if (!buckets.fresh) return;
  buckets.requests.Adjust(-requests, now);
  buckets.tokens.Adjust(-tokens, now);
  buckets.Keep();
}

void ProviderGate::Learn(const RateLimits& limits, MonoTime now) {
  for (const RateWindow& window : {limits.requests, limits.tokens})
    if (window.remaining && *window.remaining <= 0 && window.reset) PauseUntil(now + *window.reset);
}

void ProviderGate::PauseUntil(MonoTime time) {
  if (!state_) return;
  const int64_t until = Micros(time);
  int64_t seen = state_->paused_until.load();
  while (seen < until && !state_->paused_until.compare_exchange_weak(seen, until)) {
  }
}

void ProviderGate::OnError(const ChatError& error, MonoTime sent, MonoTime now) {
  if (!state_) return;
  if (error.provider_wide) PauseUntil(now + std::max(error.retry_after.value_or(kDefaultPause), Duration(0)));
  const bool fault = error.kind == ChatError::Kind::kTransport || error.kind == ChatError::Kind::kTimeout ||
                     error.status >= 500;
  if (fault) {
    if (LockedBreaker breaker(state_); breaker) breaker->OnFault(kBreaker, sent, now);
  } else if (error.status != 0) {
    OnSuccess(now);  // it answered: whatever is wrong, the provider is not down
  } else {
    OnAbandoned(sent, now);  // it never went out
  }
}

}  // namespace capeai::worker
