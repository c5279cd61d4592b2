// A circuit breaker for one provider: after several faults in a row nothing is
// sent for a while, then one probe decides. A plain struct that may live in
// shared memory, zeroed (closed); the caller locks.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/time.hpp"

namespace capeai::policy {

struct BreakerSettings {
  int32_t threshold = 5;                                  // faults in a row that open it
  Duration cooldown = std::chrono::seconds(5);            // first pause; doubles each time a probe fails
  Duration max_cooldown = std::chrono::minutes(5);        // longest pause
  Duration probe_timeout = std::chrono::minutes(2);       // a probe without an answer is lost
  Duration probe_check = std::chrono::milliseconds(500);  // while a probe is under way: when to ask again
};

struct CircuitBreaker {
  enum class State : int32_t { kClosed = 0, kOpen, kHalfOpen };
  State state = State::kClosed;
  int32_t faults = 0;    // in a row
  int32_t openings = 0;  // since it was last closed
  int32_t reserved = 0;
  MonoTime until{};    // open: end of the pause; half-open: when the probe counts as lost
  MonoTime changed{};  // when it was opened, closed, or sent its probe

  // May a request go out now? In the half-open state only one may: the caller
  // who gets `true` is the probe.
  bool Allow(const BreakerSettings& settings, MonoTime now);

  // When Allow() is worth asking again; `now` if it may succeed at once. While a
  // probe is under way soon, and not only when that is lost.
  MonoTime NextTry(const BreakerSettings& settings, MonoTime now) const;

  // The provider answered sensibly (also with a 4xx: then it is the request's fault,
  // or there were too many).
  void OnSuccess(MonoTime now);

  // The provider failed a request that went out at `sent`: 5xx, transport. Not for
  // 429, which is an answer. What went out before the breaker last changed says nothing
  // of the time since, and changes nothing.
  void OnFault(const BreakerSettings& settings, MonoTime sent, MonoTime now);

  // A request that went out at `sent` was dropped before an answer: if it was the
  // probe, another may go.
  void OnAbandoned(MonoTime sent, MonoTime now);
};
static_assert(std::is_trivially_copyable_v<CircuitBreaker> && std::is_standard_layout_v<CircuitBreaker>);

}  // namespace capeai::policy
