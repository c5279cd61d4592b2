// What the index knows of one passage: how often each term stands in which of
// its fields. A term is a lexeme of the collection's text search configuration;
// where lexemes come from is not known here.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "knowledge/varint.hpp"

namespace capeai::knowledge {

// Parts are the pieces of compound identifiers of all fields ("run" and
// "target" of runTarget), kept apart so that they can weigh less than words.
enum Field : uint8_t { kTitle, kHeading, kKeywords, kBody, kParts };
inline constexpr size_t kFields = 5;

// Per field: occurrences of a term, or of all terms. Held at 65535.
using FieldCounts = std::array<uint16_t, kFields>;

// Counts in packed form: one byte for a few occurrences in the body alone.
void PutCounts(std::string& out, const FieldCounts& counts);
FieldCounts GetCounts(ByteReader& in);

// Builds the packed term vector of a passage: field lengths, number of terms,
// then terms in byte order with their counts.
class TermVectorBuilder {
 public:
  void Add(Field field, std::string_view term);
  std::string Pack() const;

 private:
  FieldCounts lengths_{};
  std::unordered_map<std::string, FieldCounts> terms_;
};

// Walks a packed term vector, which must outlive the reader. Broken bytes end
// the walk early.
class TermVectorReader {
 public:
  explicit TermVectorReader(std::string_view packed);

  const FieldCounts& lengths() const { return lengths_; }
  size_t size() const { return size_; }  // distinct terms

  // False at the end; otherwise term() and counts() are the next term's.
  bool Next();
  std::string_view term() const { return term_; }
  const FieldCounts& counts() const { return counts_; }

 private:
  ByteReader in_;
  FieldCounts lengths_{};
  size_t size_ = 0;
  size_t read_ = 0;
  std::string_view term_;
  FieldCounts counts_{};
};

}  // namespace capeai::knowledge
