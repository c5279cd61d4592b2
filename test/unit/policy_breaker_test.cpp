#include "policy/breaker.hpp"

#include <gtest/gtest.h>

namespace capeai::policy {
namespace {

using namespace std::chrono_literals;

const MonoTime kStart{std::chrono::hours(100)};
const BreakerSettings kSettings;

CircuitBreaker Opened() {
  CircuitBreaker breaker{};
  for (int i = 0; i < kSettings.threshold; ++i) breaker.OnFault(kSettings, kStart);
  return breaker;
}

TEST(PolicyBreaker, OpensAfterFaultsInARow) {
  CircuitBreaker breaker{};
  for (int i = 0; i < kSettings.threshold - 1; ++i) breaker.OnFault(kSettings, kStart);
  EXPECT_TRUE(breaker.Allow(kSettings, kStart));
  breaker.OnSuccess();
  for (int i = 0; i < kSettings.threshold - 1; ++i) breaker.OnFault(kSettings, kStart);
  EXPECT_TRUE(breaker.Allow(kSettings, kStart)) << "a success between them counts";
  breaker.OnFault(kSettings, kStart);
  EXPECT_FALSE(breaker.Allow(kSettings, kStart));
  EXPECT_EQ(breaker.NextTry(kStart), kStart + 5s);
}

TEST(PolicyBreaker, OneProbeDecides) {
  CircuitBreaker breaker = Opened();
  EXPECT_FALSE(breaker.Allow(kSettings, kStart + 4999ms));
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 5s));
  EXPECT_FALSE(breaker.Allow(kSettings, kStart + 5s)) << "only one";
  breaker.OnSuccess();
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 6s));
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 6s));
  EXPECT_EQ(breaker.NextTry(kStart + 6s), kStart + 6s);
}

TEST(PolicyBreaker, ThePauseGrowsToItsCap) {
  CircuitBreaker breaker = Opened();
  MonoTime now = kStart;
  Duration last = 0s;
  for (int i = 0; i < 12; ++i) {
    const Duration pause = breaker.NextTry(now) - now;
    EXPECT_EQ(pause, std::min<Duration>(i == 0 ? 5s : last * 2, kSettings.max_cooldown));
    last = pause;
    now += pause;
    ASSERT_TRUE(breaker.Allow(kSettings, now));
    breaker.OnFault(kSettings, now);
  }
  breaker.OnSuccess();
  for (int i = 0; i < kSettings.threshold; ++i) breaker.OnFault(kSettings, now);
  EXPECT_EQ(breaker.NextTry(now) - now, 5s) << "closed, it begins anew";
}

TEST(PolicyBreaker, LateFaultsDoNotProlongThePause) {
  CircuitBreaker breaker = Opened();
  for (int i = 0; i < 100; ++i) breaker.OnFault(kSettings, kStart + 4s);
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 5s));
}

TEST(PolicyBreaker, ALostProbeIsReplaced) {
  CircuitBreaker breaker = Opened();
  ASSERT_TRUE(breaker.Allow(kSettings, kStart + 5s));
  EXPECT_FALSE(breaker.Allow(kSettings, kStart + 5s + kSettings.probe_timeout - 1us));
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 5s + kSettings.probe_timeout));
  EXPECT_FALSE(breaker.Allow(kSettings, kStart + 5s + kSettings.probe_timeout));
  breaker.OnAbandoned(kStart + 300s);
  EXPECT_TRUE(breaker.Allow(kSettings, kStart + 300s));
}

TEST(PolicyBreaker, Cooldown) {
  Cooldown cooldown{};
  EXPECT_FALSE(cooldown.Active(kStart));
  cooldown.Extend(kStart + 2s);
  cooldown.Extend(kStart + 1s);
  EXPECT_TRUE(cooldown.Active(kStart + 1999ms));
  EXPECT_FALSE(cooldown.Active(kStart + 2s));
}

}  // namespace
}  // namespace capeai::policy
