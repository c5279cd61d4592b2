#include "worker/provider_state.hpp"

#include <algorithm>
#include <functional>

namespace capeai::worker {
namespace {

constexpr int kFaultsToOpen = 5;
constexpr Duration kFirstOpen = std::chrono::seconds(2);
constexpr Duration kLongestOpen = std::chrono::minutes(2);
constexpr Duration kDefaultPause = std::chrono::seconds(1);

MonoTime At(int64_t micros) { return MonoTime(Duration(micros)); }
int64_t Micros(MonoTime t) { return t.time_since_epoch().count(); }

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

std::optional<ProviderGate::Closed> ProviderGate::Check(MonoTime now) {
  if (!state_) return std::nullopt;
  const MonoTime paused = At(state_->paused_until.load());
  if (paused > now) return Closed{"provider_paused", paused - now};
  const int64_t open = state_->open_until.load();
  if (open == 0) return std::nullopt;
  if (At(open) > now) return Closed{"circuit_open", At(open) - now};
  // Half open: one request may probe. Whoever moves the end of the pause is it.
  int64_t expected = open;
  if (state_->open_until.compare_exchange_strong(expected, Micros(now + kFirstOpen))) return std::nullopt;
  return Closed{"circuit_open", kFirstOpen};
}

void ProviderGate::OnSuccess() {
  if (!state_) return;
  state_->consecutive_faults.store(0);
  state_->open_until.store(0);
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
  if (!fault) {
    // The provider answered: whatever is wrong, it is not down.
    if (error.status != 0) OnSuccess();
    return;
  }
  const int faults = state_->consecutive_faults.fetch_add(1) + 1;
  if (faults < kFaultsToOpen) return;
  const int doublings = std::min(faults / kFaultsToOpen - 1, 6);
  state_->open_until.store(Micros(now + std::min(kFirstOpen * (1 << doublings), kLongestOpen)));
}

}  // namespace capeai::worker
