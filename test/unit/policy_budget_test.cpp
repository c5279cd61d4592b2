#include "policy/budget.hpp"

#include <gtest/gtest.h>

#include "policy/price.hpp"

namespace capeai::policy {
namespace {

using namespace std::chrono_literals;
using Refusal = Budgets::Refusal;

const WallTime kNoon{std::chrono::sys_days(std::chrono::year(2026) / 1 / 2) + 12h};

Uuid AgentNumber(uint8_t n) {
  Uuid id;
  id.bytes[15] = n;
  return id;
}

Kind KindOf(unsigned owner, uint8_t agent = 1, const char* model = "m") {
  return {owner, AgentNumber(agent), model};
}

Budgets TokensEachRole(int64_t limit) {
  DailyLimits limits;
  limits.tokens.each_role = limit;
  Budgets budgets;
  budgets.Set(limits, kNoon);
  return budgets;
}

TEST(PolicyBudget, WithoutLimitsEverythingGoes) {
  Budgets budgets;
  EXPECT_TRUE(budgets.none());
  EXPECT_FALSE(budgets.Reserve(KindOf(1), {Budget::kNoLimit, {}}, kNoon));
  EXPECT_EQ(budgets.Room(KindOf(1), kNoon), Budget::kNoLimit);
}

TEST(PolicyBudget, FiftyWantWhatTenMayHave) {
  Budgets budgets = TokensEachRole(1000);
  int admitted = 0;
  for (int i = 0; i < 50; ++i) admitted += !budgets.Reserve(KindOf(1), {100, {}}, kNoon);
  EXPECT_EQ(admitted, 10);
  EXPECT_EQ(budgets.Reserve(KindOf(1), {100, {}}, kNoon), Refusal::kBusy);
  EXPECT_FALSE(budgets.Reserve(KindOf(2), {100, {}}, kNoon)) << "another role has its own";
  for (int i = 0; i < 10; ++i) budgets.Settle(KindOf(1), {100, {}}, {100, {}}, kNoon);
  EXPECT_EQ(budgets.Reserve(KindOf(1), {1, {}}, kNoon), Refusal::kSpent);
}

TEST(PolicyBudget, SettlingGivesBackWhatWasNotUsed) {
  Budgets budgets = TokensEachRole(1000);
  EXPECT_FALSE(budgets.Reserve(KindOf(1), {900, {}}, kNoon));
  EXPECT_EQ(budgets.Reserve(KindOf(1), {200, {}}, kNoon), Refusal::kBusy);
  budgets.Settle(KindOf(1), {900, {}}, {300, {}}, kNoon);
  EXPECT_EQ(budgets.Room(KindOf(1), kNoon), 3) << "700 left, 200 were asked for last";
  EXPECT_FALSE(budgets.Reserve(KindOf(1), {700, {}}, kNoon));
  EXPECT_EQ(budgets.Room(KindOf(1), kNoon), 0);
}

TEST(PolicyBudget, OneThatIsTooLargeGoesAlone) {
  Budgets budgets = TokensEachRole(100);
  EXPECT_EQ(budgets.Room(KindOf(1), kNoon), 1) << "of unknown size";
  EXPECT_FALSE(budgets.Reserve(KindOf(1), {1000, {}}, kNoon));
  EXPECT_EQ(budgets.Reserve(KindOf(1), {1, {}}, kNoon), Refusal::kBusy);
  budgets.Settle(KindOf(1), {1000, {}}, {99, {}}, kNoon);
  EXPECT_FALSE(budgets.Reserve(KindOf(1), {1000, {}}, kNoon));
  budgets.Settle(KindOf(1), {1000, {}}, {1, {}}, kNoon);
  EXPECT_TRUE(budgets.IsSpent(KindOf(1), kNoon));
}

TEST(PolicyBudget, ZeroIsNothingAtAll) {
  DailyLimits limits;
  limits.cost.model["m"] = 0;
  Budgets budgets;
  EXPECT_TRUE(budgets.Set(limits, kNoon));
  EXPECT_EQ(budgets.AllSpent(kNoon).models, std::vector<std::string>{"m"}) << "before anybody asked";
  EXPECT_EQ(budgets.Reserve(KindOf(1), {0, 0}, kNoon), Refusal::kSpent);
  EXPECT_FALSE(budgets.Reserve(KindOf(1, 1, "other"), {0, 0}, kNoon));
}

TEST(PolicyBudget, AllThatApplyMustHaveRoom) {
  DailyLimits limits;
  limits.tokens.each_role = 1000;
  limits.tokens.role[2] = 50;
  limits.tokens.agent[AgentNumber(7)] = 100;
  limits.tokens.model["m"] = 150;
  Budgets budgets;
  budgets.Set(limits, kNoon);
  EXPECT_FALSE(budgets.Reserve(KindOf(1, 7), {100, {}}, kNoon));
  EXPECT_EQ(budgets.Reserve(KindOf(3, 7, "x"), {1, {}}, kNoon), Refusal::kBusy) << "the agent's";
  EXPECT_EQ(budgets.Reserve(KindOf(3, 8), {51, {}}, kNoon), Refusal::kBusy) << "the model's";
  EXPECT_FALSE(budgets.Reserve(KindOf(3, 8), {50, {}}, kNoon));
  EXPECT_FALSE(budgets.Reserve(KindOf(2, 8, "x"), {50, {}}, kNoon));
  EXPECT_EQ(budgets.Reserve(KindOf(2, 8, "x"), {1, {}}, kNoon), Refusal::kBusy) << "a role's own";
  EXPECT_FALSE(budgets.Reserve(KindOf(3, 9, "x"), {950, {}}, kNoon)) << "nothing of those refused was kept";
}

TEST(PolicyBudget, WhatCostsAnUnknownAmountDoesNotGo) {
  DailyLimits limits;
  limits.cost.role[1] = 1000;
  Budgets budgets;
  budgets.Set(limits, kNoon);
  EXPECT_EQ(budgets.Reserve(KindOf(1), {10, std::nullopt}, kNoon), Refusal::kNoPrice);
  EXPECT_FALSE(budgets.Reserve(KindOf(1), {10, 10}, kNoon));
  EXPECT_FALSE(budgets.Reserve(KindOf(2), {10, std::nullopt}, kNoon)) << "where cost is not limited";
}

TEST(PolicyBudget, ADayEndsAtMidnightUtc) {
  Budgets budgets = TokensEachRole(100);
  EXPECT_EQ(Budgets::NextDay(kNoon), kNoon + 12h);
  EXPECT_FALSE(budgets.Reserve(KindOf(1), {80, {}}, kNoon));
  EXPECT_FALSE(budgets.Reserve(KindOf(1), {20, {}}, kNoon));
  budgets.Settle(KindOf(1), {20, {}}, {100, {}}, kNoon);
  EXPECT_TRUE(budgets.IsSpent(KindOf(1), kNoon + 12h - 1us));
  EXPECT_FALSE(budgets.IsSpent(KindOf(1), kNoon + 12h));
  EXPECT_EQ(budgets.Reserve(KindOf(1), {30, {}}, kNoon + 12h), Refusal::kBusy) << "reservations outlive it";
  budgets.Settle(KindOf(1), {80, {}}, {100, {}}, kNoon + 13h);
  EXPECT_TRUE(budgets.IsSpent(KindOf(1), kNoon + 13h)) << "use counts in the day that it ends in";
  EXPECT_TRUE(budgets.IsSpent(KindOf(1), kNoon)) << "a clock that goes back gives nothing twice";
}

TEST(PolicyBudget, NewLimitsBeginWithWhatTheDayHasSeen) {
  Budgets budgets = TokensEachRole(100);
  DailyLimits limits;
  limits.tokens.each_role = 100;
  EXPECT_FALSE(budgets.Set(limits, kNoon)) << "the same";
  EXPECT_FALSE(budgets.Reserve(KindOf(1), {60, {}}, kNoon));
  limits.tokens.each_role = 200;
  EXPECT_TRUE(budgets.Set(limits, kNoon));
  budgets.Add(KindOf(1), {100, {}});
  EXPECT_EQ(budgets.Reserve(KindOf(1), {50, {}}, kNoon), Refusal::kBusy) << "100 used, 60 reserved";
  EXPECT_FALSE(budgets.Reserve(KindOf(1), {40, {}}, kNoon));
  limits.tokens.each_role.reset();
  EXPECT_TRUE(budgets.Set(limits, kNoon));
  EXPECT_TRUE(budgets.AllSpent(kNoon).roles.empty());
}

TEST(PolicyPrice, CostIsExact) {
  const Price price{"m", "{}", 150'000, 75'000, 600'000};  // 0.15, 0.075 and 0.60 per million
  EXPECT_EQ(CostText(Cost(price, {1000, 0, 500})), "0.00045");
  EXPECT_EQ(CostText(Cost(price, {1000, 400, 0})), "0.00012");
  EXPECT_EQ(CostText(Cost(price, {1000, 5000, 0})), "0.000075") << "not more is cached than there is";
  EXPECT_EQ(CostText(Cost(price, {-1, 0, 0})), "0");
  EXPECT_EQ(CostText(Cost({"m", "", 2'000'000, 0, 0}, {3'000'000, 0, 0})), "6");
  EXPECT_EQ(Cost({"m", "", Budget::kNoLimit, 0, 0}, {Budget::kNoLimit, 0, 0}), Budget::kNoLimit);
}

TEST(PolicyPrice, WhatAnsweredComesBeforeWhatWasAsked) {
  const PriceList prices({{"gpt", "", 1, 1, 1}, {"gpt-2026-01-01", "", 2, 2, 2}});
  EXPECT_EQ(prices.Find("gpt-2026-01-01", "gpt")->input, 2);
  EXPECT_EQ(prices.Find("gpt-2026-02-02", "gpt")->input, 1);
  EXPECT_EQ(prices.Find("", "other"), nullptr);
}

}  // namespace
}  // namespace capeai::policy
