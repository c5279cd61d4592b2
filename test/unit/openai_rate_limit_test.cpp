#include "openai/rate_limit.hpp"

#include <gtest/gtest.h>

namespace capeai {
namespace {

using namespace std::chrono_literals;

// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
const WallTime kExample{std::chrono::seconds(784111777)};

std::optional<Duration> After(std::string_view value, WallTime now = kExample) {
  return RetryAfter({{"Retry-After", std::string(value)}}, now);
}

TEST(OpenaiRateLimit, RetryAfterSeconds) {
  EXPECT_EQ(After("0"), 0s);
  EXPECT_EQ(After("120"), 120s);
  EXPECT_EQ(After(" 1.5 "), 1500ms);
  EXPECT_EQ(After("99999999999999999999"), kMaxRetryAfter);
  for (const auto text : {"", "soon", "-1", "1s", "1 2", "1.2.3", ".", "nan", "inf"})
    EXPECT_FALSE(After(text).has_value()) << text;
}

TEST(OpenaiRateLimit, RetryAfterDate) {
  EXPECT_EQ(After("Sun, 06 Nov 1994 08:49:40 GMT"), 3s);
  EXPECT_EQ(After("Sun, 06 Nov 1994 08:49:00 GMT"), 0s) << "in the past";
  EXPECT_EQ(After("Sun, 06 Nov 2094 08:49:40 GMT"), kMaxRetryAfter);
}

TEST(OpenaiRateLimit, TheLongerOfBothCounts) {
  EXPECT_EQ(RetryAfter({{"retry-after-ms", "0"}, {"retry-after", "1"}}, kExample), 1s);
  EXPECT_EQ(RetryAfter({{"retry-after-ms", "1500"}, {"retry-after", "1"}}, kExample), 1500ms);
  EXPECT_EQ(RetryAfter({{"Retry-After-Ms", "20"}}, kExample), 20ms);
  EXPECT_FALSE(RetryAfter({{"retry-after-ms", "x"}}, kExample).has_value());
}

TEST(OpenaiRateLimit, HttpDates) {
  EXPECT_EQ(ParseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), kExample);
  EXPECT_EQ(ParseHttpDate("Sunday, 06-Nov-94 08:49:37 GMT"), kExample);
  EXPECT_EQ(ParseHttpDate("Sun Nov  6 08:49:37 1994"), kExample);
  for (const auto text : {"", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
                          "Sun, 06 Nov 1994 08:49:37 CET", "06 Nov 1994", "Sun, 06 Nox 1994 08:49:37 GMT"})
    EXPECT_FALSE(ParseHttpDate(text).has_value()) << text;
}

TEST(OpenaiRateLimit, Durations) {
  EXPECT_EQ(ParseDuration("6m0s"), 6min);
  EXPECT_EQ(ParseDuration("1s"), 1s);
  EXPECT_EQ(ParseDuration("20ms"), 20ms);
  EXPECT_EQ(ParseDuration("1h2m3.5s"), 1h + 2min + 3500ms);
  EXPECT_EQ(ParseDuration("7.66s"), 7660ms);
  EXPECT_EQ(ParseDuration("59.7"), 59700ms);
  EXPECT_EQ(ParseDuration("2d"), 24h) << "at most a day";
  for (const auto text : {"", "s", "1x", "m1", "1m2", "-1s"})
    EXPECT_FALSE(ParseDuration(text).has_value()) << text;
}

TEST(OpenaiRateLimit, Windows) {
  const RateLimits limits = ReadRateLimits({{"X-RateLimit-Limit-Requests", "14400"},
                                            {"x-ratelimit-remaining-requests", "14399"},
                                            {"x-ratelimit-reset-requests", "6s"},
                                            {"x-ratelimit-remaining-tokens", "-1"},
                                            {"x-ratelimit-reset-tokens", "30ms"}});
  EXPECT_EQ(limits.requests.limit, 14400);
  EXPECT_EQ(limits.requests.remaining, 14399);
  EXPECT_EQ(limits.requests.reset, 6s);
  EXPECT_FALSE(limits.tokens.limit.has_value());
  EXPECT_FALSE(limits.tokens.remaining.has_value());
  EXPECT_EQ(limits.tokens.reset, 30ms);
}

}  // namespace
}  // namespace capeai
