// The inverted index as search reads it: what a query's terms need of it goes to a
// ranker, all from the caller's snapshot, each thing once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "knowledge/rank.hpp"
#include "knowledge/segment.hpp"
#include "pg/sql.hpp"

namespace capeai::store {

struct IndexedCollection {
  int id = 0;
  bool indexed = false;  // false, as after a restore: all passages are read
  std::vector<int64_t> segments;
};

class IndexReader {
 public:
  explicit IndexReader(IndexedCollection collection);
  IndexReader(const IndexReader&) = delete;
  IndexReader& operator=(const IndexReader&) = delete;

  int collection() const { return collection_.id; }

  // A ranker for `terms` that has been given all passages. It points into this object.
  knowledge::Ranker Feed(std::vector<knowledge::QueryTerm> terms);
  // Puts the nearest terms that are indexed, at a discount, in the place of the ranker's
  // that are not.
  void Correct(knowledge::Ranker& ranker);

 private:
  std::vector<std::vector<bool>> DeadOrdinals() const;

  IndexedCollection collection_;
  pg::Rows passages_;                      // that are in no segment
  std::vector<std::string_view> vectors_;  // theirs
  std::vector<std::shared_ptr<const knowledge::SegmentHeader>> headers_;
};

}  // namespace capeai::store
