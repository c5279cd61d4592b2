// The posting list of one term in one segment: which passages hold it, and how
// often in which field. Passages are numbered 0.. within their segment.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "knowledge/terms.hpp"

namespace capeai::knowledge {

struct Posting {
  uint32_t ordinal = 0;
  FieldCounts counts{};
};

// Appends postings in ascending order of their ordinal to a packed list: the
// distance to the one before, and one bit for "once in the body".
class PostingWriter {
 public:
  void Add(uint32_t ordinal, const FieldCounts& counts);
  const std::string& bytes() const { return bytes_; }
  void Clear();

 private:
  std::string bytes_;
  uint32_t next_ = 0;
};

// Appends the postings of a packed list to `out`, in ascending order of their ordinal.
// Broken bytes end it early.
void ReadPostings(std::string_view packed, std::vector<Posting>& out);

}  // namespace capeai::knowledge
