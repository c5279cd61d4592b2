#include "policy/limits.hpp"

#include <cmath>

namespace capeai::policy {
namespace {

constexpr double kHighest = 1e12;  // beyond it nothing is a limit any more

template <class E, size_t N>
std::optional<E> Parse(const std::array<std::string_view, N>& names, std::string_view name) {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == name) return static_cast<E>(i);
  return std::nullopt;
}

}  // namespace

std::optional<LimitScope> ParseLimitScope(std::string_view name) {
  return Parse<LimitScope>(kLimitScopes, name);
}

std::optional<LimitMetric> ParseLimitMetric(std::string_view name) {
  return Parse<LimitMetric>(kLimitMetrics, name);
}

bool LimitApplies(LimitMetric metric, LimitScope scope) {
  switch (metric) {
    case LimitMetric::kQueued:
    case LimitMetric::kTasksPerMinute:
      return scope == LimitScope::kRole || scope == LimitScope::kDefault;
    case LimitMetric::kRequestsPerMinute:
    case LimitMetric::kTokensPerMinute:
      return scope == LimitScope::kModel || scope == LimitScope::kDefault;
    default:
      return true;
  }
}

std::string LimitScopesOf(LimitMetric metric) {
  std::string out;
  for (size_t i = 0; i < kLimitScopes.size(); ++i)
    if (LimitApplies(metric, static_cast<LimitScope>(i))) (out += out.empty() ? "" : ", ") += kLimitScopes[i];
  return out;
}

std::string LimitValueProblem(LimitMetric metric, double value) {
  if (!std::isfinite(value) || value < 0 || value > kHighest) return "must be a number from 0 to 1e12";
  if (metric != LimitMetric::kCostPerDay && value != std::floor(value)) return "must be a whole number";
  return "";
}

}  // namespace capeai::policy
