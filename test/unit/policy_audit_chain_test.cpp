#include "policy/audit_chain.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace capeai::policy {
namespace {

// A trail in memory: events, and the chain over them.
class PolicyAuditChain : public ::testing::Test {
 protected:
  static std::string HashOf(const Seal& seal) {
    std::string hash(32, 'x');
    const size_t number = std::hash<std::string>{}(SealText(seal));
    std::copy_n(reinterpret_cast<const char*>(&number), sizeof number, hash.begin());
    return hash;
  }
  static std::string LeafText(int64_t id, uint8_t content) {
    std::string out(8, '\0');
    for (int i = 0; i < 8; ++i) out[static_cast<size_t>(i)] = static_cast<char>(id >> (56 - 8 * i));
    return out + std::string(16, static_cast<char>(content));
  }
  // Seals these events, which it also makes.
  Seal& Add(const std::vector<int64_t>& ids) {
    Seal seal;
    seal.seq = seals.empty() ? 1 : seals.back().seq + 1;
    seal.event_id = seals.empty() ? 0 : seals.back().event_id;
    for (const int64_t id : ids) {
      events[id] = static_cast<uint8_t>(id);
      seal.events += LeafText(id, static_cast<uint8_t>(id));
      seal.event_id = std::max(seal.event_id, id);
    }
    seal.prev = seals.empty() ? NoHash() : seals.back().hash;
    seal.hash = HashOf(seal);
    seals.push_back(seal);
    return seals.back();
  }
  // Of each problem "seal/event: its first words".
  std::string Check(bool keyed = false, const std::vector<IdRange>& open = {}) {
    ChainCheck check(
        [](const Seal& seal) { return seal.key_id == "other" ? "" : HashOf(seal); },
        [&](const IdRange& range, const std::vector<int64_t>& ids) {
          std::string text;
          for (const auto& [id, content] : events)
            if ((id >= range.first && id <= range.last) || std::find(ids.begin(), ids.end(), id) != ids.end())
              text += LeafText(id, content);
          return ParseLeaves(text);
        },
        keyed);
    for (const Seal& seal : seals) check.Add(seal);
    std::string out;
    for (const ChainProblem& p : check.Finish(open))
      out += (out.empty() ? "" : ", ") + std::to_string(p.seal) + "/" + std::to_string(p.event) + " " +
             p.problem;
    return out;
  }

  std::map<int64_t, uint8_t> events;
  std::vector<Seal> seals;
};

TEST_F(PolicyAuditChain, AWholeChain) {
  EXPECT_EQ(Check(), "");
  Add({1, 2, 3});
  Add({5, 6});
  Add({4, 9});  // 4 was committed late
  EXPECT_EQ(Check(), "");
}

TEST_F(PolicyAuditChain, WhatWasDoneToEvents) {
  Add({1, 2, 3});
  Add({5, 6});
  Add({4, 9});
  events[2] = 77;
  events.erase(5);
  events.erase(4);
  events[7] = 1;
  EXPECT_EQ(Check(),
            "1/2 the event was changed, 2/5 the event was deleted, 3/4 the event was deleted, "
            "3/7 the event was slipped in: no link has it");
}

TEST_F(PolicyAuditChain, WhatMayStillComeIsNotSlippedIn) {
  Add({1, 4});
  events[2] = events[3] = 1;
  EXPECT_EQ(Check(false, {{2, 2}}), "1/3 the event was slipped in: no link has it");
}

TEST_F(PolicyAuditChain, WhatWasDoneToLinks) {
  Add({1});
  Add({2});
  Add({3});
  const auto whole = seals;
  seals[1].created_at += std::chrono::seconds(1);
  EXPECT_EQ(Check(), "2/0 the link itself was changed");
  seals[1].hash = HashOf(seals[1]);
  EXPECT_EQ(Check(), "3/0 does not continue the link before it");
  seals = whole;
  seals.erase(seals.begin() + 1);
  EXPECT_EQ(Check(),
            "3/0 the links before this one are missing, 3/2 the event was slipped in: no link has it");
  seals = whole;
  seals.erase(seals.begin());
  EXPECT_EQ(Check(),
            "2/0 the links before this one are missing, and not by retention, "
            "2/1 the event was slipped in: no link has it");
}

TEST_F(PolicyAuditChain, RetentionLeavesACheckpoint) {
  Add({1, 2});
  Add({3});
  Seal& checkpoint = Add({4});
  checkpoint.pruned_seq = 1;
  checkpoint.pruned_hash = seals[0].hash;
  checkpoint.hash = HashOf(checkpoint);
  seals.erase(seals.begin());
  events.erase(1);
  events.erase(2);
  EXPECT_EQ(Check(), "");
  seals.erase(seals.begin());
  events.erase(3);
  EXPECT_EQ(Check(), "3/0 the links before this one are missing, and not by retention") << "more is gone";
}

TEST_F(PolicyAuditChain, Keys) {
  Add({1});
  Add({2});
  EXPECT_EQ(Check(true), "2/0 up to here there are links that were made without a key");
  seals[1].key_id = "other";
  EXPECT_EQ(Check(true),
            "1/0 up to here there are links that were made without a key, "
            "2/0 up to here there are links of another key than capeai.audit_key_file has now");
}

TEST_F(PolicyAuditChain, Holes) {
  const auto leaves = ParseLeaves(LeafText(2, 0) + LeafText(5, 0) + LeafText(6, 0) + LeafText(9, 0) + "rest");
  ASSERT_EQ(leaves.size(), 4u);
  const auto holes = MissingAfter(3, leaves);
  ASSERT_EQ(holes.size(), 2u);
  EXPECT_EQ(holes[0].first, 4);
  EXPECT_EQ(holes[0].last, 4);
  EXPECT_EQ(holes[1].first, 7);
  EXPECT_EQ(holes[1].last, 8);
}

}  // namespace
}  // namespace capeai::policy
