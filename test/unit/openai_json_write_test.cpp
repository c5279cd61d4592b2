// Json::Dump and Json::Pretty against jansson's own writer, of whose output it differs in how long reals are.
#include <gtest/gtest.h>

#include <iterator>
#include <random>
#include <string>

#include "openai/json.hpp"

namespace capeai {
namespace {

int Append(const char* bytes, size_t size, void* out) {
  static_cast<std::string*>(out)->append(bytes, size);
  return 0;
}

std::string ByJansson(const Json& json, size_t form) {
  std::string text;
  EXPECT_EQ(json_dump_callback(json.get(), Append, &text, form | JSON_ENCODE_ANY), 0);
  return text;
}

std::string RandomText(std::mt19937& random) {
  static const char* const kPieces[] = {"a",    "plain text ", "\"",   "\\", "/", "\n", "\t",       "\b",
                                        "\x01", "\x1f",        "\x7f", "é",  "€", "😀",  "</script>"};
  std::string text;
  for (size_t n = random() % 8; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
  if (random() % 8 == 0) text += '\0';
  return text;
}

Json RandomValue(std::mt19937& random, int depth) {
  switch (random() % (depth > 4 ? 6 : 8)) {
    case 0:
      return Json::Null();
    case 1:
      return Json::Bool(true);
    case 2:
      return Json::Bool(false);
    case 3:
      return Json::Int(static_cast<int64_t>(random()) << (random() % 32));
    case 4:
      return Json::Real(static_cast<double>(random() % 64) / 8);  // exact, and so of one text
    case 5:
      return Json::String(RandomText(random));
    case 6: {
      Json array = Json::Array();
      for (size_t n = random() % 5; n > 0; --n) array.Push(RandomValue(random, depth + 1));
      return array;
    }
    default: {
      Json object = Json::Object();
      for (size_t n = random() % 5; n > 0; --n)
        object.Set(std::string(RandomText(random).c_str()) + std::to_string(n),
                   RandomValue(random, depth + 1));
      return object;
    }
  }
}

TEST(JsonWrite, WritesWhatJanssonWrites) {
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    const Json json = RandomValue(random, 0);
    ASSERT_EQ(json.Dump(), ByJansson(json, JSON_COMPACT));
    ASSERT_EQ(json.Pretty(), ByJansson(json, JSON_INDENT(2)));
  }
}

TEST(JsonWrite, ComesBackAsItWas) {
  std::mt19937 random(2);
  for (int i = 0; i < 1000; ++i) {
    const Json json = RandomValue(random, 0);
    ASSERT_TRUE(Json::Parse(json.Dump()).Equals(json)) << json.Dump();
    ASSERT_TRUE(Json::Parse(json.Pretty()).Equals(json)) << json.Pretty();
  }
}

TEST(JsonWrite, RealsAreAsShortAsTheyCanBe) {
  for (const char* text :
       {"0.1", "0.7", "1.0", "-0.0", "1e-07", "1.7976931348623157e+308", "0.30000000000000004"})
    EXPECT_EQ(Json::Parse(text).Dump(), text);
}

TEST(JsonWrite, WhatIsDeepIsNotIndentedWithoutEnd) {
  Json json = Json::Array();
  for (int i = 0; i < 10000; ++i) json.Push(Json::Int(1));
  for (int i = 0; i < 2000; ++i) json = Json::Array().Push(json);
  EXPECT_LT(json.Pretty().size(), size_t{1} << 20);
  EXPECT_TRUE(Json::Parse(json.Pretty()).Equals(json));
}

TEST(JsonWrite, Empty) {
  EXPECT_EQ(Json().Dump(), "");
  EXPECT_EQ(Json::Object().Dump(), "{}");
  EXPECT_EQ(Json::Array().Push(Json::Array()).Push(Json::Object()).Dump(), "[[],{}]");
}

}  // namespace
}  // namespace capeai
