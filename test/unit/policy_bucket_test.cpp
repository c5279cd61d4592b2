#include "policy/bucket.hpp"

#include <gtest/gtest.h>

namespace capeai::policy {
namespace {

using namespace std::chrono_literals;

const MonoTime kStart{std::chrono::hours(100)};

TokenBucket PerMinute(double n) {
  TokenBucket bucket;
  bucket.SetPerMinute(n, kStart);
  return bucket;
}

TEST(PolicyBucket, ZeroedItLetsEverythingThrough) {
  TokenBucket bucket{};
  EXPECT_TRUE(bucket.TryTake(1e12, kStart));
  EXPECT_EQ(bucket.WaitFor(1e12, kStart), 0s);
}

TEST(PolicyBucket, BurstThenRate) {
  TokenBucket bucket = PerMinute(60);
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(bucket.TryTake(1, kStart)) << i;
  EXPECT_FALSE(bucket.TryTake(1, kStart));
  EXPECT_EQ(bucket.WaitFor(1, kStart), 1s);
  EXPECT_FALSE(bucket.TryTake(1, kStart + 999ms));
  EXPECT_TRUE(bucket.TryTake(1, kStart + 1s));
  EXPECT_EQ(bucket.WaitFor(10, kStart + 1s), 10s);
}

// However the takes are spread, never more than the burst and the rate allow.
TEST(PolicyBucket, NeverMoreThanAllowed) {
  TokenBucket bucket = PerMinute(600);
  int taken = 0;
  for (int ms = 0; ms <= 120000; ms += 7) taken += bucket.TryTake(1, kStart + std::chrono::milliseconds(ms));
  EXPECT_LE(taken, 600 + 1200);
  EXPECT_GE(taken, 600 + 1190);
}

TEST(PolicyBucket, ALargeRequestIsSlowButPossible) {
  TokenBucket bucket = PerMinute(60);
  EXPECT_TRUE(bucket.TryTake(90, kStart));
  EXPECT_FALSE(bucket.TryTake(1, kStart + 30s));
  EXPECT_TRUE(bucket.TryTake(1, kStart + 31s));
  EXPECT_FALSE(bucket.TryTake(90, kStart + 40s));
  EXPECT_EQ(bucket.WaitFor(90, kStart + 40s), 51s);
  EXPECT_TRUE(bucket.TryTake(90, kStart + 91s));
}

TEST(PolicyBucket, WaitForIsEnough) {
  TokenBucket bucket = PerMinute(7);
  MonoTime now = kStart;
  for (int i = 0; i < 100; ++i) {
    now += bucket.WaitFor(1, now);
    ASSERT_TRUE(bucket.TryTake(1, now)) << i;
  }
  EXPECT_NEAR(Seconds(now - kStart), (100 - 7) * 60.0 / 7, 0.01);
}

TEST(PolicyBucket, AdjustAndLearn) {
  TokenBucket bucket = PerMinute(60);
  EXPECT_TRUE(bucket.TryTake(50, kStart));
  bucket.Adjust(20, kStart);
  EXPECT_NEAR(bucket.Available(kStart), 30, 1e-6);
  bucket.Adjust(-40, kStart);
  EXPECT_NEAR(bucket.Available(kStart), -10, 1e-6);
  bucket.Adjust(1000, kStart);
  EXPECT_NEAR(bucket.Available(kStart), 60, 1e-6);
  bucket.Learn(5, kStart);
  EXPECT_NEAR(bucket.Available(kStart), 5, 1e-6);
  bucket.Learn(50, kStart);
  EXPECT_NEAR(bucket.Available(kStart), 5, 1e-6) << "others may be on their way";
}

TEST(PolicyBucket, AnotherLimitKeepsWhatIsInUse) {
  TokenBucket bucket = PerMinute(60);
  EXPECT_TRUE(bucket.TryTake(40, kStart));
  bucket.SetPerMinute(60, kStart);
  EXPECT_NEAR(bucket.Available(kStart), 20, 1e-6);
  bucket.SetPerMinute(100, kStart);
  EXPECT_NEAR(bucket.Available(kStart), 60, 1e-6);
  bucket.SetPerMinute(10, kStart);
  EXPECT_NEAR(bucket.Available(kStart), -30, 1e-6);
  bucket.SetPerMinute(0, kStart);
  EXPECT_TRUE(bucket.TryTake(1e9, kStart));
}

TEST(PolicyBucket, TimeGoingBackGivesNothing) {
  TokenBucket bucket = PerMinute(60);
  EXPECT_TRUE(bucket.TryTake(60, kStart));
  EXPECT_FALSE(bucket.TryTake(1, kStart - 1h));
  EXPECT_FALSE(bucket.TryTake(1, kStart));
}

}  // namespace
}  // namespace capeai::policy
