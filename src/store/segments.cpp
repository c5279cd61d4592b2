#include "store/segments.hpp"

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "pg/guard.hpp"
#include "pg/session.hpp"
#include "pg/sql.hpp"

namespace capeai::store {
namespace {

using knowledge::PassageKey;
using knowledge::SegmentHeader;
using pg::Type;

constexpr size_t kKeptPassages = 2'000'000;  // whose headers are kept: about 26 bytes each
constexpr size_t kWriteBytes = 512 * 1024;   // blocks written by one statement
constexpr int64_t kReadBlocks = 64;          // blocks read by one statement

const pg::Statement kList{
    "SELECT id, level, xact = pg_current_xact_id() FROM capeai.index_segments WHERE collection_id = $1",
    {Type::kInt4}};

// For search, with the caller's snapshot; and for merging, which sees its own writes.
const pg::Statement kHeaders{
    "SELECT id, header FROM capeai.index_segments WHERE id = ANY ($1)", {Type::kInt8Array}, true};
const pg::Statement kHeader{"SELECT header FROM capeai.index_segments WHERE id = $1", {Type::kInt8}};

const pg::Statement kInsertSegment{
    "INSERT INTO capeai.index_segments (id, collection_id, level, passages, header) VALUES ($1, $2, $3, 0, "
    "'')",
    {Type::kInt8, Type::kInt4, Type::kInt4}};

const pg::Statement kFinishSegment{
    "UPDATE capeai.index_segments SET passages = $2, header = $3 WHERE id = $1",
    {Type::kInt8, Type::kInt4, Type::kBytea}};

const pg::Statement kInsertBlocks{
    "INSERT INTO capeai.index_blocks (segment_id, first_term, block) "
    "SELECT $1, t.first_term, t.block FROM unnest($2::bytea[], $3::bytea[]) AS t (first_term, block)",
    {Type::kInt8, Type::kByteaArray, Type::kByteaArray}};

const pg::Statement kReadBlocksAfter{
    "SELECT first_term, block FROM capeai.index_blocks WHERE segment_id = $1 AND first_term > $2 "
    "ORDER BY first_term LIMIT $3",
    {Type::kInt8, Type::kBytea, Type::kInt8}};

const pg::Statement kDeleteSegments{"DELETE FROM capeai.index_segments WHERE id = ANY ($1)",
                                    {Type::kInt8Array}};

// The headers that this process keeps, most recently used first.
class HeaderCache {
 public:
  std::shared_ptr<const SegmentHeader> Find(int64_t segment) {
    const auto at = places_.find(segment);
    if (at == places_.end()) return nullptr;
    kept_.splice(kept_.begin(), kept_, at->second);
    return at->second->header;
  }

  std::shared_ptr<const SegmentHeader> Keep(int64_t segment, SegmentHeader read) {
    auto header = std::make_shared<const SegmentHeader>(std::move(read));
    passages_ += header->size();
    kept_.push_front({segment, header});
    places_[segment] = kept_.begin();
    while (passages_ > kKeptPassages && kept_.size() > 1) {
      passages_ -= kept_.back().header->size();
      places_.erase(kept_.back().segment);
      kept_.pop_back();
    }
    return header;
  }

 private:
  struct Kept {
    int64_t segment;
    std::shared_ptr<const SegmentHeader> header;
  };
  std::list<Kept> kept_;
  std::unordered_map<int64_t, std::list<Kept>::iterator> places_;
  size_t passages_ = 0;
};

HeaderCache& Cache() {
  static auto* cache = new HeaderCache;  // lives as long as the process
  return *cache;
}

[[noreturn]] void RaiseGone(int64_t segment) {
  pg::Raise("XX000", "knowledge index segment " + std::to_string(segment) + " has gone");
}

SegmentHeader ReadHeader(int64_t segment, std::string_view packed) {
  auto header = SegmentHeader::Unpack(packed);
  if (!header)
    pg::Raise("XX001", "the header of knowledge index segment " + std::to_string(segment) + " is damaged",
              "Delete the collection's row from capeai.index_state: the next write makes the index anew.");
  return std::move(*header);
}

// Collects the blocks of a new segment and writes them, many at a time.
class SegmentWriter {
 public:
  SegmentWriter(int collection, int level) {
    pg::RandomBytes(&id_, sizeof(id_));
    id_ &= INT64_MAX;
    pg::Execute(kInsertSegment, {id_, collection, level});
  }

  knowledge::BlockSink Sink() {
    return [this](std::string_view first_term, std::string_view block) {
      first_terms_.emplace_back(first_term);
      blocks_.emplace_back(block);
      bytes_ += block.size();
      if (bytes_ >= kWriteBytes) Flush();
    };
  }

  void Finish(const SegmentHeader& header) {
    Flush();
    const std::string packed = header.Pack();
    pg::Execute(kFinishSegment, {id_, static_cast<int32_t>(header.size()), std::string_view(packed)});
  }

 private:
  void Flush() {
    if (blocks_.empty()) return;
    pg::CheckInterrupts();
    pg::Execute(kInsertBlocks, {id_, &first_terms_, &blocks_});
    first_terms_.clear();
    blocks_.clear();
    bytes_ = 0;
  }

  int64_t id_ = 0;
  std::vector<std::string> first_terms_;
  std::vector<std::string> blocks_;
  size_t bytes_ = 0;
};

// Reads the blocks of a segment in order, some at a time.
class BlockStream {
 public:
  explicit BlockStream(int64_t segment) : segment_(segment) {}

  bool Next(std::string& block) {
    if (at_ == rows_.size()) {
      if (at_end_) return false;
      rows_ = pg::Execute(kReadBlocksAfter, {segment_, std::string_view(last_term_), kReadBlocks});
      at_ = 0;
      at_end_ = rows_.size() < static_cast<size_t>(kReadBlocks);
      if (rows_.empty()) return false;
      last_term_ = rows_.String(rows_.size() - 1, 0);
    }
    block = rows_.String(at_++, 1);
    return true;
  }

 private:
  int64_t segment_;
  std::string last_term_;
  pg::Rows rows_;
  size_t at_ = 0;
  bool at_end_ = false;
};

}  // namespace

std::vector<StoredSegment> ListSegments(int collection) {
  const pg::Rows rows = pg::Execute(kList, {collection});
  std::vector<StoredSegment> segments;
  for (size_t i = 0; i < rows.size(); ++i)
    segments.push_back({rows.Int(i, 0), static_cast<int>(rows.Int(i, 1)), rows.Bool(i, 2)});
  return segments;
}

std::vector<std::shared_ptr<const SegmentHeader>> Headers(const std::vector<int64_t>& segments) {
  std::vector<int64_t> missing;
  for (const int64_t segment : segments)
    if (!Cache().Find(segment)) missing.push_back(segment);
  std::unordered_map<int64_t, std::shared_ptr<const SegmentHeader>> read;
  if (!missing.empty()) {
    const pg::Rows rows = pg::Execute(kHeaders, {&missing});
    for (size_t i = 0; i < rows.size(); ++i)
      read[rows.Int(i, 0)] = Cache().Keep(rows.Int(i, 0), ReadHeader(rows.Int(i, 0), rows.Text(i, 1)));
  }
  std::vector<std::shared_ptr<const SegmentHeader>> headers;
  for (const int64_t segment : segments) {
    const auto at = read.find(segment);
    auto header = at == read.end() ? Cache().Find(segment) : at->second;
    if (!header) RaiseGone(segment);
    headers.push_back(std::move(header));
  }
  return headers;
}

std::shared_ptr<const SegmentHeader> Header(int64_t segment) {
  if (auto header = Cache().Find(segment)) return header;
  const pg::Rows rows = pg::Execute(kHeader, {segment});
  if (rows.empty()) RaiseGone(segment);
  return Cache().Keep(segment, ReadHeader(segment, rows.Text(0, 0)));
}

void StoreSegment(int collection, int level, knowledge::SegmentBuilder& builder) {
  SegmentWriter writer(collection, level);
  writer.Finish(builder.Finish(writer.Sink()));
}

void MergeStored(int collection, const std::vector<StoredSegment>& segments, int level,
                 const std::vector<PassageKey>& dead) {
  std::vector<std::shared_ptr<const SegmentHeader>> headers;
  std::vector<BlockStream> streams;
  std::vector<int64_t> ids;
  for (const StoredSegment& segment : segments) {
    headers.push_back(Header(segment.id));
    streams.emplace_back(segment.id);
    ids.push_back(segment.id);
  }
  std::vector<knowledge::MergeSource> sources;
  for (size_t s = 0; s < segments.size(); ++s) {
    knowledge::MergeSource source;
    source.header = headers[s].get();
    if (!dead.empty()) source.dead.resize(headers[s]->size());
    for (const PassageKey& key : dead)
      if (const auto ordinal = headers[s]->Find(key)) source.dead[*ordinal] = true;
    source.next_block = [&stream = streams[s]](std::string& block) { return stream.Next(block); };
    sources.push_back(std::move(source));
  }
  SegmentWriter writer(collection, level);
  writer.Finish(knowledge::MergeSegments(std::move(sources), writer.Sink()));
  pg::Execute(kDeleteSegments, {&ids});
}

}  // namespace capeai::store
