#include "openai/plain_chunk.hpp"

#include <gtest/gtest.h>

#include "openai/response.hpp"

namespace capeai {
namespace {

// What is appended, or "-" if it is to be read in full.
std::string Plain(std::string_view chunk) {
  std::string text = "…";
  if (AppendPlainChunk(chunk, text)) return text.substr(std::string_view("…").size());
  EXPECT_EQ(text, "…") << chunk;
  return "-";
}

std::string WithDelta(const std::string& delta, const std::string& rest = "") {
  return R"({"id":"x","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,)"
         R"("delta":)" +
         delta + R"(,"logprobs":null,"finish_reason":null}])" + rest + "}";
}
std::string WithContent(const std::string& inside) { return WithDelta(R"({"content":")" + inside + "\"}"); }

TEST(OpenaiPlainChunk, WhatServersSend) {
  EXPECT_EQ(Plain(WithContent("Hello")), "Hello");
  EXPECT_EQ(Plain(WithContent("")), "");
  EXPECT_EQ(Plain(WithDelta(R"({"role":"assistant","content":"","refusal":null})")), "");
  EXPECT_EQ(Plain(WithDelta(R"({"content":null,"tool_calls":null})")), "");
  EXPECT_EQ(Plain(WithDelta("{}")), "");
  const char* rest = R"(,"usage":null,"service_tier":"default","obfuscation":"w")";
  EXPECT_EQ(Plain(WithDelta(R"({"content":"a"})", rest)), "a");
  EXPECT_EQ(
      Plain("{\"choices\" : [ {\"delta\":\t{ \"content\": \"a\" } } ] ,\n\"created\": -0, \"done\":false}\n"),
      "a");
}

TEST(OpenaiPlainChunk, TextIsDecoded) {
  EXPECT_EQ(Plain(WithContent(R"(a\n\t\"\\\/\b\f\rz)")), "a\n\t\"\\/\b\f\rz");
  EXPECT_EQ(Plain(WithContent(R"(\u00e9\u20AC)")), "é€");
  EXPECT_EQ(Plain(WithContent("é€😀")), "é€😀");
}

TEST(OpenaiPlainChunk, WhatSaysMoreIsReadInFull) {
  for (const char* delta : {R"({"refusal":"no"})", R"({"reasoning_content":"hm"})", R"({"reasoning":"hm"})",
                            R"({"tool_calls":[]})", R"({"content":["a"]})",
                            R"({"content":"a","content":"b"})", R"({"\u0063ontent":"a"})", "null", "[]"})
    EXPECT_EQ(Plain(WithDelta(delta)), "-") << delta;
  for (const char* rest : {R"(,"usage":{"prompt_tokens":1})", R"(,"x_groq":{})", R"(,"error":"overloaded")",
                           R"(,"object":"error")", R"(,"choices":[])", R"(,"other":[1])", R"(,"other":1.5)"})
    EXPECT_EQ(Plain(WithDelta(R"({"content":"a"})", rest)), "-") << rest;
  EXPECT_EQ(Plain(R"({"choices":[{"index":1,"delta":{"content":"a"}}]})"), "-");
  EXPECT_EQ(Plain(R"({"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]})"), "-");
  EXPECT_EQ(Plain(R"({"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]})"), "-");
  EXPECT_EQ(Plain(R"({"choices":[{"message":{"content":"a"}}]})"), "-");
  EXPECT_EQ(Plain(R"({"choices":[]})"), "-");
  EXPECT_EQ(Plain("{}"), "-");
}

TEST(OpenaiPlainChunk, WhatIsNoCleanJsonIsReadInFull) {
  const std::string whole = WithContent("ab\\n");
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(Plain(whole.substr(0, i)), "-") << i;
  EXPECT_EQ(Plain(whole + "}"), "-");
  for (const char* inside :
       {"\n", "\\x", "\\u12", "\\u12g4", "\\u0000", "\\ud83d\\ude00", "\\udc00", "\xC3", "\xED\xA0\x80"})
    EXPECT_EQ(Plain(WithContent(inside)), "-") << inside;
  EXPECT_EQ(Plain(WithContent(std::string(1, '\0'))), "-");
  for (const char* created :
       {"01", "-", "1e3", "9999999999999999999", "nul", "truefalse", "\"a\n\"", "\"\xFF\"", "\"\\n\""})
    EXPECT_EQ(Plain(std::string(R"({"choices":[{"delta":{"content":"a"}}],"created":)") + created + "}"), "-")
        << created;
}

// A stream tells the same whether its chunks are plain or, for a member that says nothing, read in full.
TEST(OpenaiPlainChunk, AStreamIsTheSameEitherWay) {
  const auto play = [](const std::string& rest) {
    ChatResponseParser parser({});
    parser.Begin(200, {{"content-type", "text/event-stream"}}, WallTime{});
    std::string text;
    for (const char* piece : {"Hel", "lo \\u20ac", " wörld\\n"}) {
      EXPECT_TRUE(
          parser.Feed("data: " + WithDelta(R"({"content":")" + std::string(piece) + "\"}", rest) + "\n\n"));
      text += parser.TakeText();
    }
    EXPECT_TRUE(parser.Feed("event: ping\ndata: " + WithContent("!") + "\n\ndata: [DONE]\n\n"));
    const ChatResult result = parser.Finish(TransportEnd::kComplete);
    const auto& reply = std::get<ChatReply>(result);
    EXPECT_TRUE(reply.text.starts_with(text));
    return reply.id + "|" + reply.model + "|" + reply.text + "|" +
           std::to_string(reply.usage.completion_tokens);
  };
  EXPECT_EQ(play(""), "x|m|Hello € wörld\n!|6");
  EXPECT_EQ(play(R"(,"other":[])"), play(""));
}

}  // namespace
}  // namespace capeai
