#include "store/seals.hpp"

#include "pg/sql.hpp"

namespace capeai::store {
namespace {

using pg::Execute;
using pg::Rows;
using pg::Statement;
using pg::Type;
using policy::IdRange;
using policy::Seal;
using std::string_view;

const Statement kLast{
    "SELECT seq, event_id, events, pruned_seq, pruned_hash, key_id, prev, hash, created_at, open::text"
    " FROM capeai.audit_seals ORDER BY seq DESC LIMIT 1",
    {},
    true};

const Statement kLoad{
    "SELECT seq, event_id, events, pruned_seq, pruned_hash, key_id, prev, hash, created_at"
    " FROM capeai.audit_seals WHERE seq > $1 ORDER BY seq LIMIT $2",
    {Type::kInt8, Type::kInt4},
    true};

// An event in a form that depends on no setting: an array in jsonb's own text. The
// role as an oid: names change.
#define CAPEAI_LEAF                                                                             \
  "int8send(e.id) || substr(sha256(convert_to(jsonb_build_array(e.id, e.event_type, e.user_id," \
  " e.role::oid::int8, e.agent_id, e.task_id, e.event_data, e.client_addr, e.application_name," \
  " (extract(epoch FROM e.created_at) * 1000000)::int8)::text, getdatabaseencoding())), 1, 16)"

// With a snapshot of its own: later than what was asked of the writers before it.
const Statement kLeavesFrom{"SELECT string_agg(" CAPEAI_LEAF R"(, ''::bytea ORDER BY e.id)
FROM ((SELECT * FROM capeai.audit_events a WHERE a.id >= $1 ORDER BY a.id LIMIT $2)
      UNION ALL
      SELECT late.* FROM unnest($3, $4) AS range (first, last),
      LATERAL (SELECT * FROM capeai.audit_events a WHERE a.id BETWEEN range.first AND range.last
               ORDER BY a.id LIMIT $2) late) e)",
                            {Type::kInt8, Type::kInt4, Type::kInt8Array, Type::kInt8Array}};

const Statement kLeavesOf{"SELECT string_agg(" CAPEAI_LEAF R"(, ''::bytea ORDER BY e.id)
FROM (SELECT * FROM capeai.audit_events a WHERE a.id BETWEEN $1 AND $2
      UNION ALL
      SELECT * FROM capeai.audit_events a WHERE a.id = ANY ($3) AND a.id NOT BETWEEN $1 AND $2) e)",
                          {Type::kInt8, Type::kInt8, Type::kInt8Array},
                          true};
#undef CAPEAI_LEAF

const Statement kOldestAfter{
    "SELECT a.created_at FROM capeai.audit_events a WHERE a.id > $1 ORDER BY a.id LIMIT 1",
    {Type::kInt8},
    true};

const Statement kNewestOf{"SELECT max(a.created_at) FROM capeai.audit_events a WHERE a.id = ANY ($1)",
                          {Type::kInt8Array}};

const Statement kInsert{
    "INSERT INTO capeai.audit_seals (seq, event_id, events, open, pruned_seq, pruned_hash, key_id, prev, "
    "hash,"
    " created_at) VALUES ($1, $2, $3, $4, nullif($5, 0), nullif($6, ''), nullif($7, ''), $8, $9, $10)",
    {Type::kInt8, Type::kInt8, Type::kBytea, Type::kInt8Array, Type::kInt8, Type::kBytea, Type::kText,
     Type::kBytea, Type::kBytea, Type::kTimestamptz}};

const Statement kDeleteEvents{"DELETE FROM capeai.audit_events WHERE id = ANY ($1)", {Type::kInt8Array}};
const Statement kDeleteSeals{"DELETE FROM capeai.audit_seals WHERE seq <= $1", {Type::kInt8}};

// Of this process, which runs one statement at a time.
bool retention_runs = false;

struct RetentionMark {
  RetentionMark() { retention_runs = true; }
  ~RetentionMark() { retention_runs = false; }
};

Seal SealAt(const Rows& rows, size_t i) {
  Seal seal;
  seal.seq = rows.Int(i, 0);
  seal.event_id = rows.Int(i, 1);
  seal.events = rows.String(i, 2);
  seal.pruned_seq = rows.MaybeInt(i, 3).value_or(0);
  seal.pruned_hash = rows.String(i, 4);
  seal.key_id = rows.String(i, 5);
  seal.prev = rows.String(i, 6);
  seal.hash = rows.String(i, 7);
  seal.created_at = rows.Time(i, 8);
  return seal;
}

// From "{1,2,5,9}".
std::vector<IdRange> RangesOf(string_view text) {
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] < '0' || text[i] > '9') continue;
    int64_t number = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) number = number * 10 + (text[i] - '0');
    numbers.push_back(number);
  }
  std::vector<IdRange> out;
  for (size_t i = 0; i + 1 < numbers.size(); i += 2) out.push_back({numbers[i], numbers[i + 1]});
  return out;
}

}  // namespace

std::optional<LastSeal> FindLastSeal() {
  const Rows rows = Execute(kLast, {});
  if (rows.empty()) return std::nullopt;
  return LastSeal{SealAt(rows, 0), RangesOf(rows.Text(0, 9))};
}

std::vector<Seal> LoadSeals(int64_t after, int limit) {
  const Rows rows = Execute(kLoad, {after, limit});
  std::vector<Seal> out;
  for (size_t i = 0; i < rows.size(); ++i) out.push_back(SealAt(rows, i));
  return out;
}

std::string LeavesFrom(int64_t first, int limit, const std::vector<IdRange>& more) {
  std::vector<int64_t> firsts, lasts;
  for (const IdRange& range : more) {
    firsts.push_back(range.first);
    lasts.push_back(range.last);
  }
  return Execute(kLeavesFrom, {first, limit, &firsts, &lasts}).String(0, 0);
}

std::string LeavesOf(const IdRange& range, const std::vector<int64_t>& ids) {
  return Execute(kLeavesOf, {range.first, range.last, &ids}).String(0, 0);
}

std::optional<WallTime> OldestAfter(int64_t id) {
  const Rows rows = Execute(kOldestAfter, {id});
  if (rows.empty()) return std::nullopt;
  return rows.Time(0, 0);
}

std::optional<WallTime> NewestOf(const std::vector<int64_t>& ids) {
  const Rows rows = Execute(kNewestOf, {&ids});
  if (rows.IsNull(0, 0)) return std::nullopt;
  return rows.Time(0, 0);
}

void InsertSeal(const Seal& seal, const std::vector<IdRange>& open) {
  std::vector<int64_t> pairs;
  for (const IdRange& range : open) {
    pairs.push_back(range.first);
    pairs.push_back(range.last);
  }
  Execute(kInsert, {seal.seq, seal.event_id, string_view(seal.events), &pairs, seal.pruned_seq,
                    string_view(seal.pruned_hash), string_view(seal.key_id), string_view(seal.prev),
                    string_view(seal.hash), seal.created_at});
}

void DeleteSealed(int64_t up_to_seq, const std::vector<int64_t>& events) {
  const RetentionMark mark;
  if (!events.empty()) Execute(kDeleteEvents, {&events});
  Execute(kDeleteSeals, {up_to_seq});
}

bool RetentionRuns() { return retention_runs; }

}  // namespace capeai::store
