#include "policy/budget.hpp"

#include <algorithm>
#include <limits>

namespace capeai::policy {
namespace {

int64_t AddCapped(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

}  // namespace

void Budget::Roll(WallTime now) {
  if (window <= Duration::zero()) return;
  const auto since_epoch = now.time_since_epoch();
  const auto begin = WallTime(since_epoch - since_epoch % window);
  // A clock that went back must not open the same window twice.
  if (begin <= start) return;
  start = begin;
  used = 0;
}

bool Budget::Reserve(int64_t amount, WallTime now) {
  Roll(now);
  amount = std::max<int64_t>(amount, 0);
  const int64_t taken = AddCapped(used, reserved);
  if (limit > 0 && taken > 0 && AddCapped(taken, amount) > limit) return false;
  reserved = AddCapped(reserved, amount);
  return true;
}

void Budget::Settle(int64_t reserved_amount, int64_t actual, WallTime now) {
  Roll(now);
  Release(reserved_amount);
  used = AddCapped(used, std::max<int64_t>(actual, 0));
}

void Budget::Release(int64_t reserved_amount) {
  reserved = std::max<int64_t>(0, reserved - std::max<int64_t>(reserved_amount, 0));
}

void Budget::Add(int64_t amount, WallTime now) {
  Roll(now);
  used = AddCapped(used, std::max<int64_t>(amount, 0));
}

WallTime Budget::NextWindow(WallTime now) const {
  if (window <= Duration::zero()) return now;
  const auto since_epoch = now.time_since_epoch();
  return WallTime(since_epoch - since_epoch % window + window);
}

}  // namespace capeai::policy
