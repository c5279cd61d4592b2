#include "policy/breaker.hpp"

#include <algorithm>

namespace capeai::policy {
namespace {

Duration PauseFor(const BreakerSettings& settings, int32_t openings) {
  Duration pause = std::min(settings.cooldown, settings.max_cooldown);
  for (int32_t i = 1; i < openings && pause < settings.max_cooldown; ++i)
    pause = std::min(pause * 2, settings.max_cooldown);
  return pause;
}

}  // namespace

bool CircuitBreaker::Allow(const BreakerSettings& settings, MonoTime now) {
  if (state == State::kClosed) return true;
  if (now < until) return false;
  // The pause is over, or the last probe is lost.
  state = State::kHalfOpen;
  until = now + settings.probe_timeout;
  return true;
}

MonoTime CircuitBreaker::NextTry(MonoTime now) const {
  return state == State::kClosed ? now : std::max(now, until);
}

void CircuitBreaker::OnSuccess() { *this = CircuitBreaker{}; }

void CircuitBreaker::OnFault(const BreakerSettings& settings, MonoTime now) {
  // Late answers of requests that went out before it opened change nothing.
  if (state == State::kOpen) return;
  ++faults;
  if (state == State::kClosed && faults < settings.threshold) return;
  state = State::kOpen;
  ++openings;
  until = now + PauseFor(settings, openings);
}

void CircuitBreaker::OnAbandoned(MonoTime now) {
  if (state != State::kHalfOpen) return;
  state = State::kOpen;
  until = now;
}

}  // namespace capeai::policy
