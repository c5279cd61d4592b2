#include "knowledge/postings.hpp"

#include <algorithm>

namespace capeai::knowledge {
namespace {

constexpr FieldCounts kOnceInBody = [] {
  FieldCounts counts{};
  counts[kBody] = 1;
  return counts;
}();

}  // namespace

void PostingWriter::Add(uint32_t ordinal, const FieldCounts& counts) {
  const bool once = counts == kOnceInBody;
  PutVarint(bytes_, static_cast<uint64_t>(ordinal - next_) * 2 + (once ? 1 : 0));
  if (!once) PutCounts(bytes_, counts);
  next_ = ordinal + 1;
}

void PostingWriter::Clear() {
  bytes_.clear();
  next_ = 0;
}

void ReadPostings(std::string_view packed, std::vector<Posting>& out) {
  // As many as there are numbers, at most: most postings are one.
  out.reserve(out.size() + static_cast<size_t>(std::count_if(packed.begin(), packed.end(), [](char c) {
                return static_cast<unsigned char>(c) < 0x80;
              })));
  ByteReader in(packed);
  uint64_t next = 0;
  while (!in.AtEnd()) {
    const uint64_t head = in.Varint();
    const uint64_t ordinal = next + head / 2;
    if (ordinal > UINT32_MAX) return;
    Posting posting{static_cast<uint32_t>(ordinal), kOnceInBody};
    if (head % 2 == 0) posting.counts = GetCounts(in);
    if (!in.ok()) return;
    out.push_back(posting);
    next = ordinal + 1;
  }
}

}  // namespace capeai::knowledge
