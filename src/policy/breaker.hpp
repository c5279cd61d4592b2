// A circuit breaker for one provider: after several faults in a row nothing is
// sent for a while, then one probe decides. A plain struct that may live in
// shared memory, zeroed (closed); the caller locks.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/time.hpp"

namespace capeai::policy {

struct BreakerSettings {
  int32_t threshold = 5;                        // faults in a row that open it
  Duration cooldown = std::chrono::seconds(5);  // first pause; doubles each time a probe fails
  Duration max_cooldown = std::chrono::minutes(5);
  Duration probe_timeout = std::chrono::minutes(2);  // a probe without an answer (its process died) is lost
};

struct CircuitBreaker {
  enum class State : int32_t { kClosed = 0, kOpen, kHalfOpen };
  State state = State::kClosed;
  int32_t faults = 0;    // in a row
  int32_t openings = 0;  // since it was last closed
  int32_t reserved = 0;
  MonoTime until{};  // open: end of the pause; half-open: when the probe counts as lost

  // May a request go out now? In the half-open state only one may: the caller
  // who gets `true` is the probe.
  bool Allow(const BreakerSettings& settings, MonoTime now);

  // When Allow() is worth asking again; `now` if it may succeed at once.
  MonoTime NextTry(MonoTime now) const;

  // The provider answered sensibly (also with a 4xx that is the request's fault).
  void OnSuccess();

  // The provider failed: 5xx, transport. Not for 429 (see Cooldown).
  void OnFault(const BreakerSettings& settings, MonoTime now);

  // The probe was dropped before an answer: another may go.
  void OnAbandoned(MonoTime now);
};
static_assert(std::is_trivially_copyable_v<CircuitBreaker> && std::is_standard_layout_v<CircuitBreaker>);

// A pause that a 429 asked for: nothing is sent to the provider before its end.
struct Cooldown {
  MonoTime until{};

  void Extend(MonoTime to) {
    if (to > until) until = to;
  }
  bool Active(MonoTime now) const { return now < until; }
};
static_assert(std::is_trivially_copyable_v<Cooldown>);

}  // namespace capeai::policy
