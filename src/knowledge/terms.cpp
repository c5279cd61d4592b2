#include "knowledge/terms.hpp"

#include <algorithm>
#include <vector>

namespace capeai::knowledge {
namespace {

void Increment(uint16_t& count) {
  if (count < UINT16_MAX) ++count;
}

uint16_t Held(uint64_t value) { return static_cast<uint16_t>(std::min<uint64_t>(value, UINT16_MAX)); }

}  // namespace

void PutCounts(std::string& out, const FieldCounts& counts) {
  unsigned mask = 0;
  for (size_t f = 0; f < kFields; ++f)
    if (counts[f] != 0) mask |= 1u << f;
  if (mask == 1u << kBody) return PutVarint(out, counts[kBody] * 2u);
  PutVarint(out, mask * 2u + 1);
  for (size_t f = 0; f < kFields; ++f)
    if (counts[f] != 0) PutVarint(out, counts[f]);
}

FieldCounts GetCounts(ByteReader& in) {
  FieldCounts counts{};
  const uint64_t first = in.Varint();
  if (first % 2 == 0) {
    counts[kBody] = Held(first / 2);
    return counts;
  }
  for (size_t f = 0; f < kFields; ++f)
    if (first >> (f + 1) & 1) counts[f] = Held(in.Varint());
  return counts;
}

void TermVectorBuilder::Add(Field field, std::string_view term) {
  Increment(lengths_[field]);
  Increment(terms_[std::string(term)][field]);
}

std::string TermVectorBuilder::Pack() const {
  std::vector<const std::pair<const std::string, FieldCounts>*> sorted;
  sorted.reserve(terms_.size());
  for (const auto& entry : terms_) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->first < b->first; });

  std::string out;
  for (const uint16_t length : lengths_) PutVarint(out, length);
  PutVarint(out, sorted.size());
  for (const auto* entry : sorted) {
    PutBytes(out, entry->first);
    PutCounts(out, entry->second);
  }
  return out;
}

TermVectorReader::TermVectorReader(std::string_view packed) : in_(packed) {
  for (uint16_t& length : lengths_) length = Held(in_.Varint());
  size_ = in_.Varint();
}

bool TermVectorReader::Next() {
  if (read_ == size_ || !in_.ok()) return false;
  ++read_;
  term_ = in_.Bytes();
  counts_ = GetCounts(in_);
  return in_.ok();
}

}  // namespace capeai::knowledge
