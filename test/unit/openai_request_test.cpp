#include "openai/request.hpp"

#include <gtest/gtest.h>

#include "openai/structured.hpp"

namespace capeai {
namespace {

using Structured = Profile::Structured;

ChatRequest Simple() {
  ChatRequest request;
  request.model = "m";
  request.messages = Json::Parse(R"([{"role":"system","content":"S"},{"role":"user","content":"U"}])");
  return request;
}
const Json kSchema =
    Json::Parse(R"({"type":"object","properties":{"response":{"type":"string"}},"required":["response"],)"
                R"("additionalProperties":false})");

Json Body(const ChatRequest& request, const Profile& profile = {}) {
  return Json::Parse(BuildChatBody(request, profile));
}

TEST(OpenaiRequest, TheLeast) {
  EXPECT_EQ(Body(Simple()).Dump(),
            R"({"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":"U"}]})");
}

TEST(OpenaiRequest, StreamWithAndWithoutUsage) {
  ChatRequest request = Simple();
  request.stream = true;
  EXPECT_EQ(Body(request)["stream_options"].Dump(), R"({"include_usage":true})");
  Profile plain;
  plain.include_usage = false;
  EXPECT_FALSE(Body(request, plain)["stream_options"]);
  EXPECT_EQ(Body(request, plain)["stream"].boolean(), true);
}

TEST(OpenaiRequest, LimitsFollowTheProfile) {
  ChatRequest request = Simple();
  request.max_tokens = 7;
  request.temperature = 0.5;
  EXPECT_EQ(Body(request)["max_tokens"].integer(), 7);
  EXPECT_EQ(Body(request)["temperature"].number(), 0.5);
  Profile reasoning = GuessProfile("o3-mini");
  EXPECT_EQ(Body(request, reasoning)["max_completion_tokens"].integer(), 7);
  EXPECT_FALSE(Body(request, reasoning)["max_tokens"]);
  EXPECT_FALSE(Body(request, reasoning)["temperature"]);
}

TEST(OpenaiRequest, OptionsAreMergedButNeverOverride) {
  ChatRequest request = Simple();
  request.max_tokens = 7;
  request.options = Json::Parse(
      R"({"top_p":0.5,"seed":1,"max_tokens":9,"temperature":1,"stream":true,"n":3,"model":"x","stop":["a"]})");
  const Json body = Body(request);
  EXPECT_EQ(body["top_p"].number(), 0.5);
  EXPECT_EQ(body["stop"].Dump(), R"(["a"])");
  EXPECT_EQ(body["max_tokens"].integer(), 7);
  EXPECT_EQ(body["temperature"].number(), 1);
  EXPECT_EQ(body["model"].string_or(""), "m");
  EXPECT_FALSE(body["stream"]);
  EXPECT_FALSE(body["n"]);
  request.max_tokens.reset();
  EXPECT_EQ(Body(request)["max_tokens"].integer(), 9);
  EXPECT_EQ(Body(request, GuessProfile("gpt-5"))["max_completion_tokens"].integer(), 9);
}

TEST(OpenaiRequest, TheLadderOfStructuredReplies) {
  ChatRequest request = Simple();
  request.response_schema = kSchema;
  request.schema_name = "my reply!";
  Profile profile;
  const Json native = Body(request, profile)["response_format"];
  EXPECT_EQ(native["type"].string_or(""), "json_schema");
  EXPECT_EQ(native["json_schema"]["name"].string_or(""), "my_reply_");
  EXPECT_EQ(native["json_schema"]["strict"].boolean(), true);
  EXPECT_TRUE(native["json_schema"]["schema"].Equals(kSchema));
  EXPECT_EQ(Body(request, profile)["messages"].size(), 2u);

  profile.structured = Structured::kJsonObject;
  const Json object = Body(request, profile);
  EXPECT_EQ(object["response_format"].Dump(), R"({"type":"json_object"})");
  const std::string system = object["messages"][size_t{0}]["content"].string_or("");
  EXPECT_TRUE(system.starts_with("S\n\n"));
  EXPECT_NE(system.find(kSchema.Dump()), std::string::npos);
  EXPECT_NE(system.find("JSON"), std::string::npos) << "OpenAI wants the word";

  profile.structured = Structured::kPromptOnly;
  request.messages = Json::Parse(R"([{"role":"user","content":"U"}])");
  const Json prompt = Body(request, profile);
  EXPECT_FALSE(prompt["response_format"]);
  ASSERT_EQ(prompt["messages"].size(), 2u);
  EXPECT_EQ(prompt["messages"][size_t{0}]["role"].string_or(""), "system");
  EXPECT_EQ(request.messages.size(), 1u) << "the request itself is left alone";
}

TEST(OpenaiRequest, AFormatInTheOptionsGoesDownTheSameLadder) {
  ChatRequest request = Simple();
  request.options = Json::Parse(
      R"({"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}})");
  EXPECT_TRUE(Body(request)["response_format"].Equals(request.options["response_format"]));
  Profile profile;
  profile.structured = Structured::kPromptOnly;
  EXPECT_FALSE(Body(request, profile)["response_format"]);
  request.options = Json::Parse(R"({"response_format":{"type":"text"}})");
  EXPECT_EQ(Body(request, profile)["response_format"].Dump(), R"({"type":"text"})");
}

TEST(OpenaiRequest, StrictModeOnlyWhereTheSchemaFits) {
  EXPECT_TRUE(FitsStrictMode(kSchema));
  for (
      const auto text :
      {R"({"type":"object","properties":{"a":{"type":"string"}},"required":["a"]})",
       R"({"type":"object","properties":{"a":{}},"required":[],"additionalProperties":false})",
       R"({"type":"object","properties":{"a":{"minLength":1}},"required":["a"],"additionalProperties":false})",
       R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"object"}}},"required":["a"],"additionalProperties":false})",
       R"({"type":"array","items":{}})", R"({})"})
    EXPECT_FALSE(FitsStrictMode(Json::Parse(text))) << text;
}

TEST(OpenaiRequest, ChecksOptions) {
  EXPECT_TRUE(CheckOptions(Json()).ok());
  EXPECT_TRUE(
      CheckOptions(Json::Parse(R"({"top_p":1,"reasoning_effort":"low","tools":[],"stop":"x"})")).ok());
  for (const auto text : {R"([])", R"({"bogus":1})", R"({"stream":true})", R"({"n":2})", R"({"model":"x"})",
                          R"({"messages":[]})", R"({"stream_options":{}})", R"({"top_p":"1"})",
                          R"({"top_p":1.5})", R"({"temperature":-0.1})", R"({"max_tokens":0})",
                          R"({"max_tokens":1.5})", R"({"store":1})", R"({"metadata":[]})"}) {
    const Status status = CheckOptions(Json::Parse(text));
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_EQ(status.error().sqlstate, "22023");
  }
}

TEST(OpenaiRequest, ChecksMessages) {
  for (
      const auto text :
      {R"([{"role":"user","content":"x"}])", R"([{"role":"user","content":[{"type":"text","text":"x"}]}])",
       R"([{"role":"assistant","content":null,"tool_calls":[{}]},{"role":"tool","tool_call_id":"a","content":"1"}])"})
    EXPECT_TRUE(CheckMessages(Json::Parse(text)).ok()) << text;
  for (const auto text :
       {R"({})", R"([])", R"([1])", R"([{"role":"user"}])", R"([{"role":"boss","content":"x"}])",
        R"([{"content":"x"}])", R"([{"role":"user","content":null}])", R"([{"role":"user","content":[]}])",
        R"([{"role":"assistant"}])", R"([{"role":"tool","content":"1"}])",
        R"([{"role":"user","content":"x","extra":1}])"}) {
    const Status status = CheckMessages(Json::Parse(text));
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_EQ(status.error().sqlstate, "22023");
  }
}

TEST(OpenaiRequest, Embeddings) {
  EXPECT_EQ(BuildEmbeddingsBody("e", {"a", "b"}),
            R"({"model":"e","input":["a","b"],"encoding_format":"float"})");
  EXPECT_EQ(
      Json::Parse(BuildEmbeddingsBody("e", {"a"}, EmbeddingFormat::kBase64))["encoding_format"].string_or(""),
      "base64");
}

TEST(OpenaiRequest, HeadersCannotBeInjected) {
  const Headers headers = BuildHeaders({"k", "org", "evil\r\nX: y"}, true, "i");
  EXPECT_EQ(FindHeader(headers, "authorization"), "Bearer k");
  EXPECT_EQ(FindHeader(headers, "openai-organization"), "org");
  EXPECT_EQ(FindHeader(headers, "openai-project"), "");
  EXPECT_EQ(FindHeader(headers, "accept"), "text/event-stream");
  EXPECT_EQ(FindHeader(headers, "idempotency-key"), "i");
  EXPECT_EQ(BuildHeaders({}, false, "").size(), 2u);
}

}  // namespace
}  // namespace capeai
