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
  changed = now;
  return true;
}

MonoTime CircuitBreaker::NextTry(const BreakerSettings& settings, MonoTime now) const {
  if (state == State::kClosed) return now;
  const MonoTime next = std::max(now, until);
  return state == State::kHalfOpen ? std::min(next, now + settings.probe_check) : next;
}

void CircuitBreaker::OnSuccess(MonoTime now) {
  const bool was_closed = state == State::kClosed;
  const MonoTime since = changed;
  *this = CircuitBreaker{};
  changed = was_closed ? since : now;
}

void CircuitBreaker::OnFault(const BreakerSettings& settings, MonoTime sent, MonoTime now) {
  if (state == State::kOpen || sent < changed) return;
  ++faults;
  if (state == State::kClosed && faults < settings.threshold) return;
  state = State::kOpen;
  ++openings;
  until = now + PauseFor(settings, openings);
  changed = now;
}

void CircuitBreaker::OnAbandoned(MonoTime sent, MonoTime now) {
  if (state != State::kHalfOpen || sent < changed) return;
  state = State::kOpen;
  until = now;
}

}  // namespace capeai::policy
