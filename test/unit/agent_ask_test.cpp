// The messages between a backend and the worker: what is encoded is decoded, and
// what is malformed is refused.
#include "agent/ask.hpp"

#include <gtest/gtest.h>

namespace capeai {
namespace {

AskRequest FullRequest() {
  AskRequest request;
  request.kind = AskRequest::Kind::kRawChat;
  request.number = 4294967295u;
  request.task_id = *Uuid::Parse("01890a5d-ac96-774b-bcce-b302099a8057");
  request.agent_id = *Uuid::Parse("11890a5d-ac96-774b-bcce-b302099a8057");
  request.agent_version_id = *Uuid::Parse("21890a5d-ac96-774b-bcce-b302099a8057");
  request.owner = 4000000000u;
  request.user_id = "anna \"x\"";
  request.application_name = "psql";
  request.client_addr = "::1";
  request.input = Json::Parse(R"({"query": "Wie? ☃", "context": {"a": [1, 2]}})");
  request.model = "gpt-4o-mini";
  request.options = Json::Parse(R"({"temperature": 0.5})");
  request.stream = true;
  request.idle_timeout = std::chrono::milliseconds(1500);
  request.conversation = *Uuid::Parse("31890a5d-ac96-774b-bcce-b302099a8057");
  request.timeout = std::chrono::seconds(7);
  request.asked_at = WallTime(Duration(1700000000123456));
  request.searching = true;
  request.found.passages.push_back({3, 5, "Title", "A > B", "Text", "https://example.org", "doc", 0.25});
  request.found.started = WallTime(Duration(1700000000000001));
  request.found.completed = WallTime(Duration(1700000000000002));
  return request;
}

TEST(AskRequestTest, ComesBackAsItWas) {
  const AskRequest sent = FullRequest();
  const auto message = DecodeAskMessage(sent.Encode());
  ASSERT_TRUE(message && message->request);
  const AskRequest& got = *message->request;
  EXPECT_EQ(got.Encode(), sent.Encode());
  EXPECT_EQ(got.kind, sent.kind);
  EXPECT_EQ(got.number, sent.number);
  EXPECT_EQ(got.task_id, sent.task_id);
  EXPECT_EQ(got.owner, sent.owner);
  EXPECT_EQ(got.user_id, sent.user_id);
  EXPECT_TRUE(got.input.Equals(sent.input));
  EXPECT_TRUE(got.stream);
  EXPECT_EQ(got.idle_timeout, sent.idle_timeout);
  EXPECT_EQ(got.timeout, sent.timeout);
  EXPECT_EQ(got.asked_at, sent.asked_at);
  ASSERT_TRUE(got.conversation);
  EXPECT_EQ(*got.conversation, *sent.conversation);
  EXPECT_TRUE(got.searching);
  ASSERT_EQ(got.found.passages.size(), 1u);
  EXPECT_EQ(got.found.passages[0].passage_id, 5);
  EXPECT_EQ(got.found.passages[0].score, 0.25);
}

TEST(AskFoundTest, ComesBackAsItWas) {
  AskFound sent = FullRequest().found;
  sent.number = 12;
  auto message = DecodeAskMessage(sent.Encode());
  ASSERT_TRUE(message && message->found);
  EXPECT_FALSE(message->request);
  EXPECT_EQ(message->found->number, 12u);
  EXPECT_EQ(message->found->passages.size(), 1u);
  EXPECT_EQ(message->found->started, sent.started);
  EXPECT_EQ(message->found->completed, sent.completed);
  EXPECT_FALSE(message->found->error);

  sent.error = Error{"P0042", "no index today", "Detail.", "Hint."};
  message = DecodeAskMessage(sent.Encode());
  ASSERT_TRUE(message && message->found && message->found->error);
  EXPECT_EQ(message->found->error->sqlstate, "P0042");
  EXPECT_EQ(message->found->error->hint, "Hint.");
}

TEST(AskMessageTest, CancelAndCreditAreToldApart) {
  const auto cancel = DecodeAskMessage(AskCancel{17}.Encode());
  ASSERT_TRUE(cancel && cancel->cancel);
  EXPECT_EQ(*cancel->cancel, 17u);
  EXPECT_FALSE(cancel->request || cancel->credit);

  const auto credit = DecodeAskMessage(AskCredit{18, 70000}.Encode());
  ASSERT_TRUE(credit && credit->credit);
  EXPECT_EQ(credit->credit->number, 18u);
  EXPECT_EQ(credit->credit->cost, 70000u);
  EXPECT_FALSE(credit->request || credit->cancel);
}

TEST(AskMessageTest, RefusesWhatIsNoMessage) {
  for (const char* text : {"[]", "{}", "null", "{\"reply\": 1}"})
    EXPECT_FALSE(DecodeAskMessage(Json::Parse(text).Tokens())) << text;
  for (const std::string& whole :
       {AskCancel{1}.Encode(), AskCredit{1, 2}.Encode(), FullRequest().found.Encode()})
    for (size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(DecodeAskMessage(whole.substr(0, size))) << size;
  const auto negative = DecodeAskMessage(Json::Parse("{\"credit\":1,\"cost\":-5}").Tokens());
  ASSERT_TRUE(negative && negative->credit);
  EXPECT_EQ(negative->credit->cost, 0u);
}

TEST(AskReplyTest, EachKindComesBackWithWhatItCarries) {
  AskReply delta;
  delta.kind = AskReply::Kind::kDelta;
  delta.number = 9;
  delta.text = "Grüße \"☃\"\n";
  auto got = AskReply::Decode(delta.Encode());
  ASSERT_TRUE(got);
  EXPECT_EQ(got->kind, AskReply::Kind::kDelta);
  EXPECT_EQ(got->number, 9u);
  EXPECT_EQ(got->text, delta.text);

  for (const auto kind : {AskReply::Kind::kError, AskReply::Kind::kReset}) {
    AskReply reply;
    reply.kind = kind;
    reply.error = Error{"08006", "gone", "Detail.", "Hint."};
    got = AskReply::Decode(reply.Encode());
    ASSERT_TRUE(got);
    EXPECT_EQ(got->kind, kind);
    EXPECT_EQ(got->error.sqlstate, "08006");
    EXPECT_EQ(got->error.message, "gone");
    EXPECT_EQ(got->error.detail, "Detail.");
    EXPECT_EQ(got->error.hint, "Hint.");
  }

  AskReply answer;
  answer.kind = AskReply::Kind::kAnswer;
  answer.answer = Json::Parse(R"({"response": "yes"})");
  got = AskReply::Decode(answer.Encode());
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->answer.Equals(answer.answer));
  EXPECT_FALSE(AskReply::Decode(Json::Parse("{\"kind\": 1}").Tokens()));
  EXPECT_FALSE(AskReply::Decode("nonsense"));
}

// What the window counts is at least what a piece takes in the channel, so that a
// stream within its window fits the channel's ring.
TEST(AskReplyTest, DeltaCostCoversTheMessage) {
  for (const size_t size : {1u, 12u, 500u, 4000u}) {
    AskReply delta;
    delta.kind = AskReply::Kind::kDelta;
    delta.number = 1000000;
    delta.text.assign(size, 'x');
    EXPECT_GE(DeltaCost(delta.text), delta.Encode().size() + 16) << size;
  }
}

// As a database in SQL_ASCII may hold it: the others stay where they are.
TEST(AskFoundTest, APassageWithBrokenBytesKeepsItsOtherMembers) {
  AskFound found;
  found.number = 7;
  found.passages = {{1, 2, "broken \xFF", "heading", "text", "/url", "doc", 0.5},
                    {3, 4, "b", "", "c", "", "doc", 0.25}};
  const auto message = DecodeAskMessage(found.Encode());
  ASSERT_TRUE(message && message->found);
  const std::vector<Passage>& passages = message->found->passages;
  ASSERT_EQ(passages.size(), 2U);
  EXPECT_EQ(passages[0].title, "");
  EXPECT_EQ(passages[0].heading, "heading");
  EXPECT_EQ(passages[0].url, "/url");
  EXPECT_EQ(passages[1].document_id, 3);
  EXPECT_EQ(passages[1].text, "c");
  EXPECT_EQ(passages[1].score, 0.25);
}

}  // namespace
}  // namespace capeai
