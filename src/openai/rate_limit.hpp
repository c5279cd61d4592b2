// What a server says about its limits: Retry-After and the x-ratelimit-*
// headers. Sources: RFC 9110 sections 5.6.7 and 10.2.3; OpenAI's guide "Rate
// limits", section "Rate limits in headers"; retry-after-ms as OpenAI's own
// clients read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.hpp"
#include "openai/headers.hpp"

namespace capeai {

// Longer waits are cut to this: nobody can tell a server's mistake from its
// wish, and a task that must wait longer is asked to again after it.
inline constexpr Duration kMaxRetryAfter = std::chrono::hours(1);

// How long to wait before the next request, 0..kMaxRetryAfter: the longer of
// `retry-after-ms` and `Retry-After` (seconds or an HTTP date, counted from
// `now`; a date in the past is 0). Empty if neither is there or readable.
std::optional<Duration> RetryAfter(const Headers& headers, WallTime now);

// A limit and what is left of it; empty where the server did not say.
struct RateWindow {
  std::optional<int64_t> limit;
  std::optional<int64_t> remaining;
  std::optional<Duration> reset;  // until it is full again, at most a day
};
struct RateLimits {
  RateWindow requests;
  RateWindow tokens;
};
RateLimits ReadRateLimits(const Headers& headers);

// A duration such as "6m0s", "1h2m3.5s", "20ms", "59.7" (seconds). Empty if it
// is anything else; at most a day.
std::optional<Duration> ParseDuration(std::string_view text);

// An HTTP date in any of the three forms of RFC 9110; empty if it is none.
std::optional<WallTime> ParseHttpDate(std::string_view text);

}  // namespace capeai
