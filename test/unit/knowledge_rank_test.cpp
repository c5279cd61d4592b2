// Ranking against scores that are computed by hand, smoothing, identifiers.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "knowledge/identifiers.hpp"
#include "knowledge/rank.hpp"
#include "knowledge/smooth.hpp"
#include "knowledge/spelling.hpp"

namespace capeai::knowledge {
namespace {

std::string Vector(const std::vector<std::string>& body, const std::vector<std::string>& title = {}) {
  TermVectorBuilder builder;
  for (const std::string& term : title) builder.Add(kTitle, term);
  for (const std::string& term : body) builder.Add(kBody, term);
  return builder.Pack();
}

RankOptions PassagesOnly() {
  RankOptions options;
  options.document_share = 0;
  return options;
}

// A segment in memory, with the lists of some terms.
struct Segment {
  SegmentHeader header;
  std::map<std::string, std::string> blocks;

  explicit Segment(const std::vector<std::pair<PassageKey, std::string>>& passages) {
    SegmentBuilder builder;
    for (const auto& [key, vector] : passages) builder.Add(key, vector);
    header = builder.Finish(
        [this](std::string_view first, std::string_view block) { blocks.emplace(first, block); });
  }
  std::vector<std::string_view> Lists(const Ranker& ranker) const {
    std::vector<std::string_view> lists;
    for (const QueryTerm& term : ranker.terms()) {
      auto at = blocks.upper_bound(term.term);
      lists.push_back(at == blocks.begin() ? std::string_view() : FindInBlock((--at)->second, term.term));
    }
    return lists;
  }
};

TEST(Ranker, Bm25ByHand) {
  Ranker ranker({{"cat", 1}}, PassagesOnly());
  ranker.AddPassage({1, 1}, Vector({"cat", "cat", "dog"}));
  ranker.AddPassage({2, 2}, Vector({"dog"}));
  const auto ranked = ranker.Rank(10);
  ASSERT_EQ(ranked.size(), 1u);
  EXPECT_EQ(ranked[0].best, (PassageKey{1, 1}));
  const double idf = std::log(1 + (2 - 1 + 0.5) / (1 + 0.5));
  const double normal = 1 - 0.75 + 0.75 * 3 / 2;
  EXPECT_NEAR(ranked[0].score, idf * (2 / normal) * 2.2 / (2 / normal + 1.2), 1e-5);
  EXPECT_NEAR(ranker.ideal(), idf * 2.2, 1e-9);
}

TEST(Ranker, TitleOutweighsBodyAndRareOutweighsCommon) {
  Ranker ranker({{"common", 1}, {"rare", 1}}, {});
  ranker.AddPassage({1, 1}, Vector({"common", "x"}));
  ranker.AddPassage({2, 2}, Vector({"x", "y"}, {"common"}));
  ranker.AddPassage({3, 3}, Vector({"rare", "x"}));
  ranker.AddPassage({4, 4}, Vector({"z", "x"}));
  ranker.AddPassage({5, 5}, Vector({"z", "x"}, {"z"}));
  const auto ranked = ranker.Rank(10);
  ASSERT_EQ(ranked.size(), 3u);
  EXPECT_EQ(ranked[0].best.document, 3);
  EXPECT_EQ(ranked[1].best.document, 2);
  EXPECT_EQ(ranked[2].best.document, 1);
  for (const RankedDocument& document : ranked) EXPECT_LT(document.score, ranker.ideal());
}

TEST(Ranker, EachDocumentOnceByItsBestPassage) {
  Ranker ranker({{"cat", 1}}, {});
  ranker.AddPassage({1, 1}, Vector({"cat", "x", "y", "z"}));
  ranker.AddPassage({1, 2}, Vector({"cat", "cat", "cat", "z"}));
  ranker.AddPassage({2, 3}, Vector({"cat", "x", "y", "z"}));
  const auto ranked = ranker.Rank(10);
  ASSERT_EQ(ranked.size(), 2u);
  EXPECT_EQ(ranked[0].best, (PassageKey{1, 2}));
  EXPECT_EQ(ranker.terms().size(), 1u);
}

// A document of several passages is not marked down for its length as a passage is.
TEST(Ranker, LongDocumentsAreNormalisedLessThanLongPassages) {
  RankOptions documents_only;
  documents_only.document_share = 1;
  const auto scores = [&](RankOptions options) {
    Ranker ranker({{"cat", 1}}, options);
    ranker.AddPassage({1, 1}, Vector({"cat", "x", "y", "z"}));
    ranker.AddPassage({1, 2}, Vector({"u", "v", "x", "y"}));
    ranker.AddPassage({2, 3}, Vector({"cat", "z"}));
    const auto ranked = ranker.Rank(10);
    return std::pair(ranked.at(0).score, ranked.at(1).score);
  };
  const auto [brief, lengthy] = scores(documents_only);
  EXPECT_GT(brief, lengthy);
  // By hand: of 8 and 2 words, 5 on average, with b = 0.4.
  const auto part = [](double length) {
    const double weighted = 1 / (0.6 + 0.4 * length / 5);
    return weighted / (weighted + 1.2);
  };
  EXPECT_NEAR(lengthy / brief, part(8) / part(2), 1e-5);
  documents_only.document_b = documents_only.b;
  const auto [brief_as_passage, lengthy_as_passage] = scores(documents_only);
  EXPECT_LT(lengthy_as_passage / brief_as_passage, lengthy / brief);
}

// Where passages are (pending, one segment, two segments, with dead ones among
// them) does not change a score.
TEST(Ranker, StorageDoesNotMatter) {
  const std::vector<std::pair<PassageKey, std::string>> live = {
      {{1, 1}, Vector({"cat", "dog", "dog"}, {"cat"})},
      {{1, 2}, Vector({"dog", "fish"})},
      {{2, 3}, Vector({"cat", "fish", "bird"})},
      {{3, 5}, Vector({"bird", "bird"})}};
  const auto query = [] { return Ranker({{"cat", 1}, {"bird", 2}}, {}); };

  Ranker pending = query();
  for (const auto& [key, vector] : live) pending.AddPassage(key, vector);
  const auto expected = pending.Rank(10);
  ASSERT_EQ(expected.size(), 3u);

  const Segment first({live[0], live[1], {{9, 4}, Vector({"cat", "cat", "bird"})}});
  const Segment second({live[2]});
  Ranker mixed = query();
  mixed.AddSegment(&first.header, {false, false, true}, first.Lists(mixed));
  mixed.AddSegment(&second.header, {}, second.Lists(mixed));
  mixed.AddPassage(live[3].first, live[3].second);
  const auto ranked = mixed.Rank(10);
  ASSERT_EQ(ranked.size(), expected.size());
  for (size_t i = 0; i < ranked.size(); ++i) {
    EXPECT_EQ(ranked[i].best, expected[i].best);
    EXPECT_NEAR(ranked[i].score, expected[i].score, 1e-5);
  }
  EXPECT_NEAR(mixed.ideal(), pending.ideal(), 1e-9);
}

TEST(Ranker, EmptyIndexAndUnknownTerms) {
  Ranker empty({{"cat", 1}}, {});
  EXPECT_TRUE(empty.Rank(10).empty());
  Ranker unknown({{"cat", 1}}, {});
  unknown.AddPassage({1, 1}, Vector({"dog"}));
  EXPECT_TRUE(unknown.Rank(10).empty());
  EXPECT_GT(unknown.ideal(), 0);
}

TEST(Smooth, PullsAnOutlierTowardsItsNeighbours) {
  const std::string a = Vector({"wing", "lift", "drag"}), b = Vector({"wing", "lift", "flow"});
  const std::string other = Vector({"blood", "lung"});
  const auto smoothed = SmoothScores({10, 2, 8}, {a, b, other}, {1, 0.3});
  EXPECT_NEAR(smoothed[0], 0.7 * 10 + 0.3 * 2, 1e-9);
  EXPECT_NEAR(smoothed[1], 0.7 * 2 + 0.3 * 10, 1e-9);
  EXPECT_NEAR(smoothed[2], 8, 1e-9);  // resembles nothing
}

TEST(Smooth, FewOrEmpty) {
  EXPECT_TRUE(SmoothScores({}, {}, {}).empty());
  const std::string a = Vector({"wing"});
  EXPECT_EQ(SmoothScores({3}, {a}, {})[0], 3);
  EXPECT_EQ(SmoothScores({3, 2}, {a, std::string_view()}, {})[1], 2);
}

TEST(Spelling, Distance) {
  EXPECT_EQ(EditDistance("vaccum", "vacuum", 2), 1);
  EXPECT_EQ(EditDistance("tabel", "table", 2), 1);  // a swap is one slip
  EXPECT_EQ(EditDistance("abc", "abc", 1), 0);
  EXPECT_EQ(EditDistance("", "ab", 2), 2);
  EXPECT_EQ(EditDistance("kitten", "sitting", 2), 3);
  EXPECT_EQ(EditDistance("kitten", "sitting", 5), 3);
}

TEST(Spelling, NearestThenMostUsed) {
  NearestTerm nearest("replcation");
  nearest.Offer("replicatoin", 100);  // two slips
  EXPECT_EQ(nearest.best(), "replicatoin");
  nearest.Offer("replication", 1);  // one
  nearest.Offer("application", 900);
  EXPECT_EQ(nearest.best(), "replication");

  NearestTerm tie("tabl");
  tie.Offer("tabs", 3);
  tie.Offer("tab", 5);
  tie.Offer("tale", 1);
  EXPECT_EQ(tie.best(), "tab");
}

TEST(Spelling, NothingForShortOrNumbered) {
  for (const char* word : {"abc", "utf8x", "15.2", "pg_x", ""}) {
    NearestTerm nearest(word);
    EXPECT_FALSE(nearest.possible()) << word;
    nearest.Offer(word, 1);
    EXPECT_EQ(nearest.best(), "");
  }
}

TEST(Ranker, NamesWhatIsMissing) {
  Ranker ranker({{"cat", 1}, {"dog", 1}, {"fish", 1}}, {});
  const Segment segment({{{1, 1}, Vector({"cat"})}});
  ranker.AddSegment(&segment.header, {}, segment.Lists(ranker));
  ranker.AddPassage({2, 2}, Vector({"fish"}));
  EXPECT_EQ(ranker.Missing(), std::vector<size_t>{1});
}

// Wherever its passages are, a term that takes another's place counts as if it had been asked for.
TEST(Ranker, ReplacesWhatIsMissing) {
  const std::string pending = Vector({"dog", "fish"});
  const Segment first({{{1, 1}, Vector({"cat", "dog"})}, {{2, 2}, Vector({"dog"})}});
  const Segment second({{{4, 4}, Vector({"fish"})}});
  const auto add = [&](Ranker& ranker) {
    ranker.AddPassage({3, 3}, pending);
    ranker.AddSegment(&first.header, {false, true}, first.Lists(ranker));
    ranker.AddSegment(&second.header, {}, second.Lists(ranker));
  };
  Ranker asked({{"cat", 1}, {"dog", 0.8}}, {});
  add(asked);
  const auto expected = asked.Rank(10);
  ASSERT_EQ(expected.size(), 2u);

  Ranker corrected({{"cat", 1}, {"dgo", 1}}, {});
  add(corrected);
  ASSERT_EQ(corrected.Missing(), std::vector<size_t>{1});
  corrected.Replace(1, {"dog", 0.8}, {first.Lists(asked)[1], second.Lists(asked)[1]});
  EXPECT_TRUE(corrected.Missing().empty());
  const auto ranked = corrected.Rank(10);
  ASSERT_EQ(ranked.size(), expected.size());
  for (size_t i = 0; i < ranked.size(); ++i) {
    EXPECT_EQ(ranked[i].best, expected[i].best);
    EXPECT_EQ(ranked[i].score, expected[i].score);
  }
  EXPECT_EQ(corrected.ideal(), asked.ideal());
}

// Many passages of which few are wanted, most with equal scores: the first ones.
TEST(Ranker, FewOfMany) {
  Ranker ranker({{"cat", 1}}, {});
  std::vector<std::string> vectors;
  for (int64_t i = 1; i <= 1000; ++i) {
    vectors.push_back(i % 100 == 0 ? Vector({"cat", "cat"}) : Vector({"cat", "dog"}));
    ranker.AddPassage({i, i}, vectors.back());
  }
  const auto ranked = ranker.Rank(20);
  ASSERT_EQ(ranked.size(), 20u);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(ranked[i].best.document, static_cast<int64_t>(i + 1) * 100);
  for (size_t i = 10; i < 20; ++i) EXPECT_EQ(ranked[i].best.document, static_cast<int64_t>(i) - 9);
}

TEST(Identifiers, Parts) {
  EXPECT_EQ(IdentifierParts("the DiffExecutor runs"), "Diff Executor ");
  EXPECT_EQ(IdentifierParts("HTTPServer2 parseURL"), "HTTP Server2 parse URL ");
  EXPECT_EQ(IdentifierParts("os.path.join(a/b/c.conf)"), "os path join conf ");
  EXPECT_EQ(IdentifierParts("plain words, end. Next 3.14 run_target A B"), "");
  EXPECT_EQ(IdentifierParts("https://www.example.org/x"), "www example org ");
  EXPECT_EQ(IdentifierParts("größenWert"), "größen Wert ");
  EXPECT_EQ(IdentifierParts(""), "");
  EXPECT_EQ(IdentifierParts("a.b.c ./x x./"), "");
}

}  // namespace
}  // namespace capeai::knowledge
