// The packed forms of the index: counts, term vectors, postings, segments.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "knowledge/segment.hpp"

namespace capeai::knowledge {
namespace {

FieldCounts Counts(uint16_t title, uint16_t heading, uint16_t keywords, uint16_t body, uint16_t parts) {
  return {title, heading, keywords, body, parts};
}

std::string Vector(const std::vector<std::string>& body, const std::vector<std::string>& title = {}) {
  TermVectorBuilder builder;
  for (const std::string& term : title) builder.Add(kTitle, term);
  for (const std::string& term : body) builder.Add(kBody, term);
  return builder.Pack();
}

using Dictionary = std::map<std::string, std::vector<Posting>>;
using Blocks = std::map<std::string, std::string>;

BlockSink Into(Blocks& blocks) {
  return [&blocks](std::string_view first, std::string_view block) {
    EXPECT_TRUE(blocks.emplace(first, block).second);
  };
}

std::function<bool(std::string&)> From(const Blocks& blocks) {
  return [at = blocks.begin(), end = blocks.end()](std::string& block) mutable {
    if (at == end) return false;
    block = (at++)->second;
    return true;
  };
}

std::vector<Posting> Find(const Blocks& blocks, const std::string& term) {
  std::vector<Posting> found;
  auto at = blocks.upper_bound(term);
  if (at == blocks.begin()) return found;
  ReadPostings(FindInBlock((--at)->second, term), found);
  return found;
}

TEST(Varint, RoundTripsAndNamesTheEnd) {
  std::string bytes;
  const std::vector<uint64_t> values = {0, 1, 127, 128, 300, 1u << 21, UINT64_MAX};
  for (const uint64_t value : values) PutVarint(bytes, value);
  ByteReader in(bytes);
  for (const uint64_t value : values) EXPECT_EQ(in.Varint(), value);
  EXPECT_TRUE(in.AtEnd());
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.Varint(), 0u);
  EXPECT_FALSE(in.ok());
  for (const int64_t value : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{5}, INT64_MAX})
    EXPECT_EQ(UnZigZag(ZigZag(value)), value);
}

TEST(Counts, RoundTrip) {
  for (const FieldCounts& counts : {Counts(0, 0, 0, 1, 0), Counts(0, 0, 0, 65535, 0), Counts(1, 2, 3, 4, 5),
                                    Counts(9, 0, 0, 0, 0), Counts(0, 0, 0, 0, 300), Counts(0, 0, 0, 0, 0)}) {
    std::string bytes;
    PutCounts(bytes, counts);
    ByteReader in(bytes);
    EXPECT_EQ(GetCounts(in), counts);
    EXPECT_TRUE(in.AtEnd() && in.ok());
  }
}

TEST(TermVector, CountsByFieldInByteOrder) {
  const std::string packed = Vector({"b", "a", "b"}, {"b", "c"});
  TermVectorReader reader(packed);
  EXPECT_EQ(reader.lengths(), Counts(2, 0, 0, 3, 0));
  EXPECT_EQ(reader.size(), 3u);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.term(), "a");
  EXPECT_EQ(reader.counts(), Counts(0, 0, 0, 1, 0));
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.term(), "b");
  EXPECT_EQ(reader.counts(), Counts(1, 0, 0, 2, 0));
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.term(), "c");
  EXPECT_FALSE(reader.Next());
}

TEST(TermVector, SurvivesEveryTruncation) {
  const std::string packed = Vector({"alpha", "beta", "gamma", "beta"}, {"delta"});
  for (size_t n = 0; n < packed.size(); ++n) {
    TermVectorReader reader(std::string_view(packed).substr(0, n));
    size_t terms = 0;
    while (reader.Next()) ++terms;
    EXPECT_LT(terms, 4u);
  }
}

TEST(Postings, RoundTripAndTruncation) {
  PostingWriter writer;
  const std::vector<Posting> postings = {{0, Counts(0, 0, 0, 1, 0)},
                                         {1, Counts(3, 0, 0, 2, 0)},
                                         {700, Counts(0, 0, 0, 1, 0)},
                                         {70000, Counts(0, 1, 1, 0, 9)}};
  for (const Posting& posting : postings) writer.Add(posting.ordinal, posting.counts);
  std::vector<Posting> read;
  ReadPostings(writer.bytes(), read);
  ASSERT_EQ(read.size(), postings.size());
  for (size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].ordinal, postings[i].ordinal);
    EXPECT_EQ(read[i].counts, postings[i].counts);
  }
  for (size_t n = 0; n < writer.bytes().size(); ++n) {
    read.clear();
    ReadPostings(std::string_view(writer.bytes()).substr(0, n), read);
    EXPECT_LT(read.size(), postings.size());
  }
}

// Damaged distances never lead back to lower ordinals.
TEST(Postings, AscendWhateverTheBytes) {
  std::string packed;
  for (const uint64_t distance : {uint64_t{5}, uint64_t{UINT32_MAX}, uint64_t{1}})
    PutVarint(packed, distance * 2 + 1);
  std::vector<Posting> read;
  ReadPostings(packed, read);
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].ordinal, 5u);
}

TEST(SegmentHeader, RoundTripsFindsAndRefusesDamage) {
  SegmentHeader header;
  header.keys = {{-4, 12}, {3, 900}, {3, 901}, {1ll << 40, 5}};
  header.lengths.assign(4, Counts(1, 2, 3, 400, 5));
  const std::string packed = header.Pack();
  const auto read = SegmentHeader::Unpack(packed);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, header);
  EXPECT_EQ(read->Find({3, 901}), 2u);
  EXPECT_FALSE(read->Find({3, 902}));
  for (size_t n = 0; n < packed.size(); ++n)
    EXPECT_FALSE(SegmentHeader::Unpack(std::string_view(packed).substr(0, n))) << n;
  EXPECT_FALSE(SegmentHeader::Unpack(packed + "x"));

  const SegmentTotals totals = Totals(header, {false, true, false, false});
  EXPECT_EQ(totals.passages, 3);
  EXPECT_EQ(totals.documents, 3);
  EXPECT_EQ(totals.lengths[kBody], 1200);
}

TEST(BlockWriter, CutsAtItsSizeAndGivesALongListABlockOfItsOwn) {
  Blocks blocks;
  BlockWriter writer(Into(blocks));
  const std::string postings(3000, '\x01');
  const std::string huge(kBlockBytes * 3, '\x01');
  for (const char* term : {"a", "b", "c"}) writer.Add(term, postings);
  writer.Add("d", huge);
  writer.Add("e", postings);
  writer.Finish();
  ASSERT_EQ(blocks.size(), 4u);
  EXPECT_LE(blocks["a"].size(), kBlockBytes);
  EXPECT_EQ(FindInBlock(blocks["a"], "b"), postings);
  EXPECT_EQ(FindInBlock(blocks["d"], "d"), huge);
  EXPECT_EQ(FindInBlock(blocks["a"], "aa"), "");
}

// Random passages, indexed at once, and in pieces that are then merged with some
// passages dead: the dictionaries agree.
TEST(Segments, MergingEqualsBuildingAtOnce) {
  std::mt19937 random(1);
  SegmentBuilder whole;
  std::vector<Blocks> piece_blocks(4);
  std::vector<SegmentHeader> piece_headers;
  std::vector<MergeSource> sources;
  std::vector<SegmentBuilder> pieces(4);
  std::vector<std::vector<PassageKey>> dead(4);
  for (int passage = 0; passage < 400; ++passage) {
    std::vector<std::string> words;
    for (int w = 0; w < 30; ++w) words.push_back("w" + std::to_string(random() % (1 + random() % 2000)));
    const PassageKey key{passage / 3, passage};
    const size_t piece = random() % 4;
    pieces[piece].Add(key, Vector(words, {words[0]}));
    if (random() % 5 == 0)
      dead[piece].push_back(key);
    else
      whole.Add(key, Vector(words, {words[0]}));
  }
  for (size_t p = 0; p < 4; ++p) piece_headers.push_back(pieces[p].Finish(Into(piece_blocks[p])));
  for (size_t p = 0; p < 4; ++p) {
    MergeSource source{&piece_headers[p], std::vector<bool>(piece_headers[p].size()), From(piece_blocks[p])};
    for (const PassageKey& key : dead[p]) source.dead[*piece_headers[p].Find(key)] = true;
    sources.push_back(std::move(source));
  }
  Blocks merged, expected;
  const SegmentHeader merged_header = MergeSegments(std::move(sources), Into(merged));
  const SegmentHeader expected_header = whole.Finish(Into(expected));
  EXPECT_EQ(merged_header, expected_header);
  EXPECT_GT(expected.size(), 3u);
  EXPECT_EQ(merged, expected);
  EXPECT_FALSE(Find(merged, "w0").empty());
  EXPECT_TRUE(Find(merged, "nothing").empty());
}

TEST(Segments, NothingGivesNothing) {
  Blocks blocks;
  SegmentBuilder builder;
  EXPECT_EQ(builder.Finish(Into(blocks)).size(), 0u);
  EXPECT_EQ(MergeSegments({}, Into(blocks)).size(), 0u);
  EXPECT_TRUE(blocks.empty());
}

}  // namespace
}  // namespace capeai::knowledge
