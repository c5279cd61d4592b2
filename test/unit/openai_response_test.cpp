#include "openai/response.hpp"

#include <gtest/gtest.h>

#include "openai_fixtures.hpp"

namespace capeai {
namespace {

using testing_support::Describe;
using testing_support::Parsed;
using testing_support::ParseInPieces;
using testing_support::PieceSizes;
using Kind = ChatError::Kind;

const Headers kSse = {{"content-type", "text/event-stream"}};
const Headers kJson = {{"content-type", "application/json"}};

// Parses in pieces of every size and expects one result.
Parsed Parse(std::string_view body, const Headers& headers = kSse, ChatResponseParser::Options options = {},
             int status = 200, TransportEnd end = TransportEnd::kComplete) {
  Parsed whole = ParseInPieces(status, headers, body, body.size() + 1, options, end);
  for (const size_t size : PieceSizes(body.size())) {
    const Parsed parsed = ParseInPieces(status, headers, body, size, options, end);
    EXPECT_EQ(Describe(parsed.result), Describe(whole.result)) << "pieces of " << size;
  }
  return whole;
}
ChatReply Reply(const Parsed& parsed) {
  EXPECT_TRUE(std::holds_alternative<ChatReply>(parsed.result)) << Describe(parsed.result);
  const auto* reply = std::get_if<ChatReply>(&parsed.result);
  return reply ? *reply : ChatReply();
}
ChatError Failure(const Parsed& parsed) {
  EXPECT_TRUE(std::holds_alternative<ChatError>(parsed.result)) << Describe(parsed.result);
  const auto* error = std::get_if<ChatError>(&parsed.result);
  return error ? *error : ChatError();
}

// One chunk with a piece of content (a JSON string's inside).
std::string Chunk(const std::string& content, const std::string& rest = "") {
  return R"(data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":")" + content + "\"}" +
         rest + "}]}\n\n";
}
const std::string kStop = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const std::string kDone = "data: [DONE]\n\n";
const std::string kBody =
    R"({"id":"b","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},)"
    R"("finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":1}})";

TEST(OpenaiResponse, EachFormWhateverTheContentType) {
  EXPECT_EQ(Reply(Parse(kBody, kSse)).text, "Hi");
  EXPECT_EQ(Reply(Parse(Chunk("Hi") + kStop + kDone, kJson)).text, "Hi");
  EXPECT_EQ(Reply(Parse(kBody, {})).usage.prompt_tokens, 5);
  EXPECT_EQ(Reply(Parse("\xEF\xBB\xBF" + kBody, kJson)).text, "Hi");
  EXPECT_EQ(Reply(Parse("\n\n  \n" + kBody, kJson)).text, "Hi") << "blanks keep a connection alive";
  EXPECT_EQ(Reply(Parse(" \r\n \n" + Chunk("Hi") + kStop, kSse)).text, "Hi");
  EXPECT_EQ(Reply(Parse(": processing\n\n" + Chunk("Hi") + kStop, kSse)).text, "Hi");
}

TEST(OpenaiResponse, WhatEndsAStream) {
  EXPECT_EQ(Reply(Parse(Chunk("a") + kStop + kDone)).finish_reason, "stop");
  EXPECT_EQ(Reply(Parse(Chunk("a") + kStop)).text, "a");
  EXPECT_EQ(Reply(Parse(Chunk("a") + kDone)).finish_reason, "");
  EXPECT_EQ(Reply(Parse(Chunk("a") + "data: [DONE]")).text, "a") << "the last blank line is missing";
  EXPECT_EQ(Reply(Parse(Chunk("a") + kStop + kDone + Chunk("late"))).text, "a");
  EXPECT_EQ(Reply(Parse(Chunk("a") + kStop, kSse, {}, 200, TransportEnd::kCut)).text, "a")
      << "nothing but usage could follow";
  const ChatError cut = Failure(Parse(Chunk("a") + Chunk("b")));
  EXPECT_EQ(cut.kind, Kind::kTransport);
  EXPECT_TRUE(cut.retryable);
  EXPECT_TRUE(cut.output_started);
  EXPECT_EQ(cut.partial.text, "ab");
  EXPECT_EQ(cut.partial.usage.completion_tokens, 1);
  EXPECT_EQ(cut.status, 200);
  EXPECT_EQ(Failure(Parse(Chunk("a") + "data: {\"choi")).kind, Kind::kTransport);
}

TEST(OpenaiResponse, NothingIsNoAnswer) {
  EXPECT_EQ(Failure(Parse("")).kind, Kind::kMalformed);
  EXPECT_EQ(Failure(Parse("  \n ")).kind, Kind::kMalformed);
  EXPECT_EQ(Failure(Parse("", kSse, {}, 200, TransportEnd::kCut)).kind, Kind::kTransport);
  EXPECT_EQ(Failure(Parse(kDone)).kind, Kind::kMalformed) << "no choices";
  EXPECT_EQ(Failure(Parse("{}", kJson)).kind, Kind::kMalformed);
  EXPECT_EQ(Failure(Parse("[]", kJson)).kind, Kind::kMalformed);
  EXPECT_EQ(Failure(Parse("<html><title>Login</title></html>", kJson)).kind, Kind::kMalformed);
  EXPECT_EQ(Failure(Parse("data: nonsense\n\n" + kStop)).kind, Kind::kMalformed);
  EXPECT_EQ(Failure(Parse(kBody.substr(0, 60), kJson, {}, 200, TransportEnd::kCut)).kind, Kind::kTransport);
  ChatResponseParser never({});
  const ChatResult result = never.Finish(TransportEnd::kCut, "could not connect");
  EXPECT_EQ(std::get<ChatError>(result).kind, Kind::kTransport);
  EXPECT_EQ(std::get<ChatError>(result).message, "could not connect");
}

TEST(OpenaiResponse, UsageAfterTheFinish) {
  const std::string usage =
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4,"
      "\"prompt_tokens_details\":{\"cached_tokens\":3}}}\n\n";
  const ChatReply reply = Reply(Parse(Chunk("a") + kStop + usage + kDone));
  EXPECT_TRUE(reply.usage.reported);
  EXPECT_EQ(reply.usage.prompt_tokens, 9);
  EXPECT_EQ(reply.usage.cached_tokens, 3);
}

TEST(OpenaiResponse, UsageIsEstimatedWhenMissing) {
  ChatResponseParser::Options options;
  options.prompt_tokens = 21;
  const ChatReply reply = Reply(Parse(Chunk("twelve chars") + kStop + kDone, kSse, options));
  EXPECT_FALSE(reply.usage.reported);
  EXPECT_EQ(reply.usage.prompt_tokens, 21);
  EXPECT_EQ(reply.usage.completion_tokens, 3);
}

TEST(OpenaiResponse, OnlyChoiceZeroMakesTheText) {
  const std::string other = "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"no\"}}]}\n\n";
  EXPECT_EQ(Reply(Parse(Chunk("a") + other + Chunk("b") + kStop + kDone)).text, "ab");
}

TEST(OpenaiResponse, ErrorsInsideAStream) {
  const auto fail = [&](const std::string& error) {
    return Failure(Parse(Chunk("a") + "data: " + error + "\n\n"));
  };
  const ChatError server =
      fail(R"({"error":{"message":"The server had an error","type":"server_error","code":null}})");
  EXPECT_EQ(server.kind, Kind::kInStream);
  EXPECT_EQ(server.status, 500);
  EXPECT_TRUE(server.retryable);
  EXPECT_TRUE(server.output_started);
  EXPECT_EQ(server.partial.text, "a");
  const ChatError rate = fail(R"({"error":{"message":"slow","code":429}})");
  EXPECT_TRUE(rate.retryable);
  EXPECT_TRUE(rate.provider_wide);
  EXPECT_FALSE(fail(R"({"error":{"message":"quota","code":"insufficient_quota"}})").retryable);
  EXPECT_FALSE(fail(R"({"error":{"message":"bad","type":"invalid_request_error"}})").retryable);
  EXPECT_EQ(fail(R"({"error":"overloaded"})").message, "overloaded");
  EXPECT_EQ(fail(R"({"object":"error","message":"vllm says no","code":400})").status, 400);
  EXPECT_EQ(Failure(Parse(R"({"error":{"message":"in a body","code":502}})", kJson)).status, 502);
}

TEST(OpenaiResponse, NullErrorsAreNone) {
  EXPECT_EQ(
      Reply(Parse("data: {\"error\":null,\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n" + kStop)).text,
      "a");
}

TEST(OpenaiResponse, ToolCallsAreMerged) {
  const auto call = [](const std::string& piece) {
    return "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[" + piece + "]}}]}\n\n";
  };
  const Json calls = Reply(Parse(call(R"({"index":1,"id":"b","function":{"name":"g","arguments":"{"}})") +
                                 call(R"({"index":0,"id":"a","function":{"name":"f","arguments":""}})") +
                                 call(R"({"index":1,"function":{"arguments":"}"}})") +
                                 call(R"({"index":0,"function":{"arguments":"[1]"}})") + kStop + kDone))
                         .tool_calls;
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[size_t{0}].Dump(),
            R"({"id":"a","type":"function","function":{"name":"f","arguments":"[1]"}})");
  EXPECT_EQ(calls[1]["function"]["arguments"].string_or(""), "{}");
  const Json unnumbered = Reply(Parse(call(R"({"id":"a","function":{"name":"f","arguments":"1"}})") +
                                      call(R"({"function":{"arguments":"2"}})") +
                                      call(R"({"id":"b","function":{"name":"g","arguments":"3"}})") + kStop))
                              .tool_calls;
  ASSERT_EQ(unnumbered.size(), 2u);
  EXPECT_EQ(unnumbered[size_t{0}]["function"]["arguments"].string_or(""), "12");
  EXPECT_EQ(Failure(Parse(call(R"({"index":128,"id":"a"})"))).kind, Kind::kMalformed);
}

TEST(OpenaiResponse, ContentInPartsAndReasoning) {
  const std::string body =
      R"({"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},)"
      R"({"type":"text","text":"Hi"}]},"finish_reason":"stop"}]})";
  const ChatReply reply = Reply(Parse(body, kJson));
  EXPECT_EQ(reply.text, "Hi");
  EXPECT_EQ(reply.reasoning, "hm");
}

TEST(OpenaiResponse, TextIsAlwaysStorable) {
  const ChatReply nul = Reply(Parse(Chunk("a\\u0000b") + kStop + kDone));
  EXPECT_EQ(nul.text,
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_TRUE(nul.lossy);
  const ChatReply half = Reply(Parse(Chunk("a\\ud83d") + Chunk("b") + kStop));
  EXPECT_EQ(half.text,
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_TRUE(half.lossy);
  const ChatReply bytes = Reply(Parse(Chunk("a\xFF\xC3") + kStop));
  EXPECT_EQ(bytes.text, "a\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_TRUE(bytes.lossy);
  EXPECT_EQ(Reply(Parse(Chunk("\\ud83d\\ude0a") + kStop)).text, "\xF0\x9F\x98\x8A");
}

TEST(OpenaiResponse, SizeIsLimited) {
  ChatResponseParser::Options options;
  options.max_response_size = 400;
  std::string endless;
  for (int i = 0; i < 40; ++i) endless += Chunk("abc");
  const ChatError stream = Failure(Parse(endless, kSse, options));
  EXPECT_EQ(stream.kind, Kind::kTransport);
  EXPECT_FALSE(stream.retryable);
  EXPECT_NE(stream.message.find("400 bytes"), std::string::npos);
  EXPECT_FALSE(stream.partial.text.empty());
  EXPECT_FALSE(Failure(Parse("{\"a\":\"" + std::string(500, 'x') + "\"}", kJson, options)).retryable);
  EXPECT_FALSE(Failure(Parse("data: " + std::string(5000, 'x'), kSse, options)).retryable);
  options.max_response_size = 100;
  EXPECT_EQ(Failure(Parse("data: bad\n\ndata: " + std::string(200, 'x'), kSse, options)).kind,
            Kind::kMalformed)
      << "the first fault counts, however the bytes arrive";
  options.max_response_size = kBody.size();
  EXPECT_EQ(Reply(Parse(kBody, kJson, options)).text, "Hi");
}

TEST(OpenaiResponse, FeedSaysWhenToStop) {
  ChatResponseParser::Options options;
  options.max_response_size = 100;
  ChatResponseParser parser(options);
  parser.Begin(200, kSse, WallTime{});
  EXPECT_TRUE(parser.Feed("data: [DONE]\n\n")) << "the connection can be used again";
  EXPECT_FALSE(parser.Feed(std::string(200, 'x')));
  ChatResponseParser error({});
  error.Begin(500, kJson, WallTime{});
  EXPECT_TRUE(error.Feed("{"));
  EXPECT_FALSE(error.Feed(std::string(ChatResponseParser::kErrorBodyBytes, ' ')));
  EXPECT_EQ(error.error_body().size(), ChatResponseParser::kErrorBodyBytes);
  EXPECT_TRUE(std::get<ChatError>(error.Finish(TransportEnd::kComplete)).retryable);
}

TEST(OpenaiResponse, TheKeyIsNotRepeated) {
  ChatResponseParser::Options options;
  options.api_key = "my-own-key-42";
  const ChatError error = Failure(
      Parse(R"({"error":{"message":"Incorrect API key provided: my-own-key-42."}})", kJson, options, 401));
  EXPECT_EQ(error.message, "Incorrect API key provided: [redacted].");
}

}  // namespace
}  // namespace capeai
