#include "policy/limits.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace capeai::policy {
namespace {

TEST(PolicyLimits, NamesAreReadBack) {
  for (size_t i = 0; i < kLimitScopes.size(); ++i)
    EXPECT_EQ(ParseLimitScope(kLimitScopes[i]), static_cast<LimitScope>(i));
  for (size_t i = 0; i < kLimitMetrics.size(); ++i)
    EXPECT_EQ(ParseLimitMetric(kLimitMetrics[i]), static_cast<LimitMetric>(i));
  EXPECT_FALSE(ParseLimitScope("Role"));
  EXPECT_FALSE(ParseLimitMetric(""));
}

TEST(PolicyLimits, ScopesOfAMetric) {
  EXPECT_EQ(LimitScopesOf(LimitMetric::kInFlight), "role, agent, model, default");
  EXPECT_EQ(LimitScopesOf(LimitMetric::kQueued), "role, default");
  EXPECT_EQ(LimitScopesOf(LimitMetric::kTokensPerMinute), "model, default");
  EXPECT_FALSE(LimitApplies(LimitMetric::kRequestsPerMinute, LimitScope::kRole));
}

TEST(PolicyLimits, Values) {
  EXPECT_EQ(LimitValueProblem(LimitMetric::kInFlight, 0), "");
  EXPECT_EQ(LimitValueProblem(LimitMetric::kCostPerDay, 0.5), "");
  EXPECT_NE(LimitValueProblem(LimitMetric::kInFlight, 0.5), "");
  EXPECT_NE(LimitValueProblem(LimitMetric::kInFlight, -1), "");
  EXPECT_NE(LimitValueProblem(LimitMetric::kCostPerDay, std::nan("")), "");
  EXPECT_NE(LimitValueProblem(LimitMetric::kCostPerDay, INFINITY), "");
}

}  // namespace
}  // namespace capeai::policy
