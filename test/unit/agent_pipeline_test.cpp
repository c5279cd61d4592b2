// Whole attempts against a scripted host.
#include <gtest/gtest.h>

#include "agent/confidence.hpp"
#include "agent_fake_host.hpp"

namespace capeai {
namespace {

using test::Ask;
using test::FakeHost;
using test::GuideReply;
using test::MakePassage;
using test::Parse;
using test::Shipped;

class Pipeline : public testing::Test {
 protected:
  void SetUp() override {
    host.found = std::vector<Passage>{MakePassage(1, "Backups", "Run pg_dump each night.", 0.9),
                                      MakePassage(2, "Restore", "Use pg_restore.", 0.5)};
  }
  FakeHost host;
};

TEST_F(Pipeline, GuideTakesItsFiveStepsInOrder) {
  host.Say(GuideReply("Run pg_dump [1]."));
  const Answer answer = host.RunToAnswer(Shipped("cape-ai-guide"), Ask("How do I take nightly backups?"));
  EXPECT_EQ(answer.response, "Run pg_dump [1].");
  EXPECT_EQ(answer.raw_text, "Run pg_dump [1].");
  EXPECT_EQ(answer.suggestions, std::vector<std::string>{"What next?"});
  EXPECT_EQ(answer.grounded, true);
  EXPECT_EQ(answer.model, "fake-1");
  EXPECT_EQ(answer.finish_reason, "stop");
  const double strength = RetrievalStrength("How do I take nightly backups?", *host.found, {0});
  EXPECT_GT(strength, 0.5);
  EXPECT_NEAR(*answer.confidence_score, 0.6 * strength + 0.4 * 0.9, 1e-9);
  EXPECT_EQ(answer.resources.Dump(), R"([{"title":"Backups","url":"https://docs.example/1","type":"doc"},)"
                                     R"({"title":"Restore","url":"https://docs.example/2","type":"doc"}])");
  EXPECT_EQ(answer.citations[size_t{0}]["number"].integer(), 1);
  EXPECT_EQ(answer.usage.prompt_tokens, 100);
  EXPECT_TRUE(answer.usage.reported);

  std::vector<std::string> names;
  for (const StepRecord& step : host.steps) {
    names.push_back(std::to_string(step.number) + " " + step.name);
    EXPECT_TRUE(step.succeeded);
    EXPECT_TRUE(step.input.is_object()) << step.name;
    EXPECT_TRUE(step.output.is_object()) << step.name;
    EXPECT_FALSE(step.error) << step.name;
    EXPECT_LE(step.started_at, step.completed_at);
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"1 analyze_context", "2 retrieve_knowledge", "3 generate_response",
                                      "4 match_resources", "5 format_response"}));
  EXPECT_EQ(host.steps.back().progress, 100);
  EXPECT_EQ(host.begun.front(), "1 analyze_context 0");
  EXPECT_EQ(host.steps[2].output["raw_text"].string(), "Run pg_dump [1].");
  EXPECT_EQ(host.searches.at(0).collection, "default");
  EXPECT_EQ(host.searches[0].max_results, 6);
  EXPECT_TRUE(Json::Parse(host.searches[0].context).is_object());
  EXPECT_EQ(answer.output["response"].string(), answer.response);
  EXPECT_EQ(answer.output["grounded"].boolean(), true);
  EXPECT_EQ(answer.output["citations"][size_t{0}]["title"].string(), "Backups");
}

TEST_F(Pipeline, GuideAsksForItsSchema) {
  host.Say(GuideReply("x [1]"));
  host.RunToAnswer(Shipped("cape-ai-guide"), Ask("What is a backup?"));
  const ChatRequest& request = host.requests.at(0);
  EXPECT_EQ(request.schema_name, "cape-ai-guide");
  EXPECT_TRUE(request.response_schema.Equals(test::ShippedSource("cape-ai-guide")["output_schema"]));
  EXPECT_EQ(request.model, "gpt-4o-mini");
  EXPECT_EQ(request.temperature, 0.2);
  EXPECT_FALSE(request.stream);
}

TEST_F(Pipeline, ChatIsTheModelAndNothingElse) {
  host.Say("Hello.");
  const Answer answer = host.RunToAnswer(Shipped("chat"), Ask("Hi"));
  EXPECT_EQ(answer.response, "Hello.");
  EXPECT_EQ(answer.grounded, std::nullopt);
  EXPECT_EQ(answer.confidence_score, std::nullopt);
  EXPECT_EQ(answer.output.Dump(), R"({"response":"Hello.","finish_reason":"stop"})");
  EXPECT_EQ(host.requests.at(0).messages.Dump(), R"([{"role":"user","content":"Hi"}])");
  EXPECT_EQ(host.steps.size(), 1u);
  EXPECT_EQ(host.steps[0].progress, 100);
  EXPECT_TRUE(host.searches.empty());
}

TEST_F(Pipeline, ChatTakesMessagesAsTheyAre) {
  host.Say("Yes.");
  TaskInput input = Ask("");
  input.input =
      Parse(R"({"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Ok?"}]})");
  host.RunToAnswer(Shipped("chat"), input);
  EXPECT_TRUE(host.requests.at(0).messages.Equals(input.input["messages"]));
}

TEST_F(Pipeline, TaskOverridesModelParameters) {
  host.Say(GuideReply("x [1]"));
  TaskInput input = Ask("What is a backup?");
  input.temperature = 1.5;
  input.max_tokens = 7;
  host.RunToAnswer(Shipped("cape-ai-guide"), input);
  EXPECT_EQ(host.requests.at(0).temperature, 1.5);
  EXPECT_EQ(host.requests[0].max_tokens, 7);
}

TEST_F(Pipeline, ReplyInFenceAndProseIsUnderstood) {
  host.Say("Here you are:\n```json\n" + GuideReply("Dump it [1].") + "\n```\nAnything else?");
  EXPECT_EQ(host.RunToAnswer(Shipped("cape-ai-guide"), Ask("How to dump?")).response, "Dump it [1].");
  EXPECT_EQ(host.requests.size(), 1u);
}

TEST_F(Pipeline, BrokenReplyIsRepairedOnce) {
  host.Say(R"({"response": "Half an answer"})");
  host.Say(GuideReply("Whole [2].", "[2]"));
  const Answer answer = host.RunToAnswer(Shipped("cape-ai-guide"), Ask("How to restore?"));
  EXPECT_EQ(answer.response, "Whole [2].");
  EXPECT_EQ(answer.raw_text, "Whole [2].");
  EXPECT_EQ(answer.usage.prompt_tokens, 200);
  ASSERT_EQ(host.requests.size(), 2u);
  const Json messages = host.requests[1].messages;
  const std::string complaint = messages[messages.size() - 1]["content"].string_or("");
  EXPECT_NE(complaint.find("/suggestions is required"), complaint.npos) << complaint;
  EXPECT_EQ(messages[messages.size() - 2]["content"].string(), R"({"response": "Half an answer"})");
  EXPECT_EQ(host.steps[2].output["exchanges"].integer(), 2);
}

TEST_F(Pipeline, TwiceBrokenFailsWithWhatIsWrong) {
  host.Say("I would rather talk.");
  host.Say(R"({"response":1,"suggestions":[],"citations":[],"confidence":1})");
  const Failure failure = host.RunToFailure(Shipped("cape-ai-guide"), Ask("How to restore?"));
  EXPECT_EQ(failure.code, "invalid_output");
  EXPECT_EQ(failure.error.sqlstate, "CA200");
  EXPECT_EQ(failure.error.detail, "Member /response must be a string, not a number.");
  EXPECT_TRUE(failure.retryable);
  EXPECT_EQ(failure.usage.completion_tokens, 40);
  EXPECT_FALSE(host.steps.back().succeeded);
  EXPECT_EQ(host.steps.back().error["code"].string(), "invalid_output");
  EXPECT_FALSE(host.steps.back().output);
}

TEST_F(Pipeline, TruncatedStructuredAnswerIsNamed) {
  host.Say(R"({"response":"The first step is)", "length");
  const Failure failure = host.RunToFailure(Shipped("cape-ai-guide"), Ask("How to restore?"));
  EXPECT_EQ(failure.code, "output_truncated");
  EXPECT_EQ(failure.raw_text, "The first step is");
  EXPECT_FALSE(failure.retryable);
  EXPECT_EQ(host.steps.back().error["partial_text"].string(), "The first step is");
}

TEST_F(Pipeline, TruncatedTextIsAnAnswer) {
  host.Say("The first", "length");
  const Answer answer = host.RunToAnswer(Shipped("chat"), Ask("Hi"));
  EXPECT_EQ(answer.response, "The first");
  EXPECT_EQ(answer.finish_reason, "length");
}

TEST_F(Pipeline, ContentFilterAndEmptyRepliesAreNamed) {
  for (const auto& [text, reason, code] : {std::tuple{"", "content_filter", "content_filter"},
                                           {"", "stop", "empty_reply"},
                                           {" \n", "length", "output_truncated"}}) {
    FakeHost fresh;
    fresh.Say(text, reason);
    EXPECT_EQ(fresh.RunToFailure(Shipped("chat"), Ask("Hi")).code, code);
  }
}

TEST_F(Pipeline, RefusalOfTheModelIsAnAnswer) {
  ChatReply reply;
  reply.refusal = "I can't help with that.";
  reply.finish_reason = "stop";
  host.script.push_back({reply});
  TaskInput input = Ask("How to pick a lock?", Parse(R"({"preferred_format":"steps"})"));
  const Answer answer = host.RunToAnswer(Shipped("cape-ai-guide"), input);
  EXPECT_EQ(answer.response, "I can't help with that.");
  EXPECT_EQ(answer.finish_reason, "refusal");
  EXPECT_EQ(answer.grounded, false);
  EXPECT_EQ(answer.confidence_score, 0);
}

TEST_F(Pipeline, RateLimitIsCarriedToThePolicy) {
  ChatError error;
  error.kind = ChatError::Kind::kRefused;
  error.status = 429;
  error.message = "slow down";
  error.retryable = true;
  error.provider_wide = true;
  error.retry_after = std::chrono::seconds(3);
  host.script.push_back({error});
  const Failure failure = host.RunToFailure(Shipped("chat"), Ask("Hi"));
  EXPECT_EQ(failure.error.sqlstate, "CA429");
  EXPECT_EQ(failure.code, "rate_limited");
  EXPECT_TRUE(failure.retryable);
  EXPECT_FALSE(failure.charge);
  EXPECT_TRUE(failure.provider_wide);
  EXPECT_EQ(failure.retry_after, Duration(std::chrono::seconds(3)));
}

TEST_F(Pipeline, ErrorsHaveTheirStates) {
  struct Case {
    ChatError::Kind kind;
    int status;
    const char* code;
    const char* state;
    const char* name;
  };
  using K = ChatError::Kind;
  for (const Case& c :
       {Case{K::kTransport, 0, "", "08006", "transport"}, Case{K::kTimeout, 0, "", "57014", "timeout"},
        Case{K::kRefused, 401, "", "CA401", "auth_failed"},
        Case{K::kRefused, 503, "", "CA503", "provider_error"},
        Case{K::kRefused, 429, "insufficient_quota", "CA429", "insufficient_quota"},
        Case{K::kRefused, 400, "context_length_exceeded", "CA400", "context_too_long"},
        Case{K::kInStream, 0, "", "CA500", "provider_error"},
        Case{K::kMalformed, 200, "", "CA200", "malformed_reply"},
        Case{K::kConfig, 0, "", "55000", "not_configured"}}) {
    FakeHost fresh;
    ChatError error;
    error.kind = c.kind;
    error.status = c.status;
    error.code = c.code;
    error.message = "it broke";
    error.partial.usage.completion_tokens = 5;
    fresh.script.push_back({error});
    const Failure failure = fresh.RunToFailure(Shipped("chat"), Ask("Hi"));
    EXPECT_EQ(failure.error.sqlstate, c.state);
    EXPECT_EQ(failure.code, c.name);
    EXPECT_EQ(failure.usage.completion_tokens, 5);
    EXPECT_TRUE(failure.charge);
  }
}

TEST_F(Pipeline, SearchThatFailsFailsTheAttempt) {
  host.found = Error{"42501", "permission denied for function f", "", ""};
  const Failure denied = host.RunToFailure(Shipped("cape-ai-guide"), Ask("How to restore?"));
  EXPECT_EQ(denied.error.sqlstate, "42501");
  EXPECT_EQ(denied.code, "retrieval_failed");
  EXPECT_FALSE(denied.retryable);
  FakeHost other;
  other.found = Error{"40001", "could not serialize access", "", ""};
  EXPECT_TRUE(other.RunToFailure(Shipped("cape-ai-guide"), Ask("How to restore?")).retryable);
}

TEST_F(Pipeline, UnknownCitationsAreDropped) {
  host.Say(GuideReply("As written [7] and [2].", "[7, 0, -1, 2]"));
  const Answer answer = host.RunToAnswer(Shipped("cape-ai-guide"), Ask("How to restore?"));
  EXPECT_EQ(answer.grounded, true);
  EXPECT_EQ(answer.response, "As written and [2].");
  ASSERT_EQ(answer.citations.size(), 1u);
  EXPECT_EQ(answer.citations[size_t{0}]["number"].integer(), 2);
  EXPECT_EQ(host.steps[2].output["unknown_citations"].integer(), 3);
  EXPECT_EQ(answer.resources[size_t{0}]["title"].string(), "Restore");  // the cited one first
  const double strength = RetrievalStrength("How to restore?", *host.found, {1});
  EXPECT_NEAR(*answer.confidence_score, 0.25 * (0.6 * strength + 0.4 * 0.9), 1e-9);
}

TEST_F(Pipeline, UncitedAnswerIsFlagged) {
  host.Say(GuideReply("The moon is made of cheese.", "[9]"));
  const Answer answer = host.RunToAnswer(Shipped("cape-ai-guide"), Ask("What is the moon made of?"));
  EXPECT_EQ(answer.grounded, false);
  EXPECT_EQ(answer.response,
            "The moon is made of cheese.\n\nNote: this answer is not backed by the documentation that was "
            "searched.");
  EXPECT_LT(*answer.confidence_score, 0.25);
  EXPECT_EQ(answer.raw_text, "The moon is made of cheese.");
}

TEST_F(Pipeline, PolicyAnswerAndRefuse) {
  Json source = test::ShippedSource("cape-ai-guide").DeepCopy();
  source.Set("unsupported_policy", Json::String("answer"));
  host.Say(GuideReply("Cheese.", "[]"));
  EXPECT_EQ(host.RunToAnswer(test::Load(source), Ask("What is the moon made of?")).response, "Cheese.");
  source.Set("unsupported_policy", Json::String("refuse"));
  host.Say(GuideReply("Cheese.", "[]"));
  TaskInput input = Ask("What is the moon made of?", Parse(R"({"preferred_format":"checklist"})"));
  input.stream = true;
  const Answer refused = host.RunToAnswer(test::Load(source), input);
  EXPECT_EQ(refused.response.find("Cheese"), std::string::npos);
  EXPECT_EQ(refused.response.find("- [ ]"), std::string::npos);
  EXPECT_TRUE(refused.suggestions.empty());
  EXPECT_TRUE(host.deltas.empty());  // what may be refused is never streamed
}

TEST_F(Pipeline, EmptyKnowledgeIsSaidHonestly) {
  host.found = std::vector<Passage>{};
  host.Say(GuideReply("The documentation does not cover this.", "[]", 0.1));
  const Answer answer = host.RunToAnswer(Shipped("cape-ai-guide"), Ask("How to fly to the moon?"));
  EXPECT_EQ(answer.grounded, false);
  EXPECT_LT(*answer.confidence_score, 0.1);
  EXPECT_NE(answer.response.find("nothing in the documentation"), std::string::npos);
  EXPECT_EQ(answer.resources.size(), 0u);
  const Json messages = host.requests.at(0).messages;
  EXPECT_NE(messages[size_t{1}]["content"].string_or("").find("Nothing in the documentation"),
            std::string::npos);
}

TEST_F(Pipeline, EmptyKnowledgeAndRefuseAsksNoModel) {
  Json source = test::ShippedSource("cape-ai-guide").DeepCopy();
  source.Set("unsupported_policy", Json::String("refuse"));
  host.found = std::vector<Passage>{};
  const Answer answer = host.RunToAnswer(test::Load(source), Ask("How to fly to the moon?"));
  EXPECT_TRUE(host.requests.empty());
  EXPECT_EQ(answer.grounded, false);
  EXPECT_EQ(answer.confidence_score, 0);
}

TEST_F(Pipeline, EveryPreferredFormat) {
  const std::string said = "Stop the server. Then run `pg_dump -Fc app > app.dump` [1]. Start it again.";
  const auto response = [&](const char* format) {
    FakeHost fresh;
    fresh.found = host.found;
    fresh.Say(GuideReply(said));
    return fresh
        .RunToAnswer(Shipped("cape-ai-guide"),
                     Ask("How to dump?", Json::Object().Set("preferred_format", Json::String(format))))
        .response;
  };
  EXPECT_EQ(response("text"), said);
  EXPECT_EQ(response("steps"),
            "1. Stop the server.\n2. Then run `pg_dump -Fc app > app.dump` [1].\n3. Start it again.");
  EXPECT_EQ(
      response("checklist"),
      "- [ ] Stop the server.\n- [ ] Then run `pg_dump -Fc app > app.dump` [1].\n- [ ] Start it again.");
  EXPECT_EQ(response("code"), "```bash\npg_dump -Fc app > app.dump\n```\n\n" + said);
}

TEST_F(Pipeline, ExtractiveAnswersWithoutAModel) {
  TaskInput input = Ask("How do I run pg_dump each night?");
  input.model = kExtractiveModel;
  input.stream = true;
  const Answer answer = host.RunToAnswer(Shipped("cape-ai-guide"), input);
  EXPECT_TRUE(host.requests.empty());
  EXPECT_EQ(answer.model, kExtractiveModel);
  EXPECT_NE(answer.response.find("pg_dump"), std::string::npos) << answer.response;
  EXPECT_EQ(answer.grounded, true);
  EXPECT_GT(*answer.confidence_score, 0.4);
  EXPECT_EQ(host.Streamed(), answer.raw_text);
  EXPECT_EQ(host.steps.size(), 5u);
}

TEST_F(Pipeline, ExtractiveWithoutKnowledgeIsHonest) {
  host.found = std::vector<Passage>{};
  TaskInput input = Ask("How do I fly?");
  input.model = kExtractiveModel;
  const Answer answer = host.RunToAnswer(Shipped("cape-ai-guide"), input);
  EXPECT_EQ(answer.grounded, false);
  EXPECT_LT(*answer.confidence_score, 0.1);
  EXPECT_FALSE(answer.response.empty());
}

TEST_F(Pipeline, ExtractiveCannotChat) {
  TaskInput input = Ask("Hi");
  input.model = kExtractiveModel;
  const Failure failure = host.RunToFailure(Shipped("chat"), input);
  EXPECT_EQ(failure.error.sqlstate, "55000");
  EXPECT_FALSE(failure.error.hint.empty());
}

TEST_F(Pipeline, DroppedInMidWait) {
  for (int waits = 0; waits < 2; ++waits) {  // before the search, before the model
    FakeHost fresh;
    fresh.found = host.found;
    fresh.Say(GuideReply("never arrives"));
    Task<Outcome> task = RunAgent(fresh, Shipped("cape-ai-guide"), Ask("How to restore?"));
    task.Start(fresh.queue());
    ASSERT_TRUE(fresh.Turn());
    for (int i = 0; i < waits; ++i) {
      fresh.AnswerOne();
      ASSERT_TRUE(fresh.Turn());
    }
    EXPECT_FALSE(task.done());
    task.Reset();
    EXPECT_FALSE(fresh.queue().RunOne());
  }
}

TEST_F(Pipeline, ThousandsAtOnce) {
  const auto chat = Shipped("chat");
  std::deque<FakeHost> hosts(5000);
  std::vector<Task<Outcome>> tasks;
  for (FakeHost& each : hosts) {
    each.Say("Hello.");
    tasks.push_back(RunAgent(each, chat, Ask("Hi")));
    ASSERT_TRUE(tasks.back());
    tasks.back().Start(each.queue());
    ASSERT_TRUE(each.Turn());
  }
  for (size_t i = 0; i < hosts.size(); ++i) {
    hosts[i].AnswerOne();
    hosts[i].Turn();
    ASSERT_TRUE(tasks[i].done());
    EXPECT_EQ(std::get<Answer>(tasks[i].Take()).response, "Hello.");
  }
}

}  // namespace
}  // namespace capeai
