#include "knowledge/links.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "knowledge/document.hpp"

namespace capeai::knowledge {
namespace {

TEST(Links, ResolvesAsBrowsersDo) {
  const std::string base = "https://x.test/docs/guide/a.html?q=1#here";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"b.html", "https://x.test/docs/guide/b.html"},
      {"./b.html#part", "https://x.test/docs/guide/b.html"},
      {" ../b.html ", "https://x.test/docs/b.html"},
      {"../../../../b", "https://x.test/b"},
      {"..", "https://x.test/docs/"},
      {"/b/./c/../d", "https://x.test/b/d"},
      {"sub/", "https://x.test/docs/guide/sub/"},
      {"sub/index.html", "https://x.test/docs/guide/sub/"},
      {"index.html#x", "https://x.test/docs/guide/"},
      {"?page=../2", "https://x.test/docs/guide/a.html?page=../2"},
      {"//y.test/b", "https://y.test/b"},
      {"HTTP://y.test/b/../c", "HTTP://y.test/c"},
      {"file:///srv/b.md", "file:///srv/b.md"},
      {"#part", ""},
      {"", ""},
      {"mailto:a@x.test", ""},
      {"javascript:go()", ""},
  };
  for (const auto& [href, page] : cases) EXPECT_EQ(ResolveLink(base, href), page) << href;
}

TEST(Links, ResolvesAgainstBarePathsAndHosts) {
  EXPECT_EQ(ResolveLink("docs/a.md", "b.md"), "docs/b.md");
  EXPECT_EQ(ResolveLink("docs/a.md", "../README.md"), "README.md");
  EXPECT_EQ(ResolveLink("README.md", "docs/a.md"), "docs/a.md");
  EXPECT_EQ(ResolveLink("https://x.test", "a.md"), "https://x.test/a.md");
  EXPECT_EQ(ResolveLink("file:///srv/a.md", "b/c.md"), "file:///srv/b/c.md");
  EXPECT_EQ(PageOf("https://x.test/a/index.html#top"), "https://x.test/a/");
  EXPECT_EQ(PageOf("https://x.test/a/myindex.html"), "https://x.test/a/myindex.html");
}

using Texts = std::vector<std::pair<std::string, std::string>>;

Texts LinksOf(std::string_view content, Format format) {
  Texts found;
  const Document document = *ParseDocument(content, format);
  for (const Link& link : document.links) found.emplace_back(link.href, link.text);
  return found;
}

TEST(Links, AreFoundInMarkdown) {
  EXPECT_EQ(LinksOf("# A [head](h.md)\n\nSee [the *fine* page](a.md \"title\"), <https://x.test/> and "
                    "![pic](p.png).\n\n"
                    "| [cell](c.md) |\n| --- |\n\n<p>raw <a href=\"r.md\">html</a></p>\n",
                    Format::kMarkdown),
            (Texts{{"h.md", "head"}, {"a.md", "the fine page"}, {"c.md", "cell"}, {"r.md", "html"}}));
}

TEST(Links, AreFoundInHtml) {
  EXPECT_EQ(
      LinksOf(
          "<nav><a href='n'>menu</a></nav><h1><a href=\"h\">head</a></h1><p>see <a href='a?x=1&amp;y=2'>a "
          "<b>bold</b>"
          " one</a>, <a name='x'>no link</a>, <a href='img'><img src='i'></a><dl><dt>term, <a href=d>page</a>"
          "<dd>text</dl><table><tr><td><a href='c'>cell</a></td></tr></table>",
          Format::kHtml),
      (Texts{{"h", "head"}, {"a?x=1&y=2", "a bold one"}, {"d", "page"}, {"c", "cell"}}));
  EXPECT_EQ(LinksOf("<p><a href=a>one<p>two</a> three <a href=b>four", Format::kHtml),
            (Texts{{"a", "one"}, {"b", "four"}}))
      << "a link ends with its block";
}

std::string Packed(const std::vector<std::string>& words) {
  TermVectorBuilder vector;
  for (const std::string& word : words) vector.Add(kBody, word);
  return vector.Pack();
}

TEST(Links, RaiseThePagesThatTheyNameByTheQuerysWords) {
  const std::string named = Packed({"partial", "index"}), other = Packed({"lock", "table"});
  const std::string wordy = Packed({"partial", "a", "b", "c", "d", "e", "f", "g", "h", "i"});
  std::vector<double> scores = {1, 1, 1, 1};
  AddLinkScores(scores, {{named, named}, {named}, {wordy}, {other}}, {{"partial", 1}, {"unheard", 1}}, {4, 5},
                {});
  EXPECT_GT(scores[0], scores[1]) << "two say so";
  EXPECT_GT(scores[1], scores[2]) << "of few words each counts more";
  EXPECT_GT(scores[2], 1);
  EXPECT_EQ(scores[3], 1);
  EXPECT_LT(scores[0], 1 + 0.25 * 4) << "never more than the weight allows";

  scores = {1, 2};
  AddLinkScores(scores, {{}, {}}, {{"partial", 1}}, {4}, {});
  EXPECT_EQ(scores, (std::vector<double>{1, 2}));
  AddLinkScores(scores, {{"\xFF\xFF"}, {}}, {{"partial", 1}}, {4}, {});
  EXPECT_EQ(scores, (std::vector<double>{1, 2})) << "broken vectors say nothing";
}

}  // namespace
}  // namespace capeai::knowledge
