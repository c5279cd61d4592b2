#include "openai/embeddings.hpp"

#include <gtest/gtest.h>

namespace capeai {
namespace {

EmbeddingsResult Parse(std::string_view body, size_t inputs, int status = 200) {
  return ParseEmbeddings(status, {}, body, inputs, WallTime{}, "my-own-key");
}
std::string Data(const std::string& items) {
  return R"({"object":"list","model":"e","data":[)" + items + "]}";
}

TEST(OpenaiEmbeddings, OrderedByIndex) {
  const auto result = Parse(Data(R"({"index":1,"embedding":[3,4.5]},{"index":0,"embedding":[1,-2e0]})"), 2);
  const auto& reply = std::get<EmbeddingsReply>(result);
  EXPECT_EQ(reply.vectors, (std::vector<std::vector<float>>{{1, -2}, {3, 4.5}}));
  EXPECT_EQ(reply.model, "e");
  EXPECT_FALSE(reply.usage.reported);
  EXPECT_EQ(std::get<EmbeddingsReply>(Parse(Data(R"({"embedding":[1]},{"embedding":[2]})"), 2)).vectors[1][0],
            2);
}

TEST(OpenaiEmbeddings, Base64) {
  // 1.0f and -2.0f, little-endian.
  for (const auto text : {"AACAPwAAAMA=", "AACAPwAAAMA"}) {
    const auto result = Parse(Data("{\"index\":0,\"embedding\":\"" + std::string(text) + "\"}"), 1);
    EXPECT_EQ(std::get<EmbeddingsReply>(result).vectors[0], (std::vector<float>{1, -2}));
  }
}

TEST(OpenaiEmbeddings, EncodedVectorsComeBackExactly) {
  EXPECT_EQ(EncodeVector({1, -2}), "AACAPwAAAMA=");
  std::vector<float> vector;
  for (int size = 0; size < 10; ++size) {
    const auto back = DecodeVector(EncodeVector(vector));
    ASSERT_TRUE(back) << size;
    EXPECT_EQ(*back, vector) << size;
    vector.push_back(1.0f / static_cast<float>(3 + size) * (size % 2 == 0 ? 1e-30f : -1e30f));
  }
  for (const char* text : {"AACAP", "AAC", "AACA?w==", "AACAPwAA"}) EXPECT_FALSE(DecodeVector(text)) << text;
}

TEST(OpenaiEmbeddings, WhatIsWrongIsMalformed) {
  for (const auto items :
       {R"()", R"({"index":0,"embedding":[1]})", R"({"index":0,"embedding":[1]},{"index":0,"embedding":[1]})",
        R"({"index":0,"embedding":[1]},{"index":2,"embedding":[1]})",
        R"({"index":0,"embedding":[1]},{"index":-1,"embedding":[1]})",
        R"({"index":0,"embedding":[1]},{"index":1,"embedding":[1,2]})",
        R"({"index":0,"embedding":[]},{"index":1,"embedding":[]})",
        R"({"index":0,"embedding":["x"]},{"index":1,"embedding":[1]})",
        R"({"index":0,"embedding":[1]},{"index":1,"embedding":[1e300]})",
        R"({"index":0,"embedding":"AACAPw=="},{"index":1,"embedding":"AAC"})",
        R"({"index":0,"embedding":"AACAPw=="},{"index":1,"embedding":"AADAfw=="})", R"(1,2)"}) {
    const auto result = Parse(Data(items), 2);
    ASSERT_TRUE(std::holds_alternative<ChatError>(result)) << items;
    EXPECT_EQ(std::get<ChatError>(result).kind, ChatError::Kind::kMalformed) << items;
  }
  EXPECT_TRUE(std::holds_alternative<ChatError>(Parse("nonsense", 1)));
}

TEST(OpenaiEmbeddings, Errors) {
  const auto refused = Parse(R"({"error":{"message":"bad my-own-key"}})", 1, 401);
  EXPECT_EQ(std::get<ChatError>(refused).message, "bad [redacted]");
  const auto inside = Parse(R"({"error":{"message":"busy","code":503}})", 1);
  EXPECT_TRUE(std::get<ChatError>(inside).retryable);
}

}  // namespace
}  // namespace capeai
