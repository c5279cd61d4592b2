#include "openai/errors.hpp"

#include <gtest/gtest.h>

#include "openai/redact.hpp"

namespace capeai {
namespace {

using Kind = ChatError::Kind;

ChatError Http(int status, std::string_view body, const Headers& headers = {}, std::string_view key = {}) {
  return MakeHttpError(status, headers, body, WallTime{}, key);
}

TEST(OpenaiErrors, ClassesOfStatus) {
  for (const int status : {408, 409, 429, 500, 502, 503, 504, 529, 599})
    EXPECT_TRUE(Http(status, "").retryable) << status;
  for (const int status : {301, 307, 400, 401, 403, 404, 405, 413, 422, 451, 600})
    EXPECT_FALSE(Http(status, "").retryable) << status;
  EXPECT_TRUE(Http(429, "").provider_wide);
  EXPECT_FALSE(Http(503, "").provider_wide);
  EXPECT_EQ(Http(500, "").kind, Kind::kRefused);
}

TEST(OpenaiErrors, QuotaIsNotRetried) {
  const ChatError error = Http(429, R"({"error":{"message":"m","type":"insufficient_quota","code":null}})",
                               {{"retry-after", "5"}});
  EXPECT_FALSE(error.retryable);
  EXPECT_FALSE(error.provider_wide);
  EXPECT_FALSE(error.retry_after.has_value());
  EXPECT_NE(HintFor(error), "");
}

TEST(OpenaiErrors, RetryAfterIsKept) {
  EXPECT_EQ(Http(429, "", {{"Retry-After", "2"}}).retry_after, std::chrono::seconds(2));
  EXPECT_EQ(Http(503, "", {{"retry-after-ms", "250"}}).retry_after, std::chrono::milliseconds(250));
}

TEST(OpenaiErrors, ShapesOfBodies) {
  EXPECT_EQ(Http(400, R"({"error":{"message":"a\n  b","type":"t","code":7}})").message, "a b");
  EXPECT_EQ(Http(400, R"({"error":{"message":"a","code":7}})").code, "7");
  EXPECT_EQ(Http(400, R"({"error":"plain"})").message, "plain");
  EXPECT_EQ(Http(400, R"({"message":"gateway"})").message, "gateway");
  EXPECT_EQ(Http(400, R"({"object":"error","message":"vllm","code":400})").code, "400");
  EXPECT_EQ(Http(400, R"([{"error":{"message":"gemini","code":400}}])").message, "gemini");
  EXPECT_EQ(Http(422, R"({"detail":[{"loc":["body","n"],"msg":"bad"},{"msg":"worse"}]})").message,
            "bad at [\"body\",\"n\"]; worse");
  EXPECT_EQ(Http(400, R"({"strange":1})").message, R"({"strange":1})");
  EXPECT_EQ(Http(502, "<html><head><TITLE>\n502 Bad\tGateway</TITLE>").message,
            "502 Bad Gateway (the server sent an HTML page)");
  EXPECT_EQ(Http(502, "<html>").message, "the server sent an HTML page");
  EXPECT_EQ(Http(500, "upstream died\r\n").message, "upstream died");
  EXPECT_EQ(Http(500, "").message, "the server gave no reason");
  EXPECT_EQ(Http(500, "{broken").message, "{broken");
  EXPECT_EQ(Http(500, "a\x01\xFF").message, "a \xEF\xBF\xBD");
  EXPECT_LT(Http(500, std::string(50000, 'x')).message.size(), 1100u);
}

TEST(OpenaiErrors, ContextLength) {
  EXPECT_TRUE(Http(400, R"({"error":{"message":"m","code":"context_length_exceeded"}})").context_length);
  const ChatError llama = Http(
      400, R"({"error":{"code":400,"message":"the request exceeds the available context size","type":"x"}})");
  EXPECT_TRUE(llama.context_length);
  EXPECT_NE(HintFor(llama), "");
  EXPECT_FALSE(Http(500, R"({"error":{"message":"maximum context length"}})").context_length);
  EXPECT_FALSE(Http(400, R"({"error":{"message":"bad"}})").context_length);
}

TEST(OpenaiErrors, Hints) {
  EXPECT_NE(HintFor(Http(401, "")).find("api_key"), std::string::npos);
  EXPECT_NE(HintFor(Http(404, "")).find("base_url"), std::string::npos);
  EXPECT_NE(HintFor(Http(302, "")).find("base_url"), std::string::npos);
  EXPECT_EQ(HintFor(Http(500, "")), "");
  EXPECT_EQ(HintFor(MakeChatError(Kind::kTimeout, "late", true)), "");
}

TEST(OpenaiErrors, ParamOfTheBody) {
  EXPECT_EQ(ErrorParam(R"({"error":{"param":"response_format"}})"), "response_format");
  EXPECT_EQ(ErrorParam(R"({"error":{"param":null}})"), "");
  EXPECT_EQ(ErrorParam("<html>"), "");
}

TEST(OpenaiErrors, SecretsInEveryPartAreRemoved) {
  const std::string key = "local-secret-0123456789";
  const ChatError error =
      Http(400, R"({"error":{"message":"key local-secret-0123456789","code":"local-secret-0123456789"}})", {},
           key);
  EXPECT_EQ(error.message.find(key), std::string::npos);
  EXPECT_EQ(error.code.find(key), std::string::npos);
  EXPECT_EQ(Http(500, "<title>local-secret-0123456789</title>", {}, key).message.find(key),
            std::string::npos);
}

TEST(OpenaiRedact, TheKeyAndItsPieces) {
  const std::string key = "abcd-EFGH-ijkl-MNOP";
  EXPECT_EQ(Redact("got abcd-EFGH-ijkl-MNOP.", key), "got [redacted].");
  EXPECT_EQ(Redact("xabcd-EFGH-ijkl-MNOPx", key), "x[redacted]x");
  EXPECT_EQ(Redact("has EFGH-ijkl inside", key), "has [redacted] inside");
  EXPECT_EQ(Redact("abcd...MNOP", key), "[redacted]...[redacted]");
  EXPECT_EQ(Redact("abcd is a word", key), "abcd is a word");
  EXPECT_EQ(Redact("nothing here", key), "nothing here");
  EXPECT_EQ(Redact("key x", "x"), "key x") << "too short to be told from text";
}

TEST(OpenaiRedact, WhatLooksLikeAKey) {
  EXPECT_EQ(Redact("provided: sk-abc12***************************wxyz."), "provided: [redacted].");
  EXPECT_EQ(Redact("sk-proj-AbCd123456, then"), "[redacted], then");
  EXPECT_EQ(Redact("\"gsk_abcdefgh\""), "\"[redacted]\"");
  EXPECT_EQ(Redact("Authorization: Bearer abc.def-ghi"), "Authorization: Bearer [redacted]");
  EXPECT_EQ(Redact("api_key=hunter2&x=1"), "api_key=[redacted]&x=1");
  EXPECT_EQ(Redact("{\"api-key\": \"hunter2\"}"), "{\"api-key\": \"[redacted]\"}");
  EXPECT_EQ(Redact("ab****yz"), "[redacted]");
  EXPECT_EQ(Redact("0123456789abcdef0123456789abcdef"), "[redacted]");
}

TEST(OpenaiRedact, WhatDoesNot) {
  for (const std::string_view text :
       {"You can find your API key at https://platform.openai.com/account/api-keys.",
        "model meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8 is not here",
        "request 0190a5b2-7c1d-7e2f-9a3b-4c5d6e7f8091", "see req_01hwjgx2mmfwvv1cjs7mbnnzx9abcdef",
        "Rate limit reached for gpt-4o-mini in organization on tokens per min (TPM): Limit 200000"})
    EXPECT_EQ(Redact(text, "some-key-of-ours"), text);
}

}  // namespace
}  // namespace capeai
