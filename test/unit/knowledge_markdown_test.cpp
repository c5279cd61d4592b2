#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "knowledge/document.hpp"

namespace capeai::knowledge {
namespace {

Document Markdown(std::string_view text) { return *ParseDocument(text, Format::kMarkdown); }
Document Plain(std::string_view text) { return *ParseDocument(text, Format::kPlain); }

TEST(Markdown, InlineCodeKeepsItsBackticksButNotInHeadings) {
  const Document d = Markdown(
      "# Use `ask()`\n\nCall `capeai_ask('x')`, or `` a`b ``.\n\n- item `x`\n\n| `a|b` |\n| --- |\n| `c` "
      "|\n");
  ASSERT_EQ(d.blocks.size(), 4u);
  EXPECT_EQ(d.blocks[0].text, "Use ask()");
  EXPECT_EQ(d.blocks[1].text, "Call `capeai_ask('x')`, or `` a`b ``.");
  EXPECT_EQ(d.blocks[2].text, "item `x`");
  EXPECT_NE(d.blocks[3].text.find("`c`"), std::string::npos);
  EXPECT_EQ(Markdown("```` ``` ````").blocks[0].text, "```") << "would look like a fence";
}

TEST(Markdown, KeepsStructure) {
  const Document d = Markdown(
      "# Title *with* `code`\n\nA [link](http://x) and &amp; &eacute; &#233;.\n\n## Part\n\n"
      "3. three\n4. four\n   - inner\n\n```sql title=x\nSELECT 1;\n\n  SELECT 2;\n```\n\n- [ ] open\n- [x] "
      "done\n");
  EXPECT_EQ(d.title, "Title with code");
  ASSERT_EQ(d.blocks.size(), 9u);
  EXPECT_EQ(d.blocks[0].kind, BlockKind::kHeading);
  EXPECT_EQ(d.blocks[1].text, "A link and & \xC3\xA9 \xC3\xA9.");
  EXPECT_EQ(d.blocks[2].level, 2);
  EXPECT_EQ(d.blocks[3].marker, "3.");
  EXPECT_EQ(d.blocks[4].marker, "4.");
  EXPECT_EQ(d.blocks[5].level, 2);
  EXPECT_EQ(d.blocks[6].kind, BlockKind::kCode);
  EXPECT_EQ(d.blocks[6].language, "sql");
  EXPECT_EQ(d.blocks[6].text, "SELECT 1;\n\n  SELECT 2;");
  EXPECT_EQ(d.blocks[7].marker, "- [ ]");
  EXPECT_EQ(d.blocks[8].marker, "- [x]");
}

TEST(Markdown, ReadsTables) {
  const Document d = Markdown("| a | b |\n|---|---|\n| 1 | x \\| y |\n");
  ASSERT_EQ(d.blocks.size(), 1u);
  EXPECT_EQ(d.blocks[0].kind, BlockKind::kTable);
  EXPECT_EQ(d.blocks[0].text, "| a | b |\n| --- | --- |\n| 1 | x \\| y |");
}

TEST(Markdown, ReadsHtmlInside) {
  const Document d = Markdown(
      "<div><h2>Inner</h2><p>text</p></div>\n\nx<br>y <b>z</b><!-- no -->\n\n<script>\nevil()\n</script>\n");
  ASSERT_EQ(d.blocks.size(), 3u);
  EXPECT_EQ(d.blocks[0].text, "Inner");
  EXPECT_EQ(d.blocks[2].text, "x y z");
}

TEST(Markdown, TakesTheTitleFromFrontMatter) {
  const Document d = Markdown("---\ntitle: \"The Title\"\ntags: [a]\n---\n# Heading\n\nBody.\n");
  EXPECT_EQ(d.title, "The Title");
  ASSERT_EQ(d.blocks.size(), 2u);
  EXPECT_EQ(d.blocks[0].text, "Heading");
  EXPECT_EQ(Markdown("---\nJust prose here\n---\nmore").blocks.size(), 2u);
}

TEST(Markdown, TakesWhateverComes) {
  EXPECT_EQ(Markdown("\xEF\xBB\xBF# A\r\n\r\nb\rc\r\n").blocks[1].text, "b c");
  EXPECT_EQ(Markdown("```\nnever closed\n").blocks[0].text, "never closed");
  EXPECT_TRUE(Markdown("").blocks.empty());
  EXPECT_TRUE(Markdown(" \n\t\n").blocks.empty());
  const Document nul = Markdown(std::string("a\0b\xFF", 4));
  EXPECT_TRUE(nul.lossy);
  EXPECT_EQ(nul.blocks[0].text,
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
  EXPECT_EQ(Markdown("\xD7\xA9\xD7\x9C \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB").blocks.size(), 1u);
}

std::string Repeat(std::string_view part, size_t n) {
  std::string text;
  for (size_t i = 0; i < n; ++i) text += part;
  return text;
}

TEST(Markdown, StandsHostileInput) {
  for (const std::string& text :
       {std::string(1 << 20, 'x'), std::string(200000, '>'), std::string(200000, '['), Repeat("*a_", 50000),
        Repeat("[a](", 50000), Repeat("- ", 20000), Repeat("&aacute; ", 20000), Repeat("<p>x\n\n", 5000),
        std::string(20000, '|') + "\n" + Repeat("|-", 20000) + "|\n" + Repeat("|a\n", 20000)}) {
    const Document d = Markdown(text);
    for (const Block& block : d.blocks) EXPECT_TRUE(utf8::Valid(block.text));
  }
}

TEST(Document, RefusesMoreThanTheLimit) {
  const auto result = ParseDocument(std::string(kMaxDocumentBytes + 1, 'x'), Format::kPlain);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().sqlstate, "22023");
  EXPECT_TRUE(ParseDocument(std::string(kMaxDocumentBytes, 'x'), Format::kPlain).ok());
}

TEST(Document, KnowsFormats) {
  EXPECT_EQ(FormatFromName("markdown"), Format::kMarkdown);
  EXPECT_EQ(FormatFromName("text"), Format::kPlain);
  EXPECT_FALSE(FormatFromName("docx"));
  EXPECT_EQ(FormatFromFileName("a/b.HTML"), Format::kHtml);
  EXPECT_EQ(FormatFromFileName("README.md"), Format::kMarkdown);
  EXPECT_FALSE(FormatFromFileName("Makefile"));
}

TEST(Plain, FindsHeadingsItemsAndCode) {
  const Document d = Plain(
      "Guide\n=====\n\nIntro line\ngoes on.\n\nSetup\n-----\n- one\n  more\n- two\n2) three\n\n    make "
      "all\n\n      make x\n");
  EXPECT_EQ(d.title, "Guide");
  ASSERT_EQ(d.blocks.size(), 7u);
  EXPECT_EQ(d.blocks[1].text, "Intro line goes on.");
  EXPECT_EQ(d.blocks[2].level, 2);
  EXPECT_EQ(d.blocks[3].text, "one more");
  EXPECT_EQ(d.blocks[5].marker, "2.");
  EXPECT_EQ(d.blocks[6].kind, BlockKind::kCode);
  EXPECT_EQ(d.blocks[6].text, "make all\n\n  make x");
}

TEST(Plain, TextThatIsAllIndentedIsProse) {
  EXPECT_EQ(Plain("    a\n    b\n").blocks[0].kind, BlockKind::kParagraph);
  EXPECT_EQ(Plain("== Asciidoc\n\ntext").blocks[0].level, 2);
  EXPECT_EQ(Plain("****\nOver\n****\n\ntext").blocks[0].text, "Over");
}

}  // namespace
}  // namespace capeai::knowledge
