#include "policy/share.hpp"

#include <gtest/gtest.h>

#include <map>

namespace capeai::policy {
namespace {

const WallTime kNow{std::chrono::hours(1000)};

Uuid AgentNumber(uint8_t n) {
  Uuid id;
  id.bytes[15] = n;
  return id;
}

Lane LaneOf(unsigned owner, int priority = 0, const std::string& model = "m", Duration due_in = Duration(0)) {
  Lane lane;
  lane.priority = priority;
  lane.kind = {owner, AgentNumber(1), model};
  lane.run_at = kNow + due_in;
  return lane;
}

class PolicyShare : public ::testing::Test {
 protected:
  Shares Out(int capacity, int reserve = 0) {
    const ShareInput input{kNow, capacity, reserve, &in_flight, &served};
    return ShareOut(lanes, input, Room(limits, in_flight, sendable));
  }
  // Quotas by owner and priority.
  static std::map<std::pair<unsigned, int>, int> Quotas(const Shares& shares) {
    std::map<std::pair<unsigned, int>, int> out;
    for (const Share& share : shares.order) out[{share.owner, share.priority}] = share.quota;
    return out;
  }

  std::vector<Lane> lanes;
  InFlight in_flight;
  KindLimits limits;
  Sendable sendable;
  std::unordered_map<unsigned, uint64_t> served;
};

TEST_F(PolicyShare, NothingDueNothingShared) {
  lanes = {LaneOf(1, 0, "m", std::chrono::seconds(1)), LaneOf(2)};
  lanes[1].dry = true;
  const Shares shares = Out(10);
  EXPECT_TRUE(shares.order.empty());
  EXPECT_FALSE(shares.held);
}

TEST_F(PolicyShare, OwnersGetEqualShares) {
  lanes = {LaneOf(1), LaneOf(2), LaneOf(3)};
  const Shares shares = Out(10);
  EXPECT_EQ(shares.limit, 10);
  EXPECT_EQ(Quotas(shares), (std::map<std::pair<unsigned, int>, int>{{{1, 0}, 4}, {{2, 0}, 4}, {{3, 0}, 4}}));
}

TEST_F(PolicyShare, HigherPrioritiesComeFirstWhoeverOwnsThem) {
  lanes = {LaneOf(1, 5), LaneOf(1, 0), LaneOf(2, 9)};
  const Shares shares = Out(10);
  ASSERT_EQ(shares.order.size(), 3u);
  EXPECT_EQ(shares.order[0].priority, 9);
  EXPECT_EQ(shares.order[1].priority, 5);
  EXPECT_EQ(shares.order[2].priority, 0);
  for (const Share& share : shares.order) EXPECT_EQ(share.quota, 10) << "alone in its priority";
}

TEST_F(PolicyShare, LessInFlightFirstThenServedLongerAgo) {
  lanes = {LaneOf(1), LaneOf(2), LaneOf(3)};
  in_flight.Add({1, AgentNumber(1), "m"});
  served = {{2, 8}, {3, 7}};
  const Shares shares = Out(1);
  ASSERT_EQ(shares.order.size(), 3u);
  EXPECT_EQ(shares.order[0].owner, 3u);
  EXPECT_EQ(shares.order[1].owner, 2u);
  EXPECT_EQ(shares.order[2].owner, 1u);
}

TEST_F(PolicyShare, LanesOfOneOwnerShareOneQuota) {
  lanes = {LaneOf(1, 0, "a", -std::chrono::seconds(1)), LaneOf(1, 0, "b", -std::chrono::seconds(2)),
           LaneOf(2)};
  const Shares shares = Out(10);
  ASSERT_EQ(shares.order.size(), 2u);
  EXPECT_EQ(shares.order[0].quota, 5);
  EXPECT_EQ(shares.order[0].lanes, (std::vector<size_t>{1, 0})) << "the one that is due first in front";
  EXPECT_EQ(shares.order[0].takes, (std::vector<int>{5, 5}));
}

TEST_F(PolicyShare, LimitsLeaveRoomOnlyOnce) {
  lanes = {LaneOf(1), LaneOf(2), LaneOf(3, 0, "other")};
  limits.model["m"] = 10;
  in_flight.Add({9, AgentNumber(2), "m"}, 7);
  const Shares shares = Out(30);
  int of_m = 0;
  for (const Share& share : shares.order)
    if (share.owner != 3) of_m += share.quota;
  EXPECT_EQ(of_m, 3);
  EXPECT_EQ(Quotas(shares).at({3, 0}), 10);
  EXPECT_TRUE(shares.held);
}

TEST_F(PolicyShare, EveryScopeHolds) {
  lanes = {LaneOf(1)};
  const Kind kind = lanes[0].kind;
  in_flight.Add(kind, 2);
  const auto room = [&] { return Room(limits, in_flight, sendable).For(kind); };
  EXPECT_EQ(room(), Room::kNoLimit);
  limits.each_role = 9;
  EXPECT_EQ(room(), 7);
  limits.role[1] = 6;
  EXPECT_EQ(room(), 4) << "its own instead of the default";
  limits.agent[kind.agent] = 5;
  EXPECT_EQ(room(), 3);
  limits.model["m"] = 4;
  EXPECT_EQ(room(), 2);
  sendable["m"] = 1;
  EXPECT_EQ(room(), 1);
  limits.role[1] = 0;
  EXPECT_EQ(room(), 0);
}

TEST_F(PolicyShare, WhatIsPausedIsHeld) {
  lanes = {LaneOf(1)};
  sendable["m"] = 0;
  const Shares shares = Out(10);
  EXPECT_TRUE(shares.order.empty());
  EXPECT_TRUE(shares.held);
}

TEST_F(PolicyShare, ReserveIsForOwnersWithNothingInFlight) {
  lanes = {LaneOf(1)};
  in_flight.Add(lanes[0].kind, 95);
  EXPECT_TRUE(Out(5, 5).order.empty());
  EXPECT_TRUE(Out(5, 5).held);
  lanes.push_back(LaneOf(2));
  const Shares shares = Out(5, 5);
  ASSERT_EQ(shares.order.size(), 1u);
  EXPECT_EQ(shares.order[0].owner, 2u);
}

TEST_F(PolicyShare, NobodyAloneTakesTheReserve) {
  lanes = {LaneOf(1, 1), LaneOf(1, 0)};
  EXPECT_EQ(Out(100, 5).limit, 95) << "though nothing of it is in flight";
  EXPECT_EQ(Out(5, 5).limit, 5) << "but something it gets";
  lanes.push_back(LaneOf(2));
  EXPECT_EQ(Out(100, 5).limit, 100);
}

TEST_F(PolicyShare, InFlightForgetsWhatHasEnded) {
  const Kind kind{7, AgentNumber(1), "m"};
  in_flight.Add(kind, 3);
  in_flight.Add(kind, -1);
  EXPECT_EQ(in_flight.OfOwner(7), 2);
  EXPECT_EQ(in_flight.OfAgent(kind.agent), 2);
  in_flight.Add(kind, -2);
  EXPECT_EQ(in_flight.OfModel("m"), 0);
}

}  // namespace
}  // namespace capeai::policy
