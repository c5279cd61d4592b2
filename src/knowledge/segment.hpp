// A segment: an immutable piece of the inverted index, made from pending
// passages or by merging smaller segments. It is a header (which passages, how
// long) and a dictionary: terms in byte order with their posting lists, cut into
// blocks of a few kilobytes, each found by its first term. Where headers and
// blocks are kept is not known here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "knowledge/postings.hpp"

namespace capeai::knowledge {

struct PassageKey {
  int64_t document = 0;
  int64_t passage = 0;
  auto operator<=>(const PassageKey&) const = default;
};

// What a segment holds in all.
struct SegmentTotals {
  double passages = 0;
  double documents = 0;
  std::array<double, kFields> lengths{};
};

// Passages in ascending order of their key, so that those of a document are
// neighbours; the position is the passage's ordinal.
struct SegmentHeader {
  std::vector<PassageKey> keys;
  std::vector<FieldCounts> lengths;
  std::optional<SegmentTotals> totals;  // counted once for all, by Unpack()

  size_t size() const { return keys.size(); }
  bool operator==(const SegmentHeader& other) const { return keys == other.keys && lengths == other.lengths; }
  std::optional<uint32_t> Find(const PassageKey& key) const;
  std::string Pack() const;
  // Nothing for bytes that Pack() did not write.
  static std::optional<SegmentHeader> Unpack(std::string_view packed);
};

// Without the passages that are `dead` (by ordinal; may be empty).
SegmentTotals Totals(const SegmentHeader& header, const std::vector<bool>& dead);

// A block is written out once it holds this much; a longer posting list has a
// block of its own. Just fits a page of 8 kB with its row's header and first term.
inline constexpr size_t kBlockBytes = 7000;

using BlockSink = std::function<void(std::string_view first_term, std::string_view block)>;

// Cuts a dictionary, given in ascending order of its terms, into blocks.
class BlockWriter {
 public:
  explicit BlockWriter(BlockSink sink) : sink_(std::move(sink)) {}
  void Add(std::string_view term, std::string_view postings);
  void Finish();

 private:
  BlockSink sink_;
  std::string first_term_;
  std::string block_;
};

// The packed posting list of `term` in a block; empty if it is not there.
std::string_view FindInBlock(std::string_view block, std::string_view term);

// A segment from term vectors. Passages may be added in any order, once each.
class SegmentBuilder {
 public:
  void Add(const PassageKey& key, std::string_view packed_vector);
  size_t size() const { return entries_.size(); }
  // Writes the dictionary and returns the header.
  SegmentHeader Finish(const BlockSink& sink);

 private:
  struct Entry {
    PassageKey key;
    std::string vector;
  };
  std::vector<Entry> entries_;
};

// One input of a merge. `next_block` gives the blocks in order, false at the end.
struct MergeSource {
  const SegmentHeader* header = nullptr;
  std::vector<bool> dead;  // by ordinal; those are dropped. Empty: none
  std::function<bool(std::string& block)> next_block;
};

// Merges segments that share no passage; reads each dictionary once, in order.
SegmentHeader MergeSegments(std::vector<MergeSource> sources, const BlockSink& sink);

}  // namespace capeai::knowledge
