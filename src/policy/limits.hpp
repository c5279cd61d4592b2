// The limits that an administrator may set: which there are, for what, and what
// values they take. The one place; capeai_set_limit asks it, and whoever keeps
// to a limit finds its meaning here.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace capeai::policy {

enum class LimitScope { kRole, kAgent, kModel, kDefault };
inline constexpr std::array<std::string_view, 4> kLimitScopes = {"role", "agent", "model", "default"};

enum class LimitMetric {
  kInFlight,           // attempts under way, asks included
  kQueued,             // tasks that wait
  kTasksPerMinute,     // submitted
  kRequestsPerMinute,  // sent to the model
  kTokensPerMinute,    // of prompts and completions
  kTokensPerDay,
  kCostPerDay,  // in the currency of capeai.prices
};
inline constexpr std::array<std::string_view, 7> kLimitMetrics = {
    "in_flight",         "queued",         "tasks_per_minute", "requests_per_minute",
    "tokens_per_minute", "tokens_per_day", "cost_per_day"};

std::optional<LimitScope> ParseLimitScope(std::string_view name);
std::optional<LimitMetric> ParseLimitMetric(std::string_view name);

// Whether the metric can be limited for that scope. `default` stands for each
// role without a limit of its own or, of requests and tokens per minute, each
// model.
bool LimitApplies(LimitMetric metric, LimitScope scope);

// The scopes of a metric, "role, default", for a message.
std::string LimitScopesOf(LimitMetric metric);

// What is wrong with a value, to complete "value "; empty: nothing. Zero is a
// limit: nothing at all.
std::string LimitValueProblem(LimitMetric metric, double value);

}  // namespace capeai::policy
