#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "knowledge/stem.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

using Texts = std::vector<std::string>;

Texts SentencesOf(std::string_view text) {
  Texts out;
  for (const std::string_view sentence : Sentences(text)) out.emplace_back(sentence);
  return out;
}

TEST(Sentences, EndAtFullStopsBeforeWhatCanBeginOne) {
  EXPECT_EQ(SentencesOf("One. Two! Three? Four"), (Texts{"One.", "Two!", "Three?", "Four"}));
  EXPECT_EQ(SentencesOf("He said \"stop.\" Then he left."), (Texts{"He said \"stop.\"", "Then he left."}));
  EXPECT_EQ(SentencesOf("Version 9.0 is old. pg_dump is not."),
            (Texts{"Version 9.0 is old.", "pg_dump is not."}));
}

TEST(Sentences, KnowAbbreviations) {
  EXPECT_EQ(SentencesOf("Use a tool, e.g. Make. Then go.").size(), 2u);
  EXPECT_EQ(SentencesOf("Dr. Smith and J. Doe agree.").size(), 1u);
  EXPECT_EQ(SentencesOf("Tables, views, etc. are relations. Types, etc. Next.").size(), 3u);
  EXPECT_EQ(SentencesOf("See Fig. 3 and No. 4. It helps.").size(), 2u);
  EXPECT_EQ(SentencesOf("The answer is no. Then stop.").size(), 2u);
}

TEST(Sentences, KeepCodeAndListNumbersTogether) {
  EXPECT_EQ(SentencesOf("Run `a. B. c` now. Done."), (Texts{"Run `a. B. c` now.", "Done."}));
  EXPECT_EQ(SentencesOf("1. Do this"), (Texts{"1. Do this"}));
  EXPECT_EQ(SentencesOf("First\n- one\n- two\n\nLast"), (Texts{"First", "- one", "- two", "Last"}));
}

TEST(Sentences, SpeakOtherScripts) {
  EXPECT_EQ(SentencesOf("\xE4\xBD\xA0\xE5\xA5\xBD\xE3\x80\x82\xE5\x86\x8D\xE8\xA7\x81\xE3\x80\x82").size(),
            2u);
  EXPECT_EQ(SentencesOf("Das gilt z.B. Montags. Sonst nicht.").size(), 2u);
}

TEST(Sentences, HoldEveryVisibleCharacterInLinearTime) {
  for (const std::string& text :
       {std::string(1 << 20, '!') + "x", std::string(1 << 20, '`'), std::string(1 << 20, '\n'),
        std::string("a.\xC2\xA0 b\xE2\x80\x89 c. \xF0\x9F\x98\x80. D")}) {
    std::string want, got;
    for (const char c : CollapseSpace(text))
      if (c != ' ') want += c;
    for (const std::string_view sentence : Sentences(text))
      for (const char c : CollapseSpace(sentence))
        if (c != ' ') got += c;
    EXPECT_EQ(got, want);
  }
}

TEST(Words, AreLettersDigitsAndUnderscores) {
  const auto words =
      Words("SELECT max_wal_size, 3.5 na\xC3\xAFve \xE2\x80\x94 \xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D!");
  EXPECT_EQ(words, (std::vector<std::string_view>{"SELECT", "max_wal_size", "3", "5", "na\xC3\xAFve",
                                                  "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D"}));
}

TEST(Space, CoversUnicode) {
  EXPECT_EQ(CollapseSpace(" a\xC2\xA0\xE3\x80\x80\t b\n"), "a b");
  EXPECT_EQ(Trim("\xEF\xBB\xBF x \xE2\x80\xA9"), "x");
  EXPECT_TRUE(IsBlank(" \xE2\x80\x8B\n"));
  EXPECT_FALSE(IsBlank(" \xC2"));
  EXPECT_EQ(Lines("a\n\nb\n"), (std::vector<std::string_view>{"a", "", "b"}));
}

TEST(EstimateTokens, GrowsWithTheTextAndAddsUp) {
  EXPECT_EQ(EstimateTokens(" \n"), 0);
  EXPECT_EQ(EstimateTokens("word"), 1);
  EXPECT_EQ(EstimateTokens("internationalization"), 4);
  EXPECT_EQ(EstimateTokens("12345"), 2);
  EXPECT_EQ(EstimateTokens("\xF0\x9F\x98\x80"), 1);
  const std::string a = "A checkpoint's cost", b = " is (mostly) 90% I/O.";
  EXPECT_GE(EstimateTokens(a) + EstimateTokens(b), EstimateTokens(a + b));
}

TEST(Stem, BringsFormsTogether) {
  EXPECT_EQ(Stem("vacuuming"), Stem("vacuums"));
  EXPECT_EQ(Stem("replicating"), Stem("replication"));
  EXPECT_EQ(Stem("indexes"), Stem("index"));
  EXPECT_EQ(Stem("running"), Stem("run"));
  EXPECT_EQ(Stem("queries"), Stem("query"));
  EXPECT_NE(Stem("table"), Stem("user"));
  EXPECT_TRUE(IsStopWord("the"));
  EXPECT_TRUE(IsStopWord("a"));
  EXPECT_TRUE(IsStopWord("yours"));
  EXPECT_FALSE(IsStopWord("table"));
}

}  // namespace
}  // namespace capeai::knowledge
