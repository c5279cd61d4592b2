#include "store/index.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>

#include "pg/guard.hpp"
#include "pg/session.hpp"
#include "pg/sql.hpp"
#include "store/segments.hpp"

namespace capeai::store {
namespace {

using knowledge::PassageKey;
using pg::Type;

constexpr size_t kPendingLimit = 512;  // passages searched one by one, at most, in quiet times
constexpr size_t kMergeAtOnce = 4096;  // bounds the time that a merge takes from one call
constexpr size_t kLevelFactor = 8;     // segments of a level before they become one
constexpr int64_t kDeadLimit = 2048;   // tombstones before segments are rewritten: each search reads them
constexpr int64_t kCheckEvery = 64;    // passages between looks at what others left
constexpr size_t kLookPart = 16;       // a transaction looks again when it has changed this part more

const pg::Statement kInsertDead{
    "INSERT INTO capeai.index_dead (collection_id, document_id, passage_id) "
    "SELECT $1, d, p FROM unnest($2::bigint[], $3::bigint[]) AS t (d, p)",
    {Type::kInt4, Type::kInt8Array, Type::kInt8Array}};

// Joins with passages and documents are written so that only a look for each row can be made of them (OFFSET
// 0), here and in the search: statistics from between the removal of all documents and the next import say
// that the table is empty, and reading the whole of it once for each batch would be the plan.
const pg::Statement kTakeOwnPending{
    "WITH taken AS (DELETE FROM capeai.index_pending AS p "
    "               WHERE p.collection_id = $1 AND p.xact = pg_current_xact_id() "
    "               RETURNING p.document_id, p.passage_id) "
    "SELECT t.document_id, t.passage_id, q.terms FROM taken AS t "
    "CROSS JOIN LATERAL (SELECT terms FROM capeai.passages WHERE id = t.passage_id OFFSET 0) AS q",
    {Type::kInt4}};

// Whole documents only, so that the passages of one stay neighbours.
const pg::Statement kTakePending{
    "WITH bound AS (SELECT max(p.document_id) AS last "
    "               FROM (SELECT document_id FROM capeai.index_pending WHERE collection_id = $1 "
    "                     ORDER BY document_id LIMIT $2) AS p), "
    "taken AS (DELETE FROM capeai.index_pending AS p USING bound "
    "          WHERE p.collection_id = $1 AND p.document_id <= bound.last "
    "          RETURNING p.document_id, p.passage_id) "
    "SELECT t.document_id, t.passage_id, q.terms FROM taken AS t "
    "CROSS JOIN LATERAL (SELECT terms FROM capeai.passages WHERE id = t.passage_id OFFSET 0) AS q",
    {Type::kInt4, Type::kInt8}};

const pg::Statement kCounts{
    "SELECT (SELECT count(*) FROM capeai.index_pending WHERE collection_id = $1), "
    "       (SELECT count(*) FROM capeai.index_dead WHERE collection_id = $1)",
    {Type::kInt4}};

// A snapshot of the whole transaction may be older than another's merge.
const pg::Statement kTryLock{
    "SELECT CASE WHEN current_setting('transaction_isolation') = 'read committed' "
    "            THEN pg_try_advisory_xact_lock(hashtext('capeai.index'), $1) ELSE false END",
    {Type::kInt4}};

const pg::Statement kTakeDead{
    "DELETE FROM capeai.index_dead WHERE collection_id = $1 RETURNING document_id, passage_id",
    {Type::kInt4}};

const pg::Statement kInsertState{"INSERT INTO capeai.index_state (collection_id) VALUES ($1)", {Type::kInt4}};

const pg::Statement kHasState{"SELECT EXISTS (SELECT FROM capeai.index_state WHERE collection_id = $1)",
                              {Type::kInt4}};

const pg::Statement kDropSegments{"DELETE FROM capeai.index_segments WHERE collection_id = $1",
                                  {Type::kInt4}};

const pg::Statement kPendAll{
    "INSERT INTO capeai.index_pending (collection_id, document_id, passage_id) "
    "SELECT d.collection_id, d.id, q.id "
    "FROM capeai.documents AS d JOIN capeai.passages AS q ON q.document_id = d.id "
    "WHERE d.collection_id = $1 "
    "ON CONFLICT DO NOTHING",
    {Type::kInt4}};

// What this transaction has done to a collection, as far as this process knows:
// hints that save counting.
struct OwnWork {
  int64_t transaction = 0;  // its start; transactions of one process have different ones
  int collection = 0;
  size_t pending = 0;  // passages that it left pending
  int64_t dead = 0;    // and tombstones
  size_t changes = 0;  // passages inserted, documents removed
  size_t looked = 0;   // changes at its last look at what has piled up
};
OwnWork own_work;  // the last one's

OwnWork& Own(int collection) {
  const int64_t transaction = pg::TransactionStart().time_since_epoch().count();
  if (own_work.transaction != transaction || own_work.collection != collection)
    own_work = {.transaction = transaction, .collection = collection};
  return own_work;
}

// Whether to see what has piled up. A look passes over all that the transaction has
// itself taken off the piles, so its looks become rarer as it goes on.
bool IsTimeToLook(OwnWork& own, const std::vector<PassageKey>& inserted) {
  // Passage ids tell every process when it is time.
  if (!inserted.empty() &&
      (inserted.front().passage - 1) / kCheckEvery == inserted.back().passage / kCheckEvery)
    return false;
  if (own.changes - own.looked < own.changes / kLookPart) return false;
  own.looked = own.changes;
  return true;
}

// Segments of a level that is full become one of the next, and so on upwards.
void MergeLevels(int collection, bool own_only) {
  for (;;) {
    std::map<int, std::vector<StoredSegment>> levels;
    for (StoredSegment& segment : ListSegments(collection))
      if (!own_only || segment.own) levels[segment.level].push_back(segment);
    const auto full = std::find_if(levels.begin(), levels.end(),
                                   [](const auto& level) { return level.second.size() >= kLevelFactor; });
    if (full == levels.end()) return;
    MergeStored(collection, full->second, full->first + 1, {});
  }
}

void MergePending(int collection, const pg::Rows& taken) {
  if (taken.empty()) return;
  knowledge::SegmentBuilder builder;
  for (size_t i = 0; i < taken.size(); ++i) builder.Add({taken.Int(i, 0), taken.Int(i, 1)}, taken.Text(i, 2));
  int level = 0;  // a large batch begins higher up
  for (size_t room = kPendingLimit * kLevelFactor; taken.size() >= room; room *= kLevelFactor) ++level;
  StoreSegment(collection, level, builder);
}

// Rewrites every segment that holds passages which are gone.
void DropDead(int collection) {
  const pg::Rows taken = pg::Execute(kTakeDead, {collection});
  std::vector<PassageKey> dead;
  for (size_t i = 0; i < taken.size(); ++i) dead.push_back({taken.Int(i, 0), taken.Int(i, 1)});
  for (const StoredSegment& segment : ListSegments(collection)) {
    const auto header = Header(segment.id);
    if (std::any_of(dead.begin(), dead.end(), [&](const PassageKey& key) { return header->Find(key); }))
      MergeStored(collection, {segment}, segment.level, dead);
  }
}

bool TryLock(int collection) { return pg::Execute(kTryLock, {collection}).Bool(0, 0); }

}  // namespace

void IndexDeleted(int collection, const std::vector<PassageKey>& passages) {
  std::vector<int64_t> documents, ids;
  for (const PassageKey& key : passages) {
    documents.push_back(key.document);
    ids.push_back(key.passage);
  }
  pg::Execute(kInsertDead, {collection, &documents, &ids});
  Own(collection).dead += static_cast<int64_t>(ids.size());
}

void MaintainIndex(int collection, const std::vector<PassageKey>& inserted) {
  OwnWork& own = Own(collection);
  own.pending += inserted.size();
  own.changes += std::max<size_t>(inserted.size(), 1);
  if (own.pending >= kPendingLimit) {
    MergePending(collection, pg::Execute(kTakeOwnPending, {collection}));
    own.pending = 0;
    MergeLevels(collection, true);
    return;
  }
  bool many_pending = false;
  bool many_dead = own.dead >= kDeadLimit;
  if (!many_dead && IsTimeToLook(own, inserted)) {
    const pg::Rows counts = pg::Execute(kCounts, {collection});
    many_pending = counts.Int(0, 0) >= static_cast<int64_t>(kPendingLimit + own.pending);
    many_dead = counts.Int(0, 1) >= kDeadLimit;
  }
  if ((!many_pending && !many_dead) || !TryLock(collection)) return;
  if (many_pending) {
    MergePending(collection, pg::Execute(kTakePending, {collection, static_cast<int64_t>(kMergeAtOnce)}));
    own.pending = 0;
    MergeLevels(collection, false);
  }
  if (!many_dead) return;
  DropDead(collection);
  own.dead = 0;
}

void StartIndex(int collection) { pg::Execute(kInsertState, {collection}); }

void RebuildIndex(int collection) {
  if (!TryLock(collection)) return;
  if (pg::Execute(kHasState, {collection}).Bool(0, 0)) return;
  pg::Execute(kDropSegments, {collection});
  pg::Execute(kTakeDead, {collection});
  pg::Execute(kPendAll, {collection});
  StartIndex(collection);
  for (;;) {
    const pg::Rows taken = pg::Execute(kTakePending, {collection, static_cast<int64_t>(kMergeAtOnce)});
    if (taken.empty()) return;
    MergePending(collection, taken);
    MergeLevels(collection, false);
  }
}

}  // namespace capeai::store
