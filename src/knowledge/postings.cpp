#include "knowledge/postings.hpp"

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
  ByteReader in(packed);
  uint32_t next = 0;
  while (!in.AtEnd()) {
    const uint64_t head = in.Varint();
    Posting posting{next + static_cast<uint32_t>(head / 2), kOnceInBody};
    if (head % 2 == 0) posting.counts = GetCounts(in);
    if (!in.ok()) return;
    out.push_back(posting);
    next = posting.ordinal + 1;
  }
}

}  // namespace capeai::knowledge
