#include "policy/retry.hpp"

#include <gtest/gtest.h>

namespace capeai::policy {
namespace {

using namespace std::chrono_literals;

RetryInput Input(Fault fault, int failures, double random) {
  RetryInput input;
  input.fault = fault;
  input.failures = failures;
  input.random = random;
  return input;
}

TEST(PolicyRetry, TheCeilingDoublesUpToTheCap) {
  const RetrySettings settings;
  EXPECT_EQ(BackoffCeiling(settings, 0), 1s);
  EXPECT_EQ(BackoffCeiling(settings, 1), 1s);
  EXPECT_EQ(BackoffCeiling(settings, 2), 2s);
  EXPECT_EQ(BackoffCeiling(settings, 9), 256s);
  EXPECT_EQ(BackoffCeiling(settings, 10), 5min);
  EXPECT_EQ(BackoffCeiling(settings, 1000000), 5min);
}

TEST(PolicyRetry, FullJitter) {
  const RetrySettings settings;
  EXPECT_EQ(RetryDelay(settings, Input(Fault::kTransient, 3, 0)), 0s);
  EXPECT_EQ(RetryDelay(settings, Input(Fault::kTransient, 3, 0.5)), 2s);
  EXPECT_LE(RetryDelay(settings, Input(Fault::kTransient, 3, 0.999)), 4s);
}

TEST(PolicyRetry, RetryAfterIsTheLeast) {
  const RetrySettings settings;
  RetryInput input = Input(Fault::kPaused, 1, 0);
  input.retry_after = 2s;
  EXPECT_EQ(RetryDelay(settings, input), 2s);
  input.random = 0.5;
  EXPECT_EQ(RetryDelay(settings, input), 2500ms) << "those told the same do not come back as one";
  input.retry_after = -5s;
  EXPECT_EQ(RetryDelay(settings, input), 500ms);
}

TEST(PolicyRetry, APauseAlwaysWaits) {
  EXPECT_EQ(RetryDelay({}, Input(Fault::kPaused, 1, 0)), 1s);
  EXPECT_EQ(RetryDelay({}, Input(Fault::kPaused, 3, 0.5)), 3s);
}

TEST(PolicyRetry, WhenToGiveUp) {
  const RetrySettings settings;
  EXPECT_FALSE(DecideRetry(settings, Input(Fault::kPermanent, 1, 0.5)).has_value());
  EXPECT_TRUE(DecideRetry(settings, Input(Fault::kTransient, 2, 0.5)).has_value());
  EXPECT_FALSE(DecideRetry(settings, Input(Fault::kTransient, 3, 0.5)).has_value());
  EXPECT_TRUE(DecideRetry(settings, Input(Fault::kPaused, 1000, 0.5)).has_value())
      << "a pause is not charged";
  RetryInput late = Input(Fault::kTransient, 1, 0.5);
  late.remaining = 500ms;
  EXPECT_FALSE(DecideRetry(settings, late).has_value());
  late.remaining = 501ms;
  EXPECT_EQ(DecideRetry(settings, late), 500ms);
}

}  // namespace
}  // namespace capeai::policy
