#include "openai/plain_body.hpp"

#include <gtest/gtest.h>

#include "openai/response.hpp"

namespace capeai {
namespace {

std::string Show(const ChatReply& r) {
  const Usage& u = r.usage;
  return r.id + "|" + r.model + "|" + r.text + "|" + r.finish_reason + "|" +
         (u.reported ? std::to_string(u.prompt_tokens) + "," + std::to_string(u.completion_tokens) + "," +
                           std::to_string(u.cached_tokens) + "," + std::to_string(u.reasoning_tokens)
                     : "-");
}

// What is read, which must be what the full reading finds; or "-" if it is left to that.
std::string Plain(std::string_view body) {
  const auto plain = ReadPlainBody(body);
  if (!plain) return "-";
  const ChatResult full = ParseChatBody(body, 0, {}, true);
  EXPECT_TRUE(std::holds_alternative<ChatReply>(full)) << body;
  if (const auto* reply = std::get_if<ChatReply>(&full); reply && reply->usage.reported) {
    EXPECT_EQ(Show(*reply), Show(*plain)) << body;
  }
  return Show(*plain);
}

std::string WithMessage(const std::string& message, const std::string& rest = "") {
  return R"({"id":"x","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,)"
         R"("message":)" +
         message + R"(,"logprobs":null,"finish_reason":"stop"}])" + rest + "}";
}
std::string WithUsage(const std::string& usage) {
  return WithMessage(R"({"role":"assistant","content":"a"})", R"(,"usage":)" + usage);
}

TEST(OpenaiPlainBody, WhatServersSend) {
  EXPECT_EQ(
      Plain(WithMessage(R"({"role":"assistant","content":"Hi \u20ac\n","refusal":null,"annotations":[]})",
                        R"(,"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,)"
                        R"("prompt_tokens_details":{"cached_tokens":3,"audio_tokens":0},)"
                        R"("completion_tokens_details":{"reasoning_tokens":2,"audio_tokens":0}},)"
                        R"("service_tier":"default","system_fingerprint":null)")),
      "x|m|Hi €\n|stop|19,10,3,2");
  EXPECT_EQ(Plain(WithMessage(R"({"content":null,"tool_calls":[]})", R"(,"usage":null,"error":null)")),
            "x|m||stop|-");
  EXPECT_EQ(Plain("{ \"choices\" : [ { \"message\":\t{\"content\":\"a\"} } ] }\n"), "||a||-");
  EXPECT_EQ(Plain(WithUsage(R"({"prompt_tokens":7})")), "x|m|a|stop|7,0,0,0");
  EXPECT_EQ(Plain(WithUsage(R"({"completion_tokens":7,"prompt_tokens_details":null})")),
            "x|m|a|stop|0,7,0,0");
}

TEST(OpenaiPlainBody, WhatSaysMoreIsReadInFull) {
  for (const char* message :
       {R"({"content":"a","refusal":"no"})", R"({"content":"a","reasoning_content":"hm"})",
        R"({"tool_calls":[{"id":"1"}],"content":null})", R"({"content":["a"]})", R"({"content":5})",
        R"({"content":"a","content":"b"})", R"({"\u0063ontent":"a"})", R"({"content":"\u0000"})",
        R"({"content":"\ud83d\ude00"})", "{\"content\":\"\xFF\"}", "null", "[]", "\"a\""})
    EXPECT_EQ(Plain(WithMessage(message)), "-") << message;
  for (const char* rest : {R"(,"error":"overloaded")", R"(,"error":{})", R"(,"object":"error")",
                           R"(,"choices":[])", R"(,"id":"y")", R"(,"model":5)", R"(,"other":{})"})
    EXPECT_EQ(Plain(WithMessage(R"({"content":"a"})", rest)), "-") << rest;
  for (const char* usage :
       {"{}", "5", "[]", R"({"prompt_tokens":-1})", R"({"prompt_tokens":1.5})", R"({"prompt_tokens":"1"})",
        R"({"prompt_tokens":1,"prompt_tokens":2})", R"({"prompt_tokens":99999999999999999999})",
        R"({"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":1,"cached_tokens":2}})",
        R"({"prompt_tokens":1,"prompt_tokens_details":[]})", R"({"prompt_tokens":1,"prompt_time":0.5})"})
    EXPECT_EQ(Plain(WithUsage(usage)), "-") << usage;
  EXPECT_EQ(Plain(R"({"choices":[{"index":1,"message":{"content":"a"}}]})"), "-");
  EXPECT_EQ(Plain(R"({"choices":[{"message":{"content":"a"}},{"message":{"content":"b"}}]})"), "-");
  EXPECT_EQ(Plain(R"({"choices":[{"delta":{"content":"a"}}]})"), "-");
  EXPECT_EQ(Plain(R"({"choices":[]})"), "-");
  EXPECT_EQ(Plain("{}"), "-");
}

TEST(OpenaiPlainBody, WhatIsCutIsReadInFull) {
  const std::string whole = WithUsage(R"({"prompt_tokens":1,"completion_tokens":2})");
  EXPECT_EQ(Plain(whole), "x|m|a|stop|1,2,0,0");
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(Plain(whole.substr(0, i)), "-") << i;
  EXPECT_EQ(Plain(whole + "}"), "-");
}

// Usage that is missing is estimated either way.
TEST(OpenaiPlainBody, AReplyIsTheSameEitherWay) {
  const auto read = [](const std::string& rest) {
    const ChatResult result = ParseChatBody(WithMessage(R"({"content":"Hello wörld"})", rest), 12);
    const auto& reply = std::get<ChatReply>(result);
    return Show(reply) + std::to_string(reply.usage.prompt_tokens + reply.usage.completion_tokens);
  };
  EXPECT_EQ(read(""), read(R"(,"other":[])"));
  EXPECT_TRUE(read("").ends_with("16")) << read("");
}

}  // namespace
}  // namespace capeai
