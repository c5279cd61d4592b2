// A budget over a window of time (tokens a minute, cost a day): reserve before
// the request, settle after it. A plain struct that may live in shared memory,
// zeroed (no limit); the caller locks. Amounts are integers in a unit of the
// caller's choice (tokens; millionths of the currency).
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/time.hpp"

namespace capeai::policy {

struct Budget {
  int64_t limit = 0;     // per window; 0: none
  int64_t used = 0;      // settled in the current window
  int64_t reserved = 0;  // by requests under way, of whichever window
  Duration window{};     // length; windows are aligned to midnight UTC
  WallTime start{};      // of the current window

  // Reserves `amount` (>= 0) if used + reserved + amount stays within the limit.
  // The first request of an idle window always may, so that one larger than the
  // whole budget is not stuck for ever.
  bool Reserve(int64_t amount, WallTime now);

  // What `reserved_amount` really cost. It counts in the window it ends in.
  void Settle(int64_t reserved_amount, int64_t actual, WallTime now);

  // Nothing was sent after all.
  void Release(int64_t reserved_amount);

  // Counts what was spent elsewhere (read back at start).
  void Add(int64_t amount, WallTime now);

  // Moves on to the window that `now` is in.
  void Roll(WallTime now);

  WallTime NextWindow(WallTime now) const;
};
static_assert(std::is_trivially_copyable_v<Budget> && std::is_standard_layout_v<Budget>);

}  // namespace capeai::policy
