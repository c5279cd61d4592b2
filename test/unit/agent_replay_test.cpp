#include "agent/replay.hpp"

#include "agent_fake_host.hpp"

namespace capeai {
namespace {

using test::GuideReply;
using test::MakePassage;

// Says what it is told, and keeps it as a recording would.
class Scripted : public Counterpart {
 public:
  explicit Scripted(std::vector<std::string> texts) : texts_(std::move(texts)) {}
  ChatOutcome Answer(const ChatRequest& request) override {
    ChatReply reply;
    reply.text = texts_.at(recording.exchanges.size());
    reply.model = "fake-1";
    reply.finish_reason = "stop";
    reply.usage = {100, 20, 0, 0, true};
    recording.exchanges.push_back({HashRequest(request), reply});
    return reply;
  }
  Recording recording;

 private:
  std::vector<std::string> texts_;
};

std::vector<Passage> Found() { return {MakePassage(1, "Restart", "Restart with pg_ctl restart.")}; }

Recording Record(const std::vector<std::string>& texts) {
  Scripted model(texts);
  model.recording.model = "gpt-4o-mini";
  model.recording.passages = Found();
  model.recording.knowledge_hash = HashPassages(Found());
  const Outcome outcome =
      RunCase(test::Shipped("cape-ai-guide"), test::Ask("How do I restart?"), Found(), model);
  EXPECT_TRUE(std::holds_alternative<Answer>(outcome));
  return std::move(model.recording);
}

TEST(Replay, AnswersAsRecordedAndSpendsNothing) {
  const auto recording = Recording::FromJson(Record({GuideReply("Use pg_ctl restart [1].")}).ToJson());
  ASSERT_TRUE(recording);
  RecordedModel model(*recording);
  const Outcome outcome =
      RunCase(test::Shipped("cape-ai-guide"), test::Ask("How do I restart?"), recording->passages, model);
  const Answer& answer = std::get<Answer>(outcome);
  EXPECT_EQ(answer.response, "Use pg_ctl restart [1].");
  EXPECT_EQ(answer.citations[size_t{0}]["url"].string_or(""), "https://docs.example/1");
  EXPECT_EQ(answer.usage.prompt_tokens, 0);
  EXPECT_FALSE(model.stale());
}

TEST(Replay, PlaysTheRepairToo) {
  const Recording recording = Record({"{\"response\": 1}", GuideReply("Use pg_ctl restart [1].")});
  EXPECT_EQ(recording.exchanges.size(), 2u);
  RecordedModel model(recording);
  const Outcome outcome =
      RunCase(test::Shipped("cape-ai-guide"), test::Ask("How do I restart?"), Found(), model);
  EXPECT_EQ(std::get<Answer>(outcome).response, "Use pg_ctl restart [1].");
  EXPECT_FALSE(model.stale());
}

TEST(Replay, KnowsThatThePromptChanged) {
  const Recording recording = Record({GuideReply("Use pg_ctl restart [1].")});
  Json source = test::ShippedSource("cape-ai-guide");
  source.Set("prompts", Json::Object()
                            .Set("system", Json::String("Be short."))
                            .Set("user", Json::String("{{passages}} {{query}}")));
  RecordedModel model(recording);
  const Outcome outcome = RunCase(test::Load(source), test::Ask("How do I restart?"), Found(), model);
  EXPECT_TRUE(std::holds_alternative<Answer>(outcome)) << "it is judged all the same";
  EXPECT_TRUE(model.stale());
}

TEST(Replay, AsksNoMoreThanWasRecorded) {
  Recording recording = Record({GuideReply("Use pg_ctl restart [1].")});
  recording.exchanges.clear();
  RecordedModel model(recording);
  const Outcome outcome =
      RunCase(test::Shipped("cape-ai-guide"), test::Ask("How do I restart?"), Found(), model);
  EXPECT_TRUE(std::holds_alternative<Failure>(outcome));
  EXPECT_TRUE(model.stale());
}

TEST(Replay, IdsAndScoresAreNoKnowledge) {
  std::vector<Passage> other = Found();
  other[0].document_id = 99;
  other[0].score = 0.1;
  EXPECT_EQ(HashPassages(other), HashPassages(Found()));
  other[0].text += " Soon.";
  EXPECT_NE(HashPassages(other), HashPassages(Found()));
}

TEST(Replay, WhatIsKeptIsMasked) {
  const std::string text =
      "Write to anna.schmidt@example.co.uk or call +49 (30) 1234 5678; pay from DE89 3704 0044 0532 0130 00 "
      "or card 4111 1111 1111 1111; the key is sk-proj-abcdefghijklmnop0123456789. Port 5432, year 2026.";
  const std::string masked = RecordingMask().Mask(text);
  for (const char* secret : {"anna", "1234 5678", "3704", "4111", "sk-proj"})
    EXPECT_EQ(masked.find(secret), std::string::npos) << secret << " in " << masked;
  EXPECT_NE(masked.find("Port 5432, year 2026."), std::string::npos) << masked;
}

// Masking the text of a structured reply as a whole would spoil its braces.
TEST(Replay, AMaskedReplyIsStillAReply) {
  const Recording recording = Record({GuideReply("Ask anna@example.com, key sk-abcdefghijklmnop12345 [1].")});
  const auto kept = Recording::FromJson(recording.ToJson());
  ASSERT_TRUE(kept);
  RecordedModel model(*kept);
  const Outcome outcome =
      RunCase(test::Shipped("cape-ai-guide"), test::Ask("How do I restart?"), Found(), model);
  EXPECT_EQ(std::get<Answer>(outcome).response, "Ask [email], key [key] [1].");
}

TEST(Replay, OtherJsonIsNoRecording) {
  for (const char* text : {"1", "{}", "[]", R"({"model": "m", "passages": {}, "exchanges": []})"})
    EXPECT_FALSE(Recording::FromJson(test::Parse(text))) << text;
}

}  // namespace
}  // namespace capeai
