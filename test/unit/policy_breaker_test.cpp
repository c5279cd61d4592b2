#include "policy/breaker.hpp"

#include <gtest/gtest.h>

namespace capeai::policy {
namespace {

using namespace std::chrono_literals;

const MonoTime kStart{std::chrono::hours(100)};
const BreakerSettings kSettings;

CircuitBreaker Opened() {
  CircuitBreaker breaker{};
  for (int i = 0; i < kSettings.threshold; ++i) breaker.OnFault(kSettings, kStart, kStart);
  return breaker;
}

TEST(PolicyBreaker, OpensAfterFaultsInARow) {
  CircuitBreaker breaker{};
  for (int i = 0; i < kSettings.threshold - 1; ++i) breaker.OnFault(kSettings, kStart, kStart);
  EXPECT_TRUE(breaker.Allow(kSettings, kStart));
  breaker.OnSuccess(kStart);
  for (int i = 0; i < kSettings.threshold - 1; ++i) breaker.OnFault(kSettings, kStart, kStart);
  EXPECT_TRUE(breaker.Allow(kSettings, kStart)) << "a success between them counts";
  breaker.OnFault(kSettings, kStart, kStart);
  EXPECT_FALSE(breaker.Allow(kSettings, kStart));
  EXPECT_EQ(breaker.NextTry(kSettings, kStart), kStart + 5s);
}

TEST(PolicyBreaker, OneProbeDecides) {
  CircuitBreaker breaker = Opened();
  EXPECT_FALSE(breaker.Allow(kSettings, kStart + 4999ms));
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 5s));
  EXPECT_FALSE(breaker.Allow(kSettings, kStart + 5s)) << "only one";
  breaker.OnSuccess(kStart + 6s);
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 6s));
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 6s));
  EXPECT_EQ(breaker.NextTry(kSettings, kStart + 6s), kStart + 6s);
}

TEST(PolicyBreaker, ThePauseGrowsToItsCap) {
  CircuitBreaker breaker = Opened();
  MonoTime now = kStart;
  Duration last = 0s;
  for (int i = 0; i < 12; ++i) {
    const Duration pause = breaker.NextTry(kSettings, now) - now;
    EXPECT_EQ(pause, std::min<Duration>(i == 0 ? 5s : last * 2, kSettings.max_cooldown));
    last = pause;
    now += pause;
    ASSERT_TRUE(breaker.Allow(kSettings, now));
    breaker.OnFault(kSettings, now, now);
  }
  breaker.OnSuccess(now);
  for (int i = 0; i < kSettings.threshold; ++i) breaker.OnFault(kSettings, now, now);
  EXPECT_EQ(breaker.NextTry(kSettings, now) - now, 5s) << "closed, it begins anew";
}

TEST(PolicyBreaker, LateFaultsDoNotProlongThePause) {
  CircuitBreaker breaker = Opened();
  for (int i = 0; i < 100; ++i) breaker.OnFault(kSettings, kStart, kStart + 4s);
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 5s));
}

TEST(PolicyBreaker, ALostProbeIsReplaced) {
  CircuitBreaker breaker = Opened();
  ASSERT_TRUE(breaker.Allow(kSettings, kStart + 5s));
  EXPECT_FALSE(breaker.Allow(kSettings, kStart + 5s + kSettings.probe_timeout - 1us));
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 5s + kSettings.probe_timeout));
  EXPECT_FALSE(breaker.Allow(kSettings, kStart + 5s + kSettings.probe_timeout));
  breaker.OnAbandoned(kStart + 300s, kStart + 300s);
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 300s));
}

TEST(PolicyBreaker, WhileTheProbeIsUnderWayItIsAskedAgainSoon) {
  CircuitBreaker breaker = Opened();
  ASSERT_TRUE(breaker.Allow(kSettings, kStart + 5s));
  EXPECT_EQ(breaker.NextTry(kSettings, kStart + 5s), kStart + 5s + kSettings.probe_check)
      << "not only when the probe counts as lost";
}

TEST(PolicyBreaker, WhatWasSentBeforeTheProbeDoesNotDecideForIt) {
  CircuitBreaker breaker = Opened();
  ASSERT_TRUE(breaker.Allow(kSettings, kStart + 5s));
  for (int i = 0; i < 100; ++i) breaker.OnFault(kSettings, kStart, kStart + 6s);
  breaker.OnAbandoned(kStart, kStart + 6s);
  EXPECT_FALSE(breaker.Allow(kSettings, kStart + 6s)) << "the probe is still under way";
  breaker.OnSuccess(kStart + 7s);
  for (int i = 0; i < 100; ++i) breaker.OnFault(kSettings, kStart + 6s, kStart + 8s);
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 8s)) << "nor do late faults open it again";
}

TEST(PolicyBreaker, ALateAnswerShowsThatItLives) {
  CircuitBreaker breaker = Opened();
  breaker.OnSuccess(kStart + 1s);
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 1s));
}

}  // namespace
}  // namespace capeai::policy
