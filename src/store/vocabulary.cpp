#include "store/vocabulary.hpp"

#include "knowledge/segment.hpp"
#include "knowledge/spelling.hpp"
#include "knowledge/terms.hpp"
#include "pg/sql.hpp"

namespace capeai::store {
namespace {

using pg::Type;

// Blocks that may hold terms from $2 up to below $3. A posting list that has a block
// of its own is not read: its term is the block's first.
const pg::Statement kBlocksBetween{
    "SELECT b.first_term, octet_length(b.block), CASE WHEN octet_length(b.block) <= $4 THEN b.block END "
    "FROM capeai.index_segments AS s "
    "CROSS JOIN LATERAL (SELECT coalesce((SELECT p.first_term FROM capeai.index_blocks AS p "
    "                                     WHERE p.segment_id = s.id AND p.first_term <= $2 "
    "                                     ORDER BY p.first_term DESC LIMIT 1), $2) AS term OFFSET 0) AS "
    "least "
    "CROSS JOIN LATERAL (SELECT first_term, block FROM capeai.index_blocks "
    "                    WHERE segment_id = s.id AND first_term >= least.term AND first_term < $3 OFFSET 0) "
    "AS b "
    "WHERE s.collection_id = $1",
    {Type::kInt4, Type::kBytea, Type::kBytea, Type::kInt4},
    true};

void OfferSegments(int collection, knowledge::NearestTerm& nearest) {
  std::string end = nearest.prefix();
  ++end.back();  // of letters in UTF-8: never 0xff
  const pg::Rows blocks =
      pg::Execute(kBlocksBetween, {collection, std::string_view(nearest.prefix()), std::string_view(end),
                                   static_cast<int32_t>(knowledge::kBlockBytes)});
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (blocks.IsNull(i, 2)) {
      nearest.Offer(blocks.Text(i, 0), static_cast<size_t>(blocks.Int(i, 1)));
      continue;
    }
    for (knowledge::ByteReader in(blocks.Text(i, 2)); !in.AtEnd();) {
      const std::string_view term = in.Bytes();
      nearest.Offer(term, in.Bytes().size());
    }
  }
}

}  // namespace

std::string NearestTermOf(int collection, bool indexed, const std::string& word,
                          const std::vector<std::string_view>& passages) {
  knowledge::NearestTerm nearest(word);
  if (!nearest.possible()) return "";
  if (indexed) OfferSegments(collection, nearest);
  for (const std::string_view packed : passages)
    for (knowledge::TermVectorReader vector(packed); vector.Next();) nearest.Offer(vector.term(), 1);
  return nearest.best();
}

}  // namespace capeai::store
