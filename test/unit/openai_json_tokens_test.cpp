// Json::Tokens, its reader and Json::FromTokens: what goes in comes out, in order.
#include <gtest/gtest.h>

#include "base/json_tokens.hpp"
#include "openai/json.hpp"

namespace capeai {
namespace {

TEST(JsonTokens, EveryKindOfValueComesBack) {
  for (const char* text :
       {"{}", "[]", "null", "true", "false", "0", "-1", "9223372036854775807", "-9223372036854775808", "0.5",
        "1.0", "-1e300", "\"\"", "\"a\"", R"("q\"uote \\ \n \u0001 \u00e9 \ud83d\ude00")",
        R"({"a":{"b":[1,2,{"c":null}],"d":{}},"e":[[],[[]]],"":"empty key"})",
        R"([{"role":"user","content":"x"},{"role":"assistant","content":null}])"}) {
    const Json json = Json::Parse(text);
    const Json again = Json::FromTokens(json.Tokens());
    EXPECT_TRUE(again.Equals(json)) << text << " became " << again.Dump();
    EXPECT_EQ(again.Dump(), json.Dump()) << "members keep their order";
  }
}

// PostgreSQL keeps every digit that it is given.
TEST(JsonTokens, RealsAreAsShortAsTheyCanBe) {
  for (const char* text : {"0.1", "0.7", "1.0", "1e-07", "1.7976931348623157e+308", "0.30000000000000004"}) {
    const std::string tokens = Json::Parse(text).Tokens();
    JsonTokenReader reader({tokens});
    EXPECT_EQ(reader.Next(), JsonToken::kReal);
    EXPECT_EQ(reader.text(), text);
  }
}

TEST(JsonTokens, ZeroBytesAndLongTextsPass) {
  for (const std::string& text : {std::string("a\0b", 3), std::string(1 << 20, 'x')}) {
    const std::string tokens = Json::String(text).Tokens();
    JsonTokenReader reader({tokens});
    EXPECT_EQ(reader.Next(), JsonToken::kString);
    EXPECT_EQ(reader.text(), text);
    EXPECT_TRUE(reader.AtEnd());
  }
}

// Whatever is missing or does not belong there: nothing comes of it.
TEST(JsonTokens, WhatIsNotWholeIsRefused) {
  const std::string tokens = Json::Parse(R"({"a":[1,"text",{"b":null}],"c":0.5})").Tokens();
  for (size_t size = 0; size < tokens.size(); ++size)
    EXPECT_FALSE(Json::FromTokens(tokens.substr(0, size))) << size;
  EXPECT_FALSE(Json::FromTokens(tokens + "n"));
  for (const char* bad : {"}", "]", "[}", "{]", "{n}", "x", "[x]", "{\"kind\": 1}"})
    EXPECT_FALSE(Json::FromTokens(bad)) << bad;
  EXPECT_FALSE(Json::FromTokens(std::string(5000, '[') + std::string(5000, ']'))) << "too deep";
  std::string no_number;
  JsonTokenWriter(no_number).AddText(JsonToken::kReal, "true");
  EXPECT_FALSE(Json::FromTokens(no_number));
}

TEST(JsonTokens, Empty) {
  EXPECT_FALSE(Json::FromTokens(""));
  EXPECT_EQ(Json().Tokens(), "");
  EXPECT_EQ(Json::Object().Tokens(), kEmptyObject);
}

}  // namespace
}  // namespace capeai
