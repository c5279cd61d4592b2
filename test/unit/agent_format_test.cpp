// preferred_format, whatever the model wrote; languages; intents; confidence.
#include <gtest/gtest.h>

#include "agent/citations.hpp"
#include "agent/confidence.hpp"
#include "agent/format.hpp"
#include "agent_fake_host.hpp"

namespace capeai {
namespace {

struct FormatCase {
  const char* format;
  const char* text;
  const char* wanted;
};

const FormatCase kCases[] = {
    {"text", "- a\n- b", "- a\n- b"},
    {"unknown", "a. b.", "a. b."},
    {"steps", "", ""},
    {"steps", "Do it.", "1. Do it."},
    {"steps", "Open the file. Save it. Close it.", "1. Open the file.\n2. Save it.\n3. Close it."},
    {"steps", "First:\n\n- a\n- b\n\nDone.", "First:\n\n1. a\n2. b\n\nDone."},
    {"steps", "* a\n  more\n* b", "1. a\n   more\n2. b"},
    {"steps", "1) a\n2) b", "1. a\n2. b"},
    {"steps", "1. a\n1. b\n1. c", "1. a\n2. b\n3. c"},
    {"steps", "## One\n1. a\n2. b\n## Two\n1. c", "## One\n1. a\n2. b\n## Two\n1. c"},
    {"steps", "1. a\n   ```sql\n   SELECT 1;\n   ```\n2. b", "1. a\n   ```sql\n   SELECT 1;\n   ```\n2. b"},
    {"steps", "1. a\n\nNote this.\n\n2. b", "1. a\n\nNote this.\n\n2. b"},
    {"steps", "- [ ] a\n- [x] b", "1. a\n2. b"},
    {"steps", "1. a\n- note\n2. b", "1. a\n- note\n2. b"},
    {"steps", "Run this:\n```bash\nls\n```\nThen stop.",
     "1. Run this:\n   ```bash\n   ls\n   ```\n2. Then stop."},
    {"steps", "```\n1. not a step\n```", "1. Use this:\n   ```\n   1. not a step\n   ```"},
    {"checklist", "1. a\n2. b", "- [ ] a\n- [ ] b"},
    {"checklist", "- a\n- b", "- [ ] a\n- [ ] b"},
    {"checklist", "\xE2\x80\xA2 a\n\xE2\x80\xA2 b", "- [ ] a\n- [ ] b"},
    {"checklist", "- [x] a\n* [ ] b", "- [ ] a\n- [ ] b"},
    {"checklist", "Check the disk. Check the log.", "- [ ] Check the disk.\n- [ ] Check the log."},
    {"code", "Use:\n```sql\nSELECT 1;\n```\nIt works.", "```sql\nSELECT 1;\n```\n\nUse:\nIt works."},
    {"code", "```\nSELECT 1;\n```", "```sql\nSELECT 1;\n```"},
    {"code", "Run `sudo apt install x` now.",
     "```bash\nsudo apt install x\n```\n\nRun `sudo apt install x` now."},
    {"code", "SELECT * FROM t;", "```sql\nSELECT * FROM t;\n```"},
    {"code", "No code here", "```text\nNo code here\n```"},
    {"code", "~~~\nx = 1\n~~~", "```ini\nx = 1\n```"},
    {"code", "1. Do\n   ```sh\n   ls\n   ```", "```sh\nls\n```\n\n1. Do"},
    {"code", "```md\nnever closed", "```md\nnever closed\n```"},
    {"code", "````md\n```\ninner\n```\n````", "````md\n```\ninner\n```\n````"},
    {"code", "```\na\n```\n```\nb = 1\n```", "```text\na\n```\n\n```ini\nb = 1\n```"},
};

TEST(FormatResponse, MakesTheFormatTrue) {
  for (const FormatCase& c : kCases)
    EXPECT_EQ(FormatResponse(c.text, c.format), c.wanted) << c.format << ": " << c.text;
}

TEST(FormatResponse, TwiceIsOnce) {
  for (const FormatCase& c : kCases) {
    const std::string once = FormatResponse(c.text, c.format);
    EXPECT_EQ(FormatResponse(once, c.format), once) << c.format << ": " << c.text;
  }
}

// Every format from every other's output has its mark.
TEST(FormatResponse, AnyTextBecomesAnyFormat) {
  for (const FormatCase& c : kCases) {
    if (!*c.text) continue;
    const auto has = [](const std::string& text, const std::string& mark) {
      return ("\n" + text).find("\n" + mark) != std::string::npos;
    };
    EXPECT_TRUE(has(FormatResponse(c.wanted, "steps"), "1. ")) << c.wanted;
    EXPECT_TRUE(has(FormatResponse(c.wanted, "checklist"), "- [ ] ")) << c.wanted;
    const std::string code = FormatResponse(c.wanted, "code");
    EXPECT_EQ(code.rfind("```", 0), 0u) << c.wanted;
    EXPECT_NE(code.find('\n'), code.find_first_not_of('`')) << "no language: " << code;
  }
}

TEST(GuessLanguage, ByPlainSigns) {
  const std::pair<const char*, const char*> cases[] = {{"SELECT a\nFROM b;", "sql"},
                                                       {"create extension capeai;", "sql"},
                                                       {"$ make install", "bash"},
                                                       {"{\"a\": 1}", "json"},
                                                       {"def f(x):\n  return x", "python"},
                                                       {"const x = 1;", "javascript"},
                                                       {"#include <vector>", "cpp"},
                                                       {"<div>x</div>", "html"},
                                                       {"a: 1\nb: 2", "yaml"},
                                                       {"port = 5432\n# x", "ini"},
                                                       {"fn main() {}", "rust"},
                                                       {"hello there", "text"},
                                                       {"", "text"}};
  for (const auto& [code, language] : cases) EXPECT_EQ(GuessLanguage(code), language) << code;
}

TEST(AnalyzeContext, FindsTheIntent) {
  const std::pair<const char*, const char*> cases[] = {
      {"How do I create an index?", "how_to"},
      {"how to install the extension on Debian", "how_to"},
      {"Steps to configure replication", "how_to"},
      {"Why does my query fail with error 42P01?", "troubleshooting"},
      {"I can't log in", "troubleshooting"},
      {"The worker is not working after restart", "troubleshooting"},
      {"How do I fix the broken index?", "troubleshooting"},
      {"Where do I find the settings page?", "navigation"},
      {"Which menu has the export button?", "navigation"},
      {"What is a tablespace?", "learning"},
      {"Explain MVCC", "learning"},
      {"What is the difference between json and jsonb?", "learning"},
      {"Thanks!", "general"},
      {"", "general"}};
  for (const auto& [query, intent] : cases)
    EXPECT_EQ(AnalyzeContext(test::Ask(query).input).intent, intent) << query;
}

TEST(AnalyzeContext, TellingQuestionsAreSearchedAsTheyStand) {
  const Json context =
      test::Parse(R"({"context":{"current_page":"/admin/billing","features_used":["export"]}})");
  const auto analysis = AnalyzeContext(test::Ask("How do I restore a database backup?", context).input);
  EXPECT_EQ(analysis.search_query, "How do I restore a database backup?");
  EXPECT_EQ(analysis.output["current_page"].string(), "/admin/billing");
}

TEST(AnalyzeContext, VagueQuestionsBorrowFromPageAndConversation) {
  const auto search = [](const char* query, const char* page, std::vector<Turn> history = {}) {
    return AnalyzeContext(
               test::Ask(query, Json::Object().Set("context",
                                                   Json::Object().Set("current_page", Json::String(page))))
                   .input,
               history)
        .search_query;
  };
  EXPECT_EQ(search("How do I use this?", "https://app.example/admin/billing-reports.html?x=1#y"),
            "How do I use this? admin billing reports");
  EXPECT_EQ(search("What is this?", "/index.html"), "What is this?");
  EXPECT_EQ(search("And on Windows?", "", {{"How do I install the extension?", "..."}}),
            "And on Windows? install extension");
  EXPECT_EQ(search("", ""), "");
}

TEST(AnalyzeContext, FollowUpsLookBack) {
  const auto searched = [](const char* query, const std::vector<Turn>& history) {
    return AnalyzeContext(test::Ask(query).input, history).search_query;
  };
  const Turn first{"Which command begins the worker of a database?", "Turn the key."};
  // One that points back may have several words of its own.
  EXPECT_NE(searched("And how do I stop it when the server runs?", {first}).find("worker"),
            std::string::npos);
  EXPECT_EQ(searched("How does the server run queued tasks?", {first}).find("worker"), std::string::npos);
  EXPECT_EQ(searched("And how do I stop it when the server runs?", {}).find("worker"), std::string::npos);
  // A follow-up after a follow-up reaches the question that said what it is about.
  EXPECT_NE(searched("And start it?", {first, {"And stop it?", "So."}}).find("worker"), std::string::npos);
}

TEST(CheckCitations, NumbersAndMarks) {
  const auto check = [](std::vector<int64_t> numbers, const char* text) {
    return CheckCitations(numbers, text, 3);
  };
  EXPECT_EQ(check({1, 1, 3}, "").cited, (std::vector<int>{0, 2}));
  EXPECT_EQ(check({4, -1, 0}, "").unknown, 3);
  EXPECT_EQ(check({}, "so [2], and [1, 3].").cited, (std::vector<int>{1, 0, 2}));
  EXPECT_TRUE(check({}, "`a[1]` and ```\nx[2]\n``` and [9] and [] and [1").cited.empty());
  EXPECT_TRUE(check({}, "[12345678901234567890]").cited.empty());
  EXPECT_TRUE(check({}, "a[1], f(x)[2], [3](https://x.test), [1]: https://x.test").cited.empty());
  EXPECT_EQ(check({9}, "so [9, 1] and [8]").unknown, 2);
}

TEST(CheckCitations, MarksOfPassagesThatWereNeverGivenLeaveTheText) {
  const auto clean = [](const char* text) { return WithoutUnknownMarks(text, 3); };
  EXPECT_EQ(clean("So [9]. And [1, 99] then [2][42]! [77]"), "So. And [1] then [2]!");
  EXPECT_EQ(clean("[4] begins"), " begins");
  EXPECT_EQ(clean("`x[9]`, a[9], [9](https://x.test) and\n```\n[9]\n```"),
            "`x[9]`, a[9], [9](https://x.test) and\n```\n[9]\n```");
  EXPECT_EQ(clean("no marks [x] [ ] [1"), "no marks [x] [ ] [1");
  EXPECT_EQ(WithoutUnknownMarks("All [1] of [2] them.", 0), "All of them.");
}

TEST(MatchResources, CitedFirstEachOnce) {
  std::vector<Passage> passages;
  for (int i = 1; i <= 8; ++i) passages.push_back(test::MakePassage(i, "D" + std::to_string(i), "x"));
  passages[4].document_id = 1;  // another passage of the first document
  passages[5].url = passages[1].url;
  const Json list = MatchResources(passages, {2, 4});
  std::vector<std::string> titles;
  for (size_t i = 0; i < list.size(); ++i) titles.push_back(list[i]["title"].string_or(""));
  EXPECT_EQ(titles, (std::vector<std::string>{"D3", "D5", "D2", "D4", "D7"}));
}

TEST(ConfidenceScore, RisesWithEachIngredientAndStaysInRange) {
  const auto score = [](double retrieval, CheckedCitations citations, std::optional<double> word) {
    return ConfidenceScore("Which colours do themes change?", {test::MakePassage(1, "A", "x", retrieval)},
                           citations, word);
  };
  const CheckedCitations one{{0}, 0};
  EXPECT_LT(score(0.2, one, 0.5), score(0.8, one, 0.5));
  EXPECT_LT(score(0.5, one, 0.1), score(0.5, one, 0.9));
  EXPECT_LT(score(0.5, {{0}, 3}, 0.5), score(0.5, one, 0.5));
  EXPECT_LT(score(1, {}, 1), score(0.5, one, 0.5));
  EXPECT_DOUBLE_EQ(score(0, {}, 0), 0);
  EXPECT_DOUBLE_EQ(score(0, one, 1), 0.4);
  EXPECT_LE(score(7, one, 1), 1);
  EXPECT_DOUBLE_EQ(ConfidenceScore("", {}, {}, std::nullopt), 0.05);
}

TEST(RetrievalStrength, KnowsChanceFromMatch) {
  const auto strength = [](const char* question, std::vector<double> scores, std::vector<int> cited) {
    std::vector<Passage> passages;
    for (const double score : scores)
      passages.push_back(test::MakePassage(static_cast<int64_t>(passages.size()) + 1, "A", "x", score));
    return RetrievalStrength(question, passages, cited);
  };
  const char* const kShort = "stop worker";
  const char* const kLong = "stop worker database without losing queued tasks running";
  // The same share of a longer question says more.
  EXPECT_LT(strength(kShort, {0.4}, {0}), strength(kLong, {0.4}, {0}));
  // So does a passage that stands out.
  EXPECT_LT(strength(kShort, {0.4, 0.4, 0.4, 0.4}, {0}), strength(kShort, {0.4, 0.1, 0.1, 0.1}, {0}));
  // And one of which a sentence speaks of all of it.
  EXPECT_LT(RetrievalStrength(kShort, {test::MakePassage(1, "A", "Stop. The worker.", 0.4)}, {0}),
            RetrievalStrength(kShort, {test::MakePassage(1, "A", "Stop the worker.", 0.4)}, {0}));
  // It is the cited passages that count; without any, the best.
  EXPECT_LT(strength(kShort, {0.9, 0.2}, {1}), strength(kShort, {0.9, 0.2}, {0}));
  EXPECT_DOUBLE_EQ(strength(kShort, {0.9, 0.2}, {}), strength(kShort, {0.9, 0.2}, {1, 0}));
  EXPECT_DOUBLE_EQ(strength(kShort, {}, {}), 0);
  EXPECT_DOUBLE_EQ(strength(kShort, {0, 0}, {1}), 0);
  // Another passage of the same document is no rival.
  std::vector<Passage> both = {test::MakePassage(1, "A", "x", 0.5), test::MakePassage(1, "A", "y", 0.5)};
  EXPECT_DOUBLE_EQ(RetrievalStrength(kShort, both, {0}), strength(kShort, {0.5}, {0}));
}

}  // namespace
}  // namespace capeai
