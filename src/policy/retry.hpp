// Whether and when to try again. The clock and the dice come in as arguments.
#pragma once

#include <optional>

#include "base/time.hpp"

namespace capeai::policy {

enum class Fault {
  kPermanent,  // the same request would fail again
  kTransient,  // 408, 409, 5xx, transport: charged as a failure
  kPaused,     // 429 or a provider pause: waits, but charges nothing
};

struct RetrySettings {
  Duration base = std::chrono::seconds(1);  // ceiling of the first delay; doubles with each failure
  Duration cap = std::chrono::minutes(5);   // highest ceiling
  int max_attempts = 3;                     // failures that are charged, 1..
};

struct RetryInput {
  Fault fault = Fault::kTransient;
  int failures = 1;                     // charged failures including this one; of a pause, pauses in a row
  double random = 0;                    // in [0, 1)
  std::optional<Duration> retry_after;  // what the server asked for: the least delay
  std::optional<Duration> remaining;    // time left before the task's deadline
};

// Upper end of the delay after `failures` failures: base * 2^(failures - 1), at most the cap.
Duration BackoffCeiling(const RetrySettings& settings, int failures);

// Exponential backoff with full jitter: random * ceiling. With retry_after, that
// plus random * base, so that those who were told the same do not come back as
// one. A pause without retry_after waits at least base.
Duration RetryDelay(const RetrySettings& settings, const RetryInput& input);

// The delay, or empty: give up (permanent, attempts used up, or the deadline
// would pass before the next try).
std::optional<Duration> DecideRetry(const RetrySettings& settings, const RetryInput& input);

}  // namespace capeai::policy
