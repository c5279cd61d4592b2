// What a listener sees while the model speaks, and what happens to it when the
// reply turns out not to fit.
#include <gtest/gtest.h>

#include "agent_fake_host.hpp"

namespace capeai {
namespace {

using test::Ask;
using test::FakeHost;
using test::GuideReply;
using test::MakePassage;
using test::Shipped;

class Streaming : public testing::Test {
 protected:
  void SetUp() override {
    host.found = std::vector<Passage>{MakePassage(1, "Backups", "Run pg_dump each night.", 0.9)};
  }
  FakeHost host;
};

TEST_F(Streaming, DeltasAddUpToTheRawTextAtEveryPieceSize) {
  const std::string response = "Öffne „pg_hba.conf“ [1].\n\"Zeile\" \\ 😀";
  const std::string reply = GuideReply(response);
  for (size_t piece = 0; piece <= reply.size(); ++piece) {
    FakeHost fresh;
    fresh.found = host.found;
    fresh.Say(reply, "stop", piece);
    TaskInput input = Ask("How to open it?");
    input.stream = true;
    const Answer answer = fresh.RunToAnswer(Shipped("cape-ai-guide"), input);
    ASSERT_EQ(fresh.Streamed(), response) << piece;
    ASSERT_EQ(answer.raw_text, response);
    ASSERT_TRUE(fresh.requests[0].stream);
    if (piece == 1) {
      EXPECT_GT(fresh.deltas.size(), 20u);
    }
  }
}

TEST_F(Streaming, DeltasOfPlainText) {
  host.Say("one two three", "stop", 4);
  TaskInput input = Ask("Count");
  input.stream = true;
  EXPECT_EQ(host.RunToAnswer(Shipped("chat"), input).raw_text, "one two three");
  EXPECT_EQ(host.deltas, (std::vector<std::string>{"one ", "two ", "thre", "e"}));
}

TEST_F(Streaming, NothingIsPassedOnUnlessStreaming) {
  host.Say("one two", "stop", 3);
  EXPECT_EQ(host.RunToAnswer(Shipped("chat"), Ask("Count")).raw_text, "one two");
  EXPECT_TRUE(host.deltas.empty());
}

TEST_F(Streaming, ShownTextSurvivesTheRepair) {
  host.Say(R"({"response":"Shown already [1].","suggestions":"none"})", "stop", 5);
  host.Say(GuideReply("Another wording [1]."), "stop", 5);
  TaskInput input = Ask("How to restore?");
  input.stream = true;
  const Answer answer = host.RunToAnswer(Shipped("cape-ai-guide"), input);
  EXPECT_EQ(host.Streamed(), "Shown already [1].");
  EXPECT_EQ(answer.raw_text, "Shown already [1].");
  EXPECT_EQ(answer.response, "Shown already [1].");
  EXPECT_EQ(answer.suggestions.size(), 1u);
}

TEST_F(Streaming, HalfShownTextIsNotRepaired) {
  host.Say(R"({"response":"Shown but not)", "stop", 5);
  TaskInput input = Ask("How to restore?");
  input.stream = true;
  const Failure failure = host.RunToFailure(Shipped("cape-ai-guide"), input);
  EXPECT_EQ(failure.code, "invalid_output");
  EXPECT_TRUE(failure.output_started);
  EXPECT_EQ(failure.raw_text, "Shown but not");
  EXPECT_EQ(host.requests.size(), 1u);
}

}  // namespace
}  // namespace capeai
