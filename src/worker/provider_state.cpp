#include "worker/provider_state.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

#include "pg/process.hpp"

namespace capeai::worker {
namespace {

constexpr policy::BreakerSettings kBreaker{.threshold = 5,
                                           .cooldown = std::chrono::seconds(1),
                                           .max_cooldown = std::chrono::minutes(2),
                                           .probe_timeout = std::chrono::minutes(2)};
constexpr Duration kDefaultPause = std::chrono::seconds(1);

MonoTime At(int64_t micros) { return MonoTime(Duration(micros)); }
int64_t Micros(MonoTime t) { return t.time_since_epoch().count(); }

// The breaker in shared memory, as policy/ has it. The lock is tried, never waited
// for: if a process was stopped while it held it, the others go on as if the
// circuit were closed.
class LockedBreaker {
 public:
  explicit LockedBreaker(pg::ProviderState* state) : state_(state) {
    for (int tries = 0; tries < 1000; ++tries) {
      uint32_t free = 0;
      if (!state->lock.compare_exchange_weak(free, 1, std::memory_order_acquire)) continue;
      static_assert(sizeof(policy::CircuitBreaker) <= sizeof state->breaker);
      std::memcpy(&breaker_, state->breaker, sizeof breaker_);
      locked_ = true;
      return;
    }
  }
  ~LockedBreaker() {
    if (!locked_) return;
    std::memcpy(state_->breaker, &breaker_, sizeof breaker_);
    state_->open_until.store(
        breaker_.state == policy::CircuitBreaker::State::kClosed ? 0 : Micros(breaker_.until));
    state_->consecutive_faults.store(breaker_.faults);
    state_->lock.store(0, std::memory_order_release);
  }
  LockedBreaker(const LockedBreaker&) = delete;
  LockedBreaker& operator=(const LockedBreaker&) = delete;

  explicit operator bool() const { return locked_; }
  policy::CircuitBreaker* operator->() { return &breaker_; }

 private:
  pg::ProviderState* state_;
  policy::CircuitBreaker breaker_;
  bool locked_ = false;
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
  return Closed{"circuit_open", At(open) - now};
}

std::optional<ProviderGate::Closed> ProviderGate::Enter(MonoTime now) {
  if (const auto closed = Peek(now)) return closed;
  if (!state_ || state_->open_until.load() == 0) return std::nullopt;
  LockedBreaker breaker(state_);
  if (!breaker) return std::nullopt;
  if (breaker->Allow(kBreaker, now)) {
    state_->prober.store(pg::ThisPid());
    return std::nullopt;
  }
  return Closed{"circuit_open", breaker->NextTry(now) - now};
}

void ProviderGate::OnSuccess() {
  if (!state_ || (state_->consecutive_faults.load() == 0 && state_->open_until.load() == 0)) return;
  if (LockedBreaker breaker(state_); breaker) breaker->OnSuccess();
}

void ProviderGate::OnAbandoned(MonoTime now) {
  if (!state_ || state_->open_until.load() == 0) return;
  if (LockedBreaker breaker(state_); breaker) breaker->OnAbandoned(now);
}

void ReleaseProbes() {
  for (pg::ProviderState& state : pg::SharedMemory()->providers) {
    if (state.prober.load() != pg::ThisPid() || state.open_until.load() == 0) continue;
    if (LockedBreaker breaker(&state); breaker) breaker->OnAbandoned(MonoNow());
  }
}

void ProviderGate::OnError(const ChatError& error, MonoTime now) {
  if (!state_) return;
  if (error.provider_wide) {
    const int64_t until = Micros(now + std::max(error.retry_after.value_or(kDefaultPause), Duration(0)));
    int64_t seen = state_->paused_until.load();
    while (seen < until && !state_->paused_until.compare_exchange_weak(seen, until)) {
    }
    return;
  }
  const bool fault = error.kind == ChatError::Kind::kTransport || error.kind == ChatError::Kind::kTimeout ||
                     error.status >= 500;
  if (fault) {
    if (LockedBreaker breaker(state_); breaker) breaker->OnFault(kBreaker, now);
  } else if (error.status != 0) {
    OnSuccess();  // it answered: whatever is wrong, the provider is not down
  }
}

}  // namespace capeai::worker
