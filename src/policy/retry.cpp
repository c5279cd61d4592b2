#include "policy/retry.hpp"

#include <algorithm>

namespace capeai::policy {
namespace {

Duration Share(Duration whole, double random) {
  const double part = static_cast<double>(whole.count()) * std::clamp(random, 0.0, 1.0);
  return Duration(static_cast<Duration::rep>(part));
}

}  // namespace

Duration BackoffCeiling(const RetrySettings& settings, int failures) {
  Duration ceiling = std::min(settings.base, settings.cap);
  for (int i = 1; i < failures && ceiling < settings.cap; ++i) ceiling = std::min(ceiling * 2, settings.cap);
  return ceiling;
}

Duration RetryDelay(const RetrySettings& settings, const RetryInput& input) {
  if (input.retry_after)
    return std::max(*input.retry_after, Duration::zero()) + Share(settings.base, input.random);
  const Duration delay = Share(BackoffCeiling(settings, input.failures), input.random);
  return input.fault == Fault::kPaused ? settings.base + delay : delay;
}

std::optional<Duration> DecideRetry(const RetrySettings& settings, const RetryInput& input) {
  if (input.fault == Fault::kPermanent) return std::nullopt;
  if (input.fault == Fault::kTransient && input.failures >= settings.max_attempts) return std::nullopt;
  const Duration delay = RetryDelay(settings, input);
  if (input.remaining && delay >= *input.remaining) return std::nullopt;
  return delay;
}

}  // namespace capeai::policy
