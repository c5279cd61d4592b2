#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "knowledge/chunk.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

std::vector<Chunk> CutMarkdown(std::string_view text, ChunkOptions options = {}) {
  return CutPassages(*ParseDocument(text, Format::kMarkdown), options);
}

std::string Prose(int sentences, int from = 0) {
  std::string text;
  for (int i = from; i < from + sentences; ++i)
    text += "Sentence number " + std::to_string(i) + " speaks of tables. ";
  return text;
}

TEST(CutPassages, NothingFromNothing) {
  EXPECT_TRUE(CutMarkdown("").empty());
  EXPECT_TRUE(CutMarkdown("\n \n---\n<!-- c -->\n").empty());
}

TEST(CutPassages, FollowsHeadings) {
  const auto chunks = CutMarkdown("# A\n\n" + Prose(20) + "\n\n## B\n\n" + Prose(20) + "\n\n### C\n\n" +
                                  Prose(20) + "\n\n## D\n\n" + Prose(20));
  ASSERT_EQ(chunks.size(), 4u);
  EXPECT_EQ(chunks[0].heading, "A");
  EXPECT_EQ(chunks[1].heading, "A > B");
  EXPECT_EQ(chunks[2].heading, "A > B > C");
  EXPECT_EQ(chunks[3].heading, "A > D");
  for (size_t i = 0; i < chunks.size(); ++i) EXPECT_EQ(chunks[i].ordinal, static_cast<int>(i));
}

TEST(CutPassages, MergesSmallNeighboursUnderOneHeading) {
  const auto chunks = CutMarkdown("# A\n\n## B\n\nSmall one.\n\n## C\n\nSmall two.\n\n# X\n\nElsewhere.\n");
  ASSERT_EQ(chunks.size(), 2u);
  EXPECT_EQ(chunks[0].heading, "A");
  EXPECT_EQ(chunks[0].text, "## B\n\nSmall one.\n\n## C\n\nSmall two.");
  EXPECT_EQ(chunks[1].heading, "X");
}

TEST(CutPassages, OverlapsBySentences) {
  const auto chunks = CutMarkdown("# A\n\n" + Prose(120), {100, 20});
  ASSERT_GT(chunks.size(), 5u);
  for (size_t i = 1; i < chunks.size(); ++i) {
    const auto before = Sentences(chunks[i - 1].text);
    EXPECT_EQ(Sentences(chunks[i].text).front(), before[before.size() - 2]) << chunks[i].text;
    EXPECT_LE(chunks[i].tokens, 100);
  }
}

TEST(CutPassages, KeepsCodeAndTablesWhole) {
  std::string code, table = "| h | i |\n|---|---|\n";
  for (int i = 0; i < 40; ++i) {
    code += "SELECT " + std::to_string(i) + " FROM t;\n";
    table += "| " + std::to_string(i) + " | x |\n";
  }
  const auto chunks = CutMarkdown(
      "# A\n\n" + Prose(5) + "Run this:\n\n```sql\n" + code + "```\n\n" + Prose(5) + "\n\n" + table,
      {100, 20});
  const auto with = [&](const std::string& part) {
    return std::count_if(chunks.begin(), chunks.end(),
                         [&](const Chunk& c) { return c.text.find(part) != std::string::npos; });
  };
  EXPECT_EQ(with("```sql\n" + code + "```"), 1);
  EXPECT_EQ(with("| 0 | x |\n"), 1);
  const auto code_at = std::find_if(chunks.begin(), chunks.end(), [](const Chunk& c) {
    return c.text.find("```sql") != std::string::npos;
  });
  EXPECT_NE(code_at->text.find("Run this:"), std::string::npos) << "with the line that introduces it";
}

TEST(CutPassages, CutsAbsurdBlocksBetweenLines) {
  std::string code, table = "| head |\n|---|\n";
  for (int i = 0; i < 400; ++i) {
    code += "SELECT " + std::to_string(i) + " FROM t;\n";
    table += "| row " + std::to_string(i) + " |\n";
  }
  for (const Chunk& chunk : CutMarkdown("```sql\n" + code + "```\n", {100, 0})) {
    EXPECT_TRUE(chunk.text.starts_with("```sql\nSELECT ") && chunk.text.ends_with(";\n```")) << chunk.text;
    EXPECT_LE(chunk.tokens, 100);
  }
  for (const Chunk& chunk : CutMarkdown(table, {100, 0}))
    EXPECT_TRUE(chunk.text.starts_with("| head |\n| --- |\n| row "));
}

TEST(CutPassages, TermsBecomePaths) {
  const auto html = "<h1>T</h1><dl><dt>first<dd><p>" + Prose(20) + "</p><dt>second<dd>" + Prose(20) +
                    "</dl><p>" + Prose(20);
  const auto chunks = CutPassages(*ParseDocument(html, Format::kHtml));
  ASSERT_EQ(chunks.size(), 3u);
  EXPECT_EQ(chunks[0].heading, "T > first");
  EXPECT_EQ(chunks[1].heading, "T > second");
  EXPECT_EQ(chunks[2].heading, "T");
}

TEST(CutPassages, HeadingsWithoutTextAreKept) {
  const auto chunks = CutMarkdown("# Alone\n");
  ASSERT_EQ(chunks.size(), 1u);
  EXPECT_EQ(chunks[0].text, "Alone");
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "# a\n";
  EXPECT_LT(CutMarkdown(many).size(), 100u);
}

// Random documents with everything in them.
std::string RandomMarkdown(std::mt19937& random) {
  static const std::vector<std::string> kParts = {
      "# Top\n\n",
      "## Part\n\n",
      "### Deep one\n\n",
      "A short paragraph. With two sentences, e.g. this.\n\n",
      "- item one\n- item two\n  - inner item\n\n",
      "1. first\n2. second\n\n",
      "```sql\nSELECT 1;\n\nSELECT 2;\n```\n\n",
      "| a | b |\n|---|---|\n| 1 | 2 |\n\n",
      "\xF0\x9F\x98\x80 emoji \xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xE4\xBD\xA0\xE5\xA5\xBD\xE3\x80\x82\n\n",
      "> quoted text\n\n",
      "    indented code\n\n",
      "<dl><dt>term</dt><dd>meaning</dd></dl>\n\n"};
  std::string text;
  for (unsigned n = random() % 40; n > 0; --n) {
    const unsigned pick = random() % (kParts.size() + 2);
    if (pick == kParts.size()) {
      text += Prose(static_cast<int>(random() % 60)) + "\n\n";
    } else if (pick > kParts.size()) {
      text += std::string(random() % 3000, 'x') + "\n\n";
    } else {
      text += kParts[pick];
    }
  }
  return text;
}

std::map<unsigned char, long> Visible(std::string_view text) {
  std::map<unsigned char, long> counts;
  for (const char c : text)
    if (c != ' ' && c != '\n') ++counts[static_cast<unsigned char>(c)];
  return counts;
}

TEST(CutPassages, HoldsWhatItPromisesForAnyDocument) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const Document document = *ParseDocument(RandomMarkdown(random), Format::kMarkdown);
    const ChunkOptions options{static_cast<int>(32 + random() % 300), static_cast<int>(random() % 50)};
    const std::vector<Chunk> chunks = CutPassages(document, options);
    std::string all, again;
    for (const Chunk& chunk : chunks) {
      all += chunk.heading + chunk.text;
      ASSERT_TRUE(utf8::Valid(chunk.text));
      ASSERT_FALSE(IsBlank(chunk.text));
      ASSERT_EQ(chunk.tokens, EstimateTokens(chunk.text));
      const bool solid =
          chunk.text.find("```") != std::string::npos || chunk.text.find("| ") != std::string::npos;
      ASSERT_LE(chunk.tokens, solid ? options.passage_tokens * kWholeBlockFactor + options.overlap_tokens
                                    : options.passage_tokens);
    }
    const auto have = Visible(all);
    std::string source;
    for (const Block& block : document.blocks) {
      const bool code = block.kind == BlockKind::kCode;
      ASSERT_TRUE(!code || all.find(block.text) != std::string::npos);
      if (block.kind != BlockKind::kHeading && block.kind != BlockKind::kTerm) source += block.text;
      const bool shown = all.find(block.text) != std::string::npos;
      ASSERT_TRUE(shown || block.text.size() >= 25) << block.text;
    }
    for (const auto& [byte, count] : Visible(source)) {
      const auto found = have.find(byte);
      ASSERT_TRUE(found != have.end() && found->second >= count) << "lost some of byte " << int(byte);
    }
    const std::vector<Chunk> second = CutPassages(document, options);
    for (const Chunk& chunk : second) again += chunk.heading + chunk.text;
    ASSERT_EQ(all, again);
  }
}

TEST(CutPassages, StandsOneHugeLine) {
  for (const char c : {'x', ' ', '!', '`', '|'}) {
    for (const Chunk& chunk : CutMarkdown("a " + std::string(1 << 20, c))) EXPECT_LE(chunk.tokens, 300);
  }
}

TEST(CutPassages, HoldsOptionsWithinBounds) {
  for (const Chunk& chunk : CutMarkdown(Prose(200), {-5, 1000})) EXPECT_LE(chunk.tokens, 32);
}

}  // namespace
}  // namespace capeai::knowledge
