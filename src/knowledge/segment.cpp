#include "knowledge/segment.hpp"

#include <algorithm>
#include <map>

namespace capeai::knowledge {

std::optional<uint32_t> SegmentHeader::Find(const PassageKey& key) const {
  const auto at = std::lower_bound(keys.begin(), keys.end(), key);
  if (at == keys.end() || *at != key) return std::nullopt;
  return static_cast<uint32_t>(at - keys.begin());
}

std::string SegmentHeader::Pack() const {
  std::string out;
  PutVarint(out, keys.size());
  PassageKey last;
  for (const PassageKey& key : keys) {
    PutVarint(out, static_cast<uint64_t>(key.document - last.document));
    PutVarint(out, ZigZag(key.passage - last.passage));
    last = key;
  }
  for (const FieldCounts& lengths_of : lengths)
    for (const uint16_t length : lengths_of) PutVarint(out, length);
  return out;
}

std::optional<SegmentHeader> SegmentHeader::Unpack(std::string_view packed) {
  ByteReader in(packed);
  const uint64_t size = in.Varint();
  if (size > packed.size()) return std::nullopt;
  SegmentHeader header;
  header.keys.resize(size);
  header.lengths.resize(size);
  PassageKey last;
  for (PassageKey& key : header.keys) {
    key.document = last.document + static_cast<int64_t>(in.Varint());
    key.passage = last.passage + UnZigZag(in.Varint());
    last = key;
  }
  for (FieldCounts& lengths_of : header.lengths)
    for (uint16_t& length : lengths_of) length = static_cast<uint16_t>(in.Varint());
  if (!in.ok() || !in.AtEnd()) return std::nullopt;
  header.totals = Totals(header, {});
  return header;
}

SegmentTotals Totals(const SegmentHeader& header, const std::vector<bool>& dead) {
  if (dead.empty() && header.totals) return *header.totals;
  SegmentTotals totals;
  std::array<uint64_t, kFields> lengths{};
  int64_t last_document = 0;
  bool any = false;
  for (size_t i = 0; i < header.size(); ++i) {
    if (!dead.empty() && dead[i]) continue;
    ++totals.passages;
    for (size_t f = 0; f < kFields; ++f) lengths[f] += header.lengths[i][f];
    if (any && header.keys[i].document == last_document) continue;
    any = true;
    last_document = header.keys[i].document;
    ++totals.documents;
  }
  for (size_t f = 0; f < kFields; ++f) totals.lengths[f] = static_cast<double>(lengths[f]);
  return totals;
}

void BlockWriter::Add(std::string_view term, std::string_view postings) {
  const size_t size = term.size() + postings.size() + 8;
  if (!block_.empty() && block_.size() + size > kBlockBytes) Finish();
  if (block_.empty()) first_term_ = term;
  PutBytes(block_, term);
  PutBytes(block_, postings);
}

void BlockWriter::Finish() {
  if (block_.empty()) return;
  sink_(first_term_, block_);
  block_.clear();
}

std::string_view FindInBlock(std::string_view block, std::string_view term) {
  ByteReader in(block);
  while (!in.AtEnd()) {
    const std::string_view found = in.Bytes();
    const std::string_view postings = in.Bytes();
    if (found == term) return postings;
    if (found > term) break;
  }
  return {};
}

void SegmentBuilder::Add(const PassageKey& key, std::string_view packed_vector) {
  entries_.push_back({key, std::string(packed_vector)});
}

SegmentHeader SegmentBuilder::Finish(const BlockSink& sink) {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
  SegmentHeader header;
  std::unordered_map<std::string_view, PostingWriter> dictionary;
  for (const Entry& entry : entries_) {
    const uint32_t ordinal = static_cast<uint32_t>(header.keys.size());
    TermVectorReader vector(entry.vector);
    while (vector.Next()) dictionary[vector.term()].Add(ordinal, vector.counts());
    header.keys.push_back(entry.key);
    header.lengths.push_back(vector.lengths());
  }
  std::vector<std::string_view> terms;
  terms.reserve(dictionary.size());
  for (const auto& entry : dictionary) terms.push_back(entry.first);
  std::sort(terms.begin(), terms.end());
  BlockWriter writer(sink);
  for (const std::string_view term : terms) writer.Add(term, dictionary[term].bytes());
  writer.Finish();
  entries_.clear();
  return header;
}

namespace {

constexpr uint32_t kDropped = UINT32_MAX;

// Walks the terms of one source, in order.
class TermCursor {
 public:
  TermCursor(MergeSource source, std::vector<uint32_t> new_ordinals)
      : source_(std::move(source)), new_ordinals_(std::move(new_ordinals)) {}

  bool Next() {
    while (in_.AtEnd()) {
      if (!source_.next_block(block_)) return false;
      in_ = ByteReader(block_);
    }
    term_ = in_.Bytes();
    postings_ = in_.Bytes();
    return true;
  }
  std::string_view term() const { return term_; }

  // Appends the current term's postings under their new ordinals.
  void Append(std::vector<Posting>& out) const {
    const size_t begin = out.size();
    ReadPostings(postings_, out);
    size_t kept = begin;
    for (size_t i = begin; i < out.size(); ++i) {
      if (out[i].ordinal >= new_ordinals_.size()) continue;
      const uint32_t ordinal = new_ordinals_[out[i].ordinal];
      if (ordinal == kDropped) continue;
      out[kept] = out[i];
      out[kept++].ordinal = ordinal;
    }
    out.resize(kept);
  }

 private:
  MergeSource source_;
  std::vector<uint32_t> new_ordinals_;
  std::string block_;
  ByteReader in_{std::string_view()};
  std::string_view term_;
  std::string_view postings_;
};

struct MergePlan {
  SegmentHeader header;
  std::vector<std::vector<uint32_t>> new_ordinals;  // by source, by old ordinal
};

MergePlan PlanMerge(const std::vector<MergeSource>& sources) {
  struct Place {
    PassageKey key;
    uint32_t source;
    uint32_t ordinal;
  };
  MergePlan plan;
  std::vector<Place> places;
  for (uint32_t s = 0; s < sources.size(); ++s) {
    const MergeSource& source = sources[s];
    plan.new_ordinals.emplace_back(source.header->size(), kDropped);
    for (uint32_t i = 0; i < source.header->size(); ++i)
      if (source.dead.empty() || !source.dead[i]) places.push_back({source.header->keys[i], s, i});
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.key < b.key; });
  for (const Place& place : places) {
    plan.new_ordinals[place.source][place.ordinal] = static_cast<uint32_t>(plan.header.keys.size());
    plan.header.keys.push_back(place.key);
    plan.header.lengths.push_back(sources[place.source].header->lengths[place.ordinal]);
  }
  return plan;
}

}  // namespace

SegmentHeader MergeSegments(std::vector<MergeSource> sources, const BlockSink& sink) {
  MergePlan plan = PlanMerge(sources);
  std::vector<TermCursor> cursors;
  for (size_t s = 0; s < sources.size(); ++s)
    cursors.emplace_back(std::move(sources[s]), std::move(plan.new_ordinals[s]));
  std::multimap<std::string, TermCursor*> heads;  // the next term of every source
  for (TermCursor& cursor : cursors)
    if (cursor.Next()) heads.emplace(cursor.term(), &cursor);

  BlockWriter writer(sink);
  PostingWriter packed;
  std::vector<Posting> postings;
  while (!heads.empty()) {
    const std::string term = heads.begin()->first;
    postings.clear();
    while (!heads.empty() && heads.begin()->first == term) {
      TermCursor* cursor = heads.begin()->second;
      heads.erase(heads.begin());
      cursor->Append(postings);
      if (cursor->Next()) heads.emplace(cursor->term(), cursor);
    }
    if (postings.empty()) continue;
    std::sort(postings.begin(), postings.end(),
              [](const Posting& a, const Posting& b) { return a.ordinal < b.ordinal; });
    packed.Clear();
    for (const Posting& posting : postings) packed.Add(posting.ordinal, posting.counts);
    writer.Add(term, packed.bytes());
  }
  writer.Finish();
  return std::move(plan.header);
}

}  // namespace capeai::knowledge
