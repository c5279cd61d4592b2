#include "policy/budget.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace capeai::policy {
namespace {

using namespace std::chrono_literals;

const WallTime kNoon{std::chrono::sys_days(std::chrono::year(2026) / 1 / 2) + 12h};

Budget Of(int64_t limit, Duration window) {
  Budget budget;
  budget.limit = limit;
  budget.window = window;
  return budget;
}

TEST(PolicyBudget, ZeroedThereIsNone) {
  Budget budget{};
  EXPECT_TRUE(budget.Reserve(std::numeric_limits<int64_t>::max(), kNoon));
  EXPECT_TRUE(budget.Reserve(std::numeric_limits<int64_t>::max(), kNoon));
}

TEST(PolicyBudget, FiftyWantWhatTenMayHave) {
  Budget budget = Of(1000, 1min);
  int admitted = 0;
  for (int i = 0; i < 50; ++i) admitted += budget.Reserve(100, kNoon);
  EXPECT_EQ(admitted, 10);
  EXPECT_EQ(budget.reserved, 1000);
}

TEST(PolicyBudget, SettlingGivesBackWhatWasNotUsed) {
  Budget budget = Of(1000, 1min);
  EXPECT_TRUE(budget.Reserve(900, kNoon));
  EXPECT_FALSE(budget.Reserve(200, kNoon));
  budget.Settle(900, 300, kNoon);
  EXPECT_TRUE(budget.Reserve(700, kNoon));
  EXPECT_FALSE(budget.Reserve(1, kNoon));
  budget.Release(700);
  EXPECT_EQ(budget.used, 300);
  EXPECT_EQ(budget.reserved, 0);
}

TEST(PolicyBudget, ANewWindowBeginsAtTheFullMinute) {
  Budget budget = Of(100, 1min);
  EXPECT_TRUE(budget.Reserve(100, kNoon + 59s));
  budget.Settle(100, 100, kNoon + 59s);
  EXPECT_FALSE(budget.Reserve(1, kNoon + 59999ms));
  EXPECT_EQ(budget.NextWindow(kNoon + 59s), kNoon + 60s);
  EXPECT_TRUE(budget.Reserve(100, kNoon + 60s));
}

TEST(PolicyBudget, ReservationsOutliveTheWindow) {
  Budget budget = Of(100, 1min);
  EXPECT_TRUE(budget.Reserve(80, kNoon));
  EXPECT_FALSE(budget.Reserve(30, kNoon + 60s));
  budget.Settle(80, 50, kNoon + 61s);
  EXPECT_EQ(budget.used, 50) << "it counts where it ends";
  EXPECT_TRUE(budget.Reserve(50, kNoon + 62s));
}

TEST(PolicyBudget, ADayEndsAtMidnightUtc) {
  const Budget budget = Of(1, 24h);
  EXPECT_EQ(budget.NextWindow(kNoon), kNoon + 12h);
}

TEST(PolicyBudget, OneLargerThanTheBudgetIsNotStuck) {
  Budget budget = Of(100, 1min);
  EXPECT_TRUE(budget.Reserve(1000, kNoon));
  EXPECT_FALSE(budget.Reserve(1, kNoon));
  budget.Settle(1000, 1000, kNoon);
  EXPECT_FALSE(budget.Reserve(1, kNoon));
}

TEST(PolicyBudget, AClockThatGoesBackGivesNothingTwice) {
  Budget budget = Of(100, 1min);
  budget.Add(100, kNoon + 60s);
  EXPECT_FALSE(budget.Reserve(1, kNoon + 30s));
  EXPECT_FALSE(budget.Reserve(1, kNoon + 60s));
}

TEST(PolicyBudget, OddAmounts) {
  Budget budget = Of(100, 1min);
  budget.Settle(-5, -5, kNoon);
  budget.Release(50);
  EXPECT_EQ(budget.used, 0);
  EXPECT_EQ(budget.reserved, 0);
  EXPECT_TRUE(budget.Reserve(-7, kNoon));
  EXPECT_EQ(budget.reserved, 0);
}

}  // namespace
}  // namespace capeai::policy
