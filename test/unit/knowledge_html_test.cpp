#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/utf8.hpp"
#include "knowledge/document.hpp"
#include "knowledge/html_filter.hpp"

namespace capeai::knowledge {
namespace {

Document Html(std::string_view text) { return *ParseDocument(text, Format::kHtml); }

std::string Repeat(std::string_view part, size_t n) {
  std::string text;
  for (size_t i = 0; i < n; ++i) text += part;
  return text;
}

std::string AllText(const Document& document) {
  std::string text;
  for (const Block& block : document.blocks) text += block.text + "\n";
  return text;
}

TEST(Html, KeepsStructureAndDecodesEntities) {
  const Document d = Html(
      "<html><head><title>A &amp; B</title></head><body><h2>A &amp; B</h2><p>x <b>y</b>&nbsp;z&#233;</p>"
      "<h2>Next</h2><ol><li>one<li><p>two</p><p>more</p></ol><pre><code class='language-SQL x'>SELECT 1\n  "
      "&lt; 2;</code></pre>"
      "<table><tr><th>h</th><th>i</th></tr><tr><td>1<p>a</p><p>b</p></td><td>2|3</td></tr></table></body>");
  EXPECT_EQ(d.title, "A & B");
  ASSERT_EQ(d.blocks.size(), 8u);
  EXPECT_EQ(d.blocks[0].level, 1) << "the page's title is its top heading";
  EXPECT_EQ(d.blocks[1].text, "x y z\xC3\xA9");
  EXPECT_EQ(d.blocks[2].level, 2);
  EXPECT_EQ(d.blocks[3].marker, "1.");
  EXPECT_EQ(d.blocks[4].marker, "2.");
  EXPECT_EQ(d.blocks[5].kind, BlockKind::kParagraph);
  EXPECT_EQ(d.blocks[5].level, 1);
  EXPECT_EQ(d.blocks[6].language, "sql");
  EXPECT_EQ(d.blocks[6].text, "SELECT 1\n  < 2;");
  EXPECT_EQ(d.blocks[7].text, "| h | i |\n| --- | --- |\n| 1 \xE2\x80\x94 a \xE2\x80\x94 b | 2\\|3 |");
}

TEST(Html, LeavesOutWhatIsNoText) {
  const std::string text = AllText(Html(
      "<nav>menu</nav><header>top</header><script>if (a<b) x('</p>')</script><style>p{}</style><p>kept</p>"
      "<div class=\"a navfooter\"><div>next</div></div><div "
      "hidden>h<div>i</div></div><svg><text>pic</text></svg>"
      "<article><header><h1>Own</h1></header></article><footer>end</footer><select><option>o</select><!-- c "
      "--><p>last"));
  EXPECT_EQ(text, "kept\nOwn\nlast\n");
}

TEST(Html, TermsHeadTheirDefinitions) {
  const Document d =
      Html("<dl><dt>-a<dt>--all<dd>everything<dl><dt>in</dt><dd>inner</dd></dl></dl><p>after</p>");
  ASSERT_EQ(d.blocks.size(), 5u);
  EXPECT_EQ(d.blocks[0].kind, BlockKind::kTerm);
  EXPECT_EQ(d.blocks[0].text, "-a, --all");
  EXPECT_EQ(d.blocks[1].term, 1);
  EXPECT_EQ(d.blocks[2].level, 2);
  EXPECT_EQ(d.blocks[3].term, 2);
  EXPECT_EQ(d.blocks[4].term, 0);
}

TEST(Html, NotesAreNoSections) {
  const Document d =
      Html("<h1>T</h1><div class=\"note\"><h3 class=\"title\">Note</h3><p>Mind this.</p></div><p>On.</p>");
  ASSERT_EQ(d.blocks.size(), 3u);
  EXPECT_EQ(d.blocks[1].text, "Note: Mind this.");
}

TEST(Html, TablesThatArrangeThePageAreNoTables) {
  const Document d =
      Html("<table><tr><td><h2>Left</h2><p>text</p></td><td><table><tr><td>in</table></td></tr></table>");
  ASSERT_EQ(d.blocks.size(), 3u);
  EXPECT_EQ(d.blocks[0].kind, BlockKind::kHeading);
  EXPECT_EQ(d.blocks[2].kind, BlockKind::kTable);
}

TEST(Html, BrokenMarkupIsText) {
  EXPECT_EQ(AllText(Html("a < b <3 </ x> c")), "a < b <3 c\n");
  EXPECT_EQ(AllText(Html("<p>a</div></b>b")), "ab\n");
  EXPECT_EQ(AllText(Html("just text &bogus; &amp")), "just text &bogus; &\n");
  EXPECT_TRUE(Html("<p").blocks.empty());
  EXPECT_TRUE(Html("<!--").blocks.empty());
  EXPECT_TRUE(Html("").blocks.empty());
  EXPECT_TRUE(Html(std::string("\0", 1)).lossy);
}

TEST(Html, StandsHostileInput) {
  std::string formatting;
  for (int i = 0; i < 20000; ++i) formatting += "<b a=" + std::to_string(i) + ">";
  for (const std::string& text :
       {Repeat("<div>", 100000) + "deep", Repeat("<li><dd>", 50000) + "deep",
        Repeat("<table><tr><td>", 50000) + "deep", formatting + Repeat("<p>x", 20000) + "deep",
        Repeat("<p>x", 300000) + "deep", Repeat("<svg><a>", 20000) + "</svg>", Repeat("<script>", 50000),
        "<a b=\"" + std::string(500000, 'x'), std::string(500000, '<'),
        Repeat("<dl><dt>x<dd>", 20000) + "deep", Repeat("<div></p></div>", 50000) + "deep",
        Repeat("<a href=x>y", 100000) + "deep", Repeat("<a href=x><p>y", 50000) + "deep",
        Repeat("<div hidden>", 50000) + "gone"}) {
    const Document d = Html(text);
    for (const Block& block : d.blocks) ASSERT_TRUE(utf8::Valid(block.text));
    const bool lost = text.ends_with("deep") && AllText(d).find("deep") == std::string::npos;
    EXPECT_FALSE(lost) << text.substr(0, 40);
    EXPECT_EQ(AllText(d).find("gone"), std::string::npos);
  }
}

TEST(Html, FilterGivesNestedTagsOnly) {
  EXPECT_EQ(FilterHtml("<p>a<div>b<li>c<li>d</div>e</p>").html, "<p>a</p><div>b<li>c</li><li>d</li></div>e");
  EXPECT_EQ(FilterHtml("2<sup>31</sup>").html, "2^31");
  EXPECT_EQ(DecodeEntity("&eacute;"), "\xC3\xA9");
  EXPECT_EQ(DecodeEntity("&nosuch;"), "&nosuch;");
}

// A page of the real manual, where it is installed.
TEST(Html, ReadsThePostgresManual) {
  const std::filesystem::path page = "/usr/share/doc/postgresql-doc-15/html/sql-vacuum.html";
  if (!std::filesystem::exists(page)) GTEST_SKIP() << "postgresql-doc-15 is not installed";
  std::ifstream file(page);
  std::stringstream bytes;
  bytes << file.rdbuf();
  const Document d = Html(bytes.str());
  EXPECT_EQ(d.title, "VACUUM");
  const std::string text = AllText(d);
  EXPECT_EQ(text.find("Prev"), std::string::npos);
  EXPECT_EQ(text.find("sql-update"), std::string::npos);
  EXPECT_NE(text.find("SKIP_LOCKED"), std::string::npos);
}

}  // namespace
}  // namespace capeai::knowledge
