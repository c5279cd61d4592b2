#include "policy/bucket.hpp"

#include <algorithm>
#include <cmath>

namespace capeai::policy {
namespace {

constexpr double kTolerance = 1e-9;     // rounding must not cost a token
constexpr double kLongestWait = 86400;  // seconds; also keeps the arithmetic in range

}  // namespace

double TokenBucket::Available(MonoTime now) const {
  const double elapsed = std::max(0.0, Seconds(now - updated));
  return std::min(capacity, tokens + elapsed * rate);
}

void TokenBucket::SetPerMinute(double per_minute, MonoTime now) {
  if (per_minute <= 0) {
    *this = TokenBucket{};
    return;
  }
  if (per_minute == capacity) return;
  const double in_use = capacity > 0 ? capacity - Available(now) : 0;
  capacity = per_minute;
  rate = per_minute / 60;
  tokens = capacity - in_use;
  updated = now;
}

bool TokenBucket::TryTake(double n, MonoTime now) {
  if (rate <= 0) return true;
  const double available = Available(now);
  if (available + kTolerance < std::min(n, capacity)) return false;
  tokens = available - n;
  updated = std::max(updated, now);
  return true;
}

Duration TokenBucket::WaitFor(double n, MonoTime now) const {
  if (rate <= 0) return Duration::zero();
  const double missing = std::min(n, capacity) - Available(now);
  if (missing <= kTolerance) return Duration::zero();
  const double seconds = std::min(missing / rate, kLongestWait);
  return Duration(static_cast<Duration::rep>(std::ceil(seconds * 1e6)));
}

void TokenBucket::Adjust(double n, MonoTime now) {
  if (rate <= 0) return;
  tokens = std::min(capacity, Available(now) + n);
  updated = std::max(updated, now);
}

void TokenBucket::Learn(double remaining, MonoTime now) {
  if (rate <= 0) return;
  tokens = std::min(Available(now), std::max(remaining, 0.0));
  updated = std::max(updated, now);
}

}  // namespace capeai::policy
