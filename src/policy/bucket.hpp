// A token bucket: a rate with room for bursts. A plain struct that may live in
// shared memory, zeroed (then it lets everything through); the caller locks.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/time.hpp"

namespace capeai::policy {

struct TokenBucket {
  double rate = 0;      // tokens a second; 0: no limit
  double capacity = 0;  // most tokens it holds
  double tokens = 0;    // as of `updated`; below 0 after a take larger than the capacity
  MonoTime updated{};

  // A limit of `per_minute` with bursts up to the same number; full at first.
  // Setting the limit it has changes nothing; another keeps what is in use.
  void SetPerMinute(double per_minute, MonoTime now);

  // Takes `n` if they are there; of more than the capacity, when it is full, so
  // that large requests are slow but not impossible.
  bool TryTake(double n, MonoTime now);

  // How long until TryTake(n) can succeed, if nobody else takes; 0: now.
  Duration WaitFor(double n, MonoTime now) const;

  // Gives back (n > 0) or takes on credit (n < 0), when a reservation is settled.
  void Adjust(double n, MonoTime now);

  // The server says that `remaining` are left: believed if it is less than we think.
  void Learn(double remaining, MonoTime now);

  double Available(MonoTime now) const;
};
static_assert(std::is_trivially_copyable_v<TokenBucket> && std::is_standard_layout_v<TokenBucket>);

}  // namespace capeai::policy
