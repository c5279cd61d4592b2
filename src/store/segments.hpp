// Segments of the inverted index as rows: reading, writing, merging. Who may
// merge what, and when, is index.hpp's.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "knowledge/segment.hpp"

namespace capeai::store {

struct StoredSegment {
  int64_t id = 0;
  int level = 0;
  bool own = false;  // written by this transaction
};

// Segments of `collection` that the next statement would see, oldest ids in no
// particular order.
std::vector<StoredSegment> ListSegments(int collection);

// The header of a segment, by those who merge. Headers never change, so this
// process keeps the recently used ones.
std::shared_ptr<const knowledge::SegmentHeader> Header(int64_t segment);
// The same for search, in the caller's snapshot and in one statement.
std::vector<std::shared_ptr<const knowledge::SegmentHeader>> Headers(const std::vector<int64_t>& segments);

// Writes what `builder` holds as a new segment.
void StoreSegment(int collection, int level, knowledge::SegmentBuilder& builder);

// Replaces `segments` by one of `level` without the passages in `dead`.
void MergeStored(int collection, const std::vector<StoredSegment>& segments, int level,
                 const std::vector<knowledge::PassageKey>& dead);

}  // namespace capeai::store
