#include "openai/json_text.hpp"

#include <gtest/gtest.h>

namespace capeai {
namespace {

std::string InPieces(std::string_view text, size_t piece, bool* complete = nullptr) {
  JsonTextExtractor extractor;
  std::string out;
  for (size_t at = 0; at < text.size(); at += piece) out += extractor.Feed(text.substr(at, piece));
  if (complete) *complete = extractor.complete();
  return out;
}

std::string Extract(std::string_view text) {
  const std::string whole = InPieces(text, text.size() + 1);
  for (size_t piece = 1; piece <= text.size(); ++piece)
    EXPECT_EQ(InPieces(text, piece), whole) << "pieces of " << piece;
  return whole;
}

TEST(OpenaiJsonText, TheMemberWhereverItStands) {
  EXPECT_EQ(Extract(R"({"response":"Hi"})"), "Hi");
  EXPECT_EQ(Extract(R"( { "a" : [1, {"response":"no"}, "]}"], "b":true , "response" : "Hi" , "c":2})"), "Hi");
  EXPECT_EQ(Extract(R"({"a":{"response":"no","x":"\"}"},"response":"yes"})"), "yes");
  EXPECT_EQ(Extract(R"({"a":"response","n":-1.5e3,"response":"yes"})"), "yes");
  EXPECT_EQ(Extract(R"({"responses":"no","respons":"no","response":"yes"})"), "yes");
  EXPECT_EQ(Extract(R"({"respons\u0065":"yes"})"), "yes");
  EXPECT_EQ(Extract(R"({"response":null,"response":"later"})"), "later");
  EXPECT_EQ(Extract(R"({"response":"first","response":"second"})"), "first");
}

TEST(OpenaiJsonText, Escapes) {
  EXPECT_EQ(Extract(R"({"response":"a\"\\\/\b\f\n\r\tz"})"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(Extract(R"({"response":"\u00e9\u20AC\ud83d\ude0a!"})"), "\u00e9\u20AC\U0001F60A!");
  EXPECT_EQ(Extract(R"({"response":"\ud83dx\ude0a"})"), "\uFFFDx\uFFFD");
  EXPECT_EQ(Extract(R"({"response":"\ud83d\n"})"), "\uFFFD\n");
  EXPECT_EQ(Extract(R"({"response":"\ud83d\ud83d\ude0a\ud83d"})"), "\uFFFD\U0001F60A\uFFFD");
  EXPECT_EQ(Extract(R"({"response":"\u0000\q\u12x"})"), "\uFFFDq\uFFFDx");
}

TEST(OpenaiJsonText, ProseAndFencesInFront) {
  EXPECT_EQ(Extract("```json\n{\"response\": \"Hi\"}\n```"), "Hi");
  EXPECT_EQ(Extract("Use {braces} like {{this}}: {\"response\": \"Hi\"}"), "Hi");
  EXPECT_EQ(Extract("no object here"), "");
  EXPECT_EQ(Extract("{}{\"response\":\"no\"}"), "");
}

TEST(OpenaiJsonText, OnlyWhatIsCertain) {
  JsonTextExtractor extractor;
  EXPECT_EQ(extractor.Feed(R"({"response":"ab)"), "ab");
  EXPECT_TRUE(extractor.started());
  EXPECT_EQ(extractor.Feed("\\"), "");
  EXPECT_EQ(extractor.Feed("ud83"), "");
  EXPECT_EQ(extractor.Feed("d"), "") << "its other half may follow";
  EXPECT_EQ(extractor.Feed("\\ude0"), "");
  EXPECT_EQ(extractor.Feed("a"), "\U0001F60A");
  EXPECT_FALSE(extractor.complete());
  EXPECT_EQ(extractor.Feed("\"}"), "");
  EXPECT_TRUE(extractor.complete());
}

TEST(OpenaiJsonText, AnotherMember) {
  JsonTextExtractor extractor("answer");
  EXPECT_EQ(extractor.Feed(R"({"response":"no","answer":"yes"})"), "yes");
}

TEST(OpenaiJsonText, FindsTheObject) {
  EXPECT_EQ(ExtractJsonObject(R"( {"a":1} )").Dump(), R"({"a":1})");
  EXPECT_EQ(ExtractJsonObject("Sure!\n```json\n{\"a\":{\"b\":\"}\"}}\n```\nDone {x}").Dump(),
            R"({"a":{"b":"}"}})");
  EXPECT_EQ(ExtractJsonObject("in {curly} braces {\"a\":2} and {\"b\":3}").Dump(), R"({"a":2})");
  EXPECT_EQ(ExtractJsonObject("{\"a\":\"two\nlines\"}")["a"].string_or(""), "two\nlines");
  EXPECT_EQ(ExtractJsonObject("she said \"so\n{\"a\":\"two\n\\\"lines\\\"\"}")["a"].string_or(""),
            "two\n\"lines\"");
  EXPECT_FALSE(ExtractJsonObject("[1,2]"));
  EXPECT_FALSE(ExtractJsonObject("{\"a\":"));
  EXPECT_FALSE(ExtractJsonObject(""));
}

}  // namespace
}  // namespace capeai
