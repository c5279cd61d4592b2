// The two clocks. Code takes the time as an argument; only the loop in worker/
// (and tests) reads a clock.
#pragma once

#include <chrono>

namespace capeai {

using Duration = std::chrono::microseconds;

// Time of day, for timestamps that are stored or shown. May jump.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

// Monotonic time, for deadlines and measured durations. Never jumps.
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;

inline WallTime WallNow() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
inline MonoTime MonoNow() { return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()); }

inline double Seconds(Duration d) { return std::chrono::duration<double>(d).count(); }
inline long Millis(Duration d) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

}  // namespace capeai
