#include "store/index_reader.hpp"

#include <algorithm>
#include <utility>

#include "store/segments.hpp"
#include "store/vocabulary.hpp"

namespace capeai::store {
namespace {

using knowledge::PassageKey;
using knowledge::QueryTerm;
using pg::Type;

constexpr double kCorrectedWeight = 0.8;  // of a word that was spelled otherwise
constexpr bool kReadOnly = true;
constexpr bool kOfQueue = true;

const pg::Statement kDead{"SELECT document_id, passage_id FROM capeai.index_dead WHERE collection_id = $1",
                          {Type::kInt4},
                          kReadOnly,
                          kOfQueue};

const pg::Statement kPending{
    "SELECT p.document_id, p.passage_id, q.terms FROM capeai.index_pending AS p "
    "CROSS JOIN LATERAL (SELECT terms FROM capeai.passages WHERE id = p.passage_id OFFSET 0) AS q "
    "WHERE p.collection_id = $1",
    {Type::kInt4},
    kReadOnly,
    kOfQueue};

const pg::Statement kUnindexed{
    "SELECT d.id, q.id, q.terms FROM capeai.documents AS d JOIN capeai.passages AS q ON q.document_id = d.id "
    "WHERE d.collection_id = $1",
    {Type::kInt4},
    kReadOnly};

// The block of every segment in which each term stands if it is there.
const pg::Statement kBlocks{
    "SELECT s.ordinality, t.ordinality, b.block "
    "FROM unnest($1::bigint[]) WITH ORDINALITY AS s (id), unnest($2::bytea[]) WITH ORDINALITY AS t (term), "
    "LATERAL (SELECT block FROM capeai.index_blocks AS b "
    "         WHERE b.segment_id = s.id AND b.first_term <= t.term ORDER BY b.first_term DESC LIMIT 1) AS b",
    {Type::kInt8Array, Type::kByteaArray},
    kReadOnly};

// The lists of `terms` in `segments`, by segment and term, empty where there is none.
// They point into `blocks`.
std::vector<std::vector<std::string_view>> FindPostings(const std::vector<int64_t>& segments,
                                                        const std::vector<std::string>& terms,
                                                        pg::Rows& blocks) {
  blocks = pg::Execute(kBlocks, {&segments, &terms});
  std::vector<std::vector<std::string_view>> postings(segments.size(),
                                                      std::vector<std::string_view>(terms.size()));
  for (size_t i = 0; i < blocks.size(); ++i) {
    const size_t term = static_cast<size_t>(blocks.Int(i, 1) - 1);
    postings[static_cast<size_t>(blocks.Int(i, 0) - 1)][term] =
        knowledge::FindInBlock(blocks.Text(i, 2), terms[term]);
  }
  return postings;
}

}  // namespace

IndexReader::IndexReader(IndexedCollection collection) : collection_(std::move(collection)) {
  if (!collection_.indexed) collection_.segments.clear();
}

knowledge::Ranker IndexReader::Feed(std::vector<QueryTerm> terms) {
  knowledge::Ranker ranker(std::move(terms), {});
  passages_ = pg::Execute(collection_.indexed ? kPending : kUnindexed, {collection_.id});
  std::vector<std::pair<PassageKey, std::string_view>> pending;
  for (size_t i = 0; i < passages_.size(); ++i)
    pending.push_back({{passages_.Int(i, 0), passages_.Int(i, 1)}, passages_.Text(i, 2)});
  std::sort(pending.begin(), pending.end());
  for (const auto& [key, vector] : pending) {
    vectors_.push_back(vector);
    ranker.AddPassage(key, vector);
  }
  if (collection_.segments.empty()) return ranker;
  headers_ = Headers(collection_.segments);
  std::vector<std::string> words;
  for (const QueryTerm& term : ranker.terms()) words.push_back(term.term);
  pg::Rows blocks;
  const auto postings = FindPostings(collection_.segments, words, blocks);
  std::vector<std::vector<bool>> dead = DeadOrdinals();
  for (size_t s = 0; s < headers_.size(); ++s)
    ranker.AddSegment(headers_[s].get(), std::move(dead[s]), postings[s]);
  return ranker;
}

void IndexReader::Correct(knowledge::Ranker& ranker) {
  for (const size_t t : ranker.Missing()) {
    const QueryTerm& asked = ranker.terms()[t];
    QueryTerm nearest{NearestTermOf(collection_.id, collection_.indexed, asked.term, vectors_),
                      asked.weight * kCorrectedWeight};
    const auto same = [&](const QueryTerm& term) { return term.term == nearest.term; };
    if (nearest.term.empty() || std::any_of(ranker.terms().begin(), ranker.terms().end(), same)) continue;
    std::vector<std::string_view> lists;
    pg::Rows blocks;
    if (!collection_.segments.empty())
      for (const auto& of_segment : FindPostings(collection_.segments, {nearest.term}, blocks))
        lists.push_back(of_segment[0]);
    ranker.Replace(t, std::move(nearest), lists);
  }
}

std::vector<std::vector<bool>> IndexReader::DeadOrdinals() const {
  std::vector<std::vector<bool>> dead(headers_.size());
  const pg::Rows rows = pg::Execute(kDead, {collection_.id});
  for (size_t i = 0; i < rows.size(); ++i) {
    const PassageKey key{rows.Int(i, 0), rows.Int(i, 1)};
    for (size_t s = 0; s < headers_.size(); ++s) {
      const auto ordinal = headers_[s]->Find(key);
      if (!ordinal) continue;
      dead[s].resize(headers_[s]->size());
      dead[s][*ordinal] = true;
      break;
    }
  }
  return dead;
}

}  // namespace capeai::store
