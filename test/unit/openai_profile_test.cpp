#include "openai/profile.hpp"

#include <gtest/gtest.h>

#include "openai/errors.hpp"

namespace capeai {
namespace {

using Structured = Profile::Structured;

std::optional<Profile> Next(const Profile& profile, int status, const std::string& body) {
  return Downgrade(profile, MakeHttpError(status, {}, body, WallTime{}, ""), body);
}
std::string Says(const std::string& message, const std::string& param = "") {
  return R"({"error":{"message":")" + message + R"(","type":"invalid_request_error","param":")" + param +
         "\"}}";
}

TEST(OpenaiProfile, GuessByName) {
  for (const auto model :
       {"o1", "o3-mini", "o4-mini-2025", "gpt-5", "gpt-5.4-nano", "openai/gpt-5-mini", "O3"}) {
    EXPECT_TRUE(GuessProfile(model).max_completion_tokens) << model;
    EXPECT_FALSE(GuessProfile(model).temperature) << model;
  }
  for (const auto model : {"gpt-4o-mini", "gpt-4.1", "llama3", "olmo-2", "openai/gpt-4o", "", "o"})
    EXPECT_EQ(GuessProfile(model), Profile()) << model;
}

TEST(OpenaiProfile, StructuredGoesDownTwoSteps) {
  const std::string refusal = Says("This response_format type is unavailable now");
  const auto object = Next(Profile(), 400, refusal);
  ASSERT_TRUE(object.has_value());
  EXPECT_EQ(object->structured, Structured::kJsonObject);
  const auto prompt = Next(*object, 400, refusal);
  ASSERT_TRUE(prompt.has_value());
  EXPECT_EQ(prompt->structured, Structured::kPromptOnly);
  EXPECT_FALSE(Next(*prompt, 400, refusal).has_value());
  EXPECT_TRUE(Next(Profile(), 400, Says("Invalid parameter", "response_format")).has_value());
}

TEST(OpenaiProfile, UsageTokensAndTemperature) {
  const auto usage =
      Next(Profile(), 422,
           R"({"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]})");
  ASSERT_TRUE(usage.has_value());
  EXPECT_FALSE(usage->include_usage);
  const auto tokens = Next(Profile(), 400,
                           Says("Unsupported parameter: 'max_tokens' is not supported with this model. "
                                "Use 'max_completion_tokens' instead.",
                                "max_tokens"));
  ASSERT_TRUE(tokens.has_value());
  EXPECT_TRUE(tokens->max_completion_tokens);
  EXPECT_FALSE(Next(*tokens, 400, Says("Unknown parameter: max_completion_tokens")).has_value())
      << "not back again";
  const auto temperature =
      Next(Profile(), 400,
           Says("Unsupported value: 'temperature' does not support 0.2 with this model.", "temperature"));
  ASSERT_TRUE(temperature.has_value());
  EXPECT_FALSE(temperature->temperature);
}

TEST(OpenaiProfile, OtherErrorsTeachNothing) {
  EXPECT_FALSE(Next(Profile(), 500, Says("response_format")).has_value());
  EXPECT_FALSE(Next(Profile(), 401, Says("temperature is not supported")).has_value());
  EXPECT_FALSE(Next(Profile(), 400, Says("maximum context length is 10, reduce max_tokens")).has_value());
  EXPECT_FALSE(Next(Profile(), 400, Says("temperature must be at most 1", "temperature")).has_value());
  EXPECT_FALSE(Next(Profile(), 400, Says("messages are too odd")).has_value());
  EXPECT_FALSE(
      Next(Profile(), 422, R"({"detail":[{"msg":"bad","input":"stream_options temperature unknown"}]})")
          .has_value())
      << "the echo of the request is not read";
}

TEST(OpenaiProfile, EveryChainOfDowngradesEnds) {
  const std::string everything =
      Says("unsupported: response_format stream_options max_tokens max_completion_tokens temperature");
  std::optional<Profile> profile = Profile();
  int steps = 0;
  while ((profile = Next(*profile, 400, everything))) ASSERT_LT(++steps, 10);
  EXPECT_EQ(steps, 5);
}

}  // namespace
}  // namespace capeai
