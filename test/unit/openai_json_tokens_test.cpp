// Json::Tokens and the reader: what goes in comes out, in order.
#include <gtest/gtest.h>

#include "base/json_tokens.hpp"
#include "openai/json.hpp"

namespace capeai {
namespace {

// The document as text again, built from its tokens.
Json Rebuild(JsonTokenReader& reader, JsonToken token) {
  switch (token) {
    case JsonToken::kBeginObject: {
      Json out = Json::Object();
      for (JsonToken next; (next = reader.Next()) != JsonToken::kEndObject;) {
        EXPECT_EQ(next, JsonToken::kKey);
        const std::string key(reader.text());
        out.Set(key, Rebuild(reader, reader.Next()));
      }
      return out;
    }
    case JsonToken::kBeginArray: {
      Json out = Json::Array();
      for (JsonToken next; (next = reader.Next()) != JsonToken::kEndArray;) out.Push(Rebuild(reader, next));
      return out;
    }
    case JsonToken::kString:
      return Json::String(reader.text());
    case JsonToken::kInt:
      return Json::Int(reader.integer());
    case JsonToken::kReal:
      return Json::Parse(reader.text());
    case JsonToken::kTrue:
    case JsonToken::kFalse:
      return Json::Bool(token == JsonToken::kTrue);
    default:
      EXPECT_EQ(token, JsonToken::kNull);
      return Json::Null();
  }
}

TEST(JsonTokens, EveryKindOfValueComesBack) {
  for (const char* text :
       {"{}", "[]", "null", "true", "false", "0", "-1", "9223372036854775807", "-9223372036854775808", "0.5",
        "1.0", "-1e300", "\"\"", "\"a\"", R"("q\"uote \\ \n \u0001 \u00e9 \ud83d\ude00")",
        R"({"a":{"b":[1,2,{"c":null}],"d":{}},"e":[[],[[]]],"":"empty key"})",
        R"([{"role":"user","content":"x"},{"role":"assistant","content":null}])"}) {
    const Json json = Json::Parse(text);
    const std::string tokens = json.Tokens();
    JsonTokenReader reader({tokens});
    const Json again = Rebuild(reader, reader.Next());
    EXPECT_TRUE(reader.AtEnd()) << text;
    EXPECT_TRUE(again.Equals(json)) << text << " became " << again.Dump();
    EXPECT_EQ(again.Dump(), json.Dump()) << "members keep their order";
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

TEST(JsonTokens, Empty) {
  EXPECT_EQ(Json().Tokens(), "");
  EXPECT_EQ(Json::Object().Tokens(), kEmptyObject);
}

}  // namespace
}  // namespace capeai
