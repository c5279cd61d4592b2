// Every recorded response through the parsers, in one piece and in pieces of
// many sizes: the expected result, and always the same one.
#include "openai_fixtures.hpp"

#include <gtest/gtest.h>

#include "base/utf8.hpp"
#include "openai/embeddings.hpp"
#include "openai/sse.hpp"

namespace capeai {
namespace {

using testing_support::Describe;
using testing_support::Fixture;
using testing_support::LoadFixtures;
using testing_support::ParseInPieces;
using testing_support::PieceSizes;

std::vector<Fixture> Of(const std::string& api) {
  std::vector<Fixture> all = LoadFixtures();
  std::erase_if(all, [&](const Fixture& fixture) { return fixture.api != api; });
  return all;
}

const ChatReply& ReplyOf(const ChatResult& result) {
  if (const auto* error = std::get_if<ChatError>(&result)) return error->partial;
  return std::get<ChatReply>(result);
}

void ExpectUsage(const Json& expected, const Usage& usage) {
  if (!expected.is_object()) return;
  EXPECT_TRUE(usage.reported);
  EXPECT_EQ(usage.prompt_tokens, expected["prompt_tokens"].integer().value_or(-1));
  EXPECT_EQ(usage.completion_tokens, expected["completion_tokens"].integer().value_or(0));
  EXPECT_EQ(usage.reasoning_tokens,
            expected["completion_tokens_details"]["reasoning_tokens"].integer().value_or(0));
}

void ExpectToolCalls(const Json& expected, const Json& calls) {
  ASSERT_EQ(calls.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(calls[i]["id"].string_or(""), expected[i][size_t{0}].string_or("-"));
    EXPECT_EQ(calls[i]["function"]["name"].string_or(""), expected[i][1].string_or("-"));
    EXPECT_EQ(calls[i]["function"]["arguments"].string_or(""), expected[i][2].string_or("-"));
  }
}

void ExpectStream(const Fixture& fixture, const ChatResult& result) {
  const Json choice = fixture.expected["choices"]["0"];
  const Json error = fixture.expected["error"];
  const ChatReply& reply = ReplyOf(result);
  EXPECT_EQ(reply.text, choice["text"].string_or("-"));
  EXPECT_EQ(reply.refusal, choice["refusal"].string_or(""));
  EXPECT_EQ(reply.finish_reason, choice["finish_reason"].string_or(""));
  EXPECT_EQ(utf8::Length(reply.reasoning),
            static_cast<size_t>(fixture.expected["reasoning_chars"].integer().value_or(0)));
  EXPECT_FALSE(reply.lossy);
  ExpectToolCalls(choice["tool_calls"], reply.tool_calls);
  ExpectUsage(fixture.expected["usage"], reply.usage);
  ASSERT_EQ(std::holds_alternative<ChatError>(result), error.is_object()) << Describe(result);
  if (!error) return;
  const auto& got = std::get<ChatError>(result);
  EXPECT_EQ(got.kind, ChatError::Kind::kInStream);
  EXPECT_EQ(got.message, error["message"].string_or("-"));
  EXPECT_EQ(got.status, 400);
  EXPECT_FALSE(got.retryable);
}

void ExpectBody(const Fixture& fixture, const ChatResult& result) {
  ASSERT_TRUE(std::holds_alternative<ChatReply>(result)) << Describe(result);
  const auto& reply = std::get<ChatReply>(result);
  EXPECT_EQ(reply.text, fixture.expected["text"].string_or(""));
  EXPECT_EQ(reply.refusal, fixture.expected["refusal"].string_or(""));
  EXPECT_EQ(reply.finish_reason, fixture.expected["finish_reason"].string_or("-"));
  EXPECT_FALSE(reply.raw) << "nobody asked for it";
  ExpectUsage(fixture.expected["usage"], reply.usage);
}

void ExpectHttpError(const Fixture& fixture, const ChatResult& result) {
  ASSERT_TRUE(std::holds_alternative<ChatError>(result)) << Describe(result);
  const auto& got = std::get<ChatError>(result);
  const Json error = fixture.expected["error"];
  EXPECT_EQ(got.kind, ChatError::Kind::kRefused);
  EXPECT_EQ(got.status, fixture.status);
  EXPECT_EQ(got.type, error["type"].string_or(""));
  if (error) {
    EXPECT_EQ(got.message, error["message"].string_or("-"));
    const Json code = error["code"];
    EXPECT_EQ(got.code, code.is_integer() ? code.Dump() : code.string_or(""));
  }
  const std::string detail = fixture.expected["json"]["detail"].string_or("");
  if (!detail.empty()) {
    EXPECT_EQ(got.message, detail);
  }
  EXPECT_FALSE(got.message.empty());
  const bool quota = got.code == "insufficient_quota";
  EXPECT_EQ(got.retryable, !quota && (fixture.status == 429 || fixture.status >= 500));
  EXPECT_EQ(got.provider_wide, !quota && fixture.status == 429);
  EXPECT_EQ(got.context_length, fixture.name.find("context-length") != std::string::npos);
}

TEST(OpenaiFixtures, ChatAtEveryPieceSize) {
  const auto fixtures = Of("chat");
  if (fixtures.empty()) GTEST_SKIP() << "no recorded responses beside the repository";
  for (const Fixture& fixture : fixtures) {
    SCOPED_TRACE(fixture.name);
    const auto whole = ParseInPieces(fixture.status, fixture.headers, fixture.body,
                                     std::max<size_t>(fixture.body.size(), 1));
    if (fixture.status != 200)
      ExpectHttpError(fixture, whole.result);
    else if (fixture.expected["choices"])
      ExpectStream(fixture, whole.result);
    else
      ExpectBody(fixture, whole.result);
    EXPECT_EQ(whole.deltas, ReplyOf(whole.result).text);
    const std::string expected = Describe(whole.result);
    for (const size_t size : PieceSizes(fixture.body.size())) {
      const auto parsed = ParseInPieces(fixture.status, fixture.headers, fixture.body, size);
      ASSERT_EQ(Describe(parsed.result), expected) << "pieces of " << size;
      ASSERT_EQ(parsed.deltas, whole.deltas) << "pieces of " << size;
    }
  }
}

TEST(OpenaiFixtures, GroqUsageStandsInItsOwnMember) {
  for (const Fixture& fixture : Of("chat")) {
    if (!fixture.name.starts_with("25-groq")) continue;
    const auto parsed = ParseInPieces(200, fixture.headers, fixture.body, 1000);
    const Usage& usage = std::get<ChatReply>(parsed.result).usage;
    EXPECT_TRUE(usage.reported);
    EXPECT_EQ(usage.prompt_tokens, 12);
    EXPECT_EQ(usage.completion_tokens, 24);
    return;
  }
  GTEST_SKIP() << "no recorded responses beside the repository";
}

TEST(OpenaiFixtures, EveryCutOfAStreamIsReportedAsCut) {
  const auto fixtures = Of("chat");
  if (fixtures.empty()) GTEST_SKIP() << "no recorded responses beside the repository";
  for (const Fixture& fixture : fixtures) {
    if (fixture.name != "01-chat-stream-text") continue;
    const std::string text = fixture.expected["choices"]["0"]["text"].string_or("");
    const size_t finish = fixture.body.find("\"finish_reason\":\"stop\"");
    for (size_t cut = 0; cut < fixture.body.size(); cut += 7) {
      const auto parsed =
          ParseInPieces(200, fixture.headers, fixture.body.substr(0, cut), 100, {}, TransportEnd::kCut);
      if (cut <= finish) {
        const auto* error = std::get_if<ChatError>(&parsed.result);
        ASSERT_NE(error, nullptr) << "cut at " << cut;
        ASSERT_EQ(error->kind, ChatError::Kind::kTransport);
        ASSERT_TRUE(error->retryable);
        ASSERT_TRUE(text.starts_with(error->partial.text));
        ASSERT_EQ(error->output_started, !parsed.deltas.empty());
        ASSERT_TRUE(error->partial.text.starts_with(parsed.deltas));
      } else if (std::holds_alternative<ChatReply>(parsed.result)) {
        ASSERT_EQ(std::get<ChatReply>(parsed.result).text, text);
      }
    }
  }
}

// The Responses API is not ours, but its framing is good exercise for SSE.
TEST(OpenaiFixtures, EventsAtEveryPieceSize) {
  std::vector<Fixture> fixtures = Of("sse");
  if (fixtures.empty()) GTEST_SKIP() << "no recorded responses beside the repository";
  for (Fixture& other : Of("responses")) fixtures.push_back(std::move(other));
  for (const Fixture& fixture : fixtures) {
    SCOPED_TRACE(fixture.name);
    for (const size_t size : PieceSizes(fixture.body.size())) {
      SseParser parser;
      Json events = Json::Array();
      for (size_t at = 0; at < fixture.body.size(); at += size) {
        std::string_view bytes = std::string_view(fixture.body).substr(at, size);
        SseEvent event;
        while (parser.Next(bytes, event) == SseParser::Step::kEvent)
          if (event.data != "[DONE]")
            events.Push(Json::Array().Push(Json::String(event.type)).Push(Json::String(event.data)));
      }
      const Json expected = fixture.expected["events"];
      if (expected.is_array())
        ASSERT_EQ(events.Dump(), expected.Dump()) << "pieces of " << size;
      else
        ASSERT_EQ(static_cast<int64_t>(events.size()), expected.integer().value_or(-1))
            << "pieces of " << size;
    }
  }
}

TEST(OpenaiFixtures, Embeddings) {
  const auto fixtures = Of("embeddings");
  if (fixtures.empty()) GTEST_SKIP() << "no recorded responses beside the repository";
  for (const Fixture& fixture : fixtures) {
    const auto result = ParseEmbeddings(fixture.status, fixture.headers, fixture.body, 1, WallTime{});
    ASSERT_TRUE(std::holds_alternative<EmbeddingsReply>(result));
    const auto& reply = std::get<EmbeddingsReply>(result);
    ASSERT_EQ(reply.vectors.size(), 1u);
    EXPECT_EQ(static_cast<int64_t>(reply.vectors[0].size()), fixture.expected["dim"].integer().value_or(0));
    EXPECT_EQ(reply.usage.prompt_tokens, 8);
  }
}

}  // namespace
}  // namespace capeai
