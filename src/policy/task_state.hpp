// The life of a task: which moves between states are allowed. The one place; the
// trigger on capeai.tasks asks it for every update of a status.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace capeai {

enum class TaskState : uint8_t { kBlocked, kQueued, kRunning, kSucceeded, kFailed, kCancelled };

inline constexpr std::array<std::string_view, 6> kTaskStateNames = {"blocked",   "queued", "running",
                                                                    "succeeded", "failed", "cancelled"};

constexpr std::optional<TaskState> ParseTaskState(std::string_view name) {
  for (size_t i = 0; i < kTaskStateNames.size(); ++i)
    if (kTaskStateNames[i] == name) return static_cast<TaskState>(i);
  return std::nullopt;
}

constexpr bool IsTerminal(TaskState state) { return state >= TaskState::kSucceeded; }

// Whether a row may go from one state to the other. Staying where it is is no
// move, and allowed until the state is terminal.
constexpr bool TaskMoveAllowed(TaskState from, TaskState to) {
  constexpr unsigned kEnds =
      1u << static_cast<int>(TaskState::kFailed) | 1u << static_cast<int>(TaskState::kCancelled);
  constexpr auto bit = [](TaskState s) { return 1u << static_cast<int>(s); };
  // From each state, the states that can follow.
  constexpr std::array<unsigned, 6> kFollows = {
      bit(TaskState::kBlocked) | bit(TaskState::kQueued) | kEnds,
      bit(TaskState::kQueued) | bit(TaskState::kRunning) | kEnds,
      bit(TaskState::kRunning) | bit(TaskState::kQueued) | bit(TaskState::kSucceeded) | kEnds,
      0,
      0,
      0,
  };
  return kFollows[static_cast<size_t>(from)] & bit(to);
}

}  // namespace capeai
