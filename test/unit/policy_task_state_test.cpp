#include "policy/task_state.hpp"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace capeai {
namespace {

using enum TaskState;

TEST(TaskState, EveryMoveIsAsDesigned) {
  const std::set<std::pair<TaskState, TaskState>> allowed = {{kBlocked, kQueued},
                                                             {kBlocked, kCancelled},
                                                             {kBlocked, kFailed},
                                                             {kQueued, kRunning},
                                                             {kQueued, kCancelled},
                                                             {kQueued, kFailed},
                                                             {kRunning, kSucceeded},
                                                             {kRunning, kFailed},
                                                             {kRunning, kCancelled},
                                                             {kRunning, kQueued},
                                                             // no move at all
                                                             {kBlocked, kBlocked},
                                                             {kQueued, kQueued},
                                                             {kRunning, kRunning}};
  for (size_t from = 0; from < kTaskStateNames.size(); ++from) {
    for (size_t to = 0; to < kTaskStateNames.size(); ++to) {
      const auto a = static_cast<TaskState>(from);
      const auto b = static_cast<TaskState>(to);
      EXPECT_EQ(TaskMoveAllowed(a, b), allowed.contains({a, b}))
          << kTaskStateNames[from] << " to " << kTaskStateNames[to];
    }
  }
}

TEST(TaskState, NamesGoBothWays) {
  for (size_t i = 0; i < kTaskStateNames.size(); ++i)
    EXPECT_EQ(ParseTaskState(kTaskStateNames[i]), static_cast<TaskState>(i));
  EXPECT_EQ(ParseTaskState(""), std::nullopt);
  EXPECT_EQ(ParseTaskState("Queued"), std::nullopt);
}

TEST(TaskState, ThreeAreTerminal) {
  EXPECT_FALSE(IsTerminal(kBlocked));
  EXPECT_FALSE(IsTerminal(kQueued));
  EXPECT_FALSE(IsTerminal(kRunning));
  EXPECT_TRUE(IsTerminal(kSucceeded));
  EXPECT_TRUE(IsTerminal(kFailed));
  EXPECT_TRUE(IsTerminal(kCancelled));
}

}  // namespace
}  // namespace capeai
