#include "store/conversations.hpp"

#include "pg/sql.hpp"

namespace capeai::store {
namespace {

using pg::Type;

const pg::Statement kForeign{
    "SELECT FROM capeai.conversations c WHERE c.id = $1"
    " AND (c.owner <> $2 OR c.user_id IS DISTINCT FROM nullif($3, ''))",
    {Type::kUuid, Type::kOid, Type::kText},
    true};

const pg::Statement kLoadTurns{R"(
SELECT turn.query, turn.response
FROM (SELECT t.id, t.input_data ->> 'query' AS query, t.output_data ->> 'response' AS response
      FROM capeai.tasks t
      WHERE t.conversation = $1 AND t.owner = $2 AND t.status = 'succeeded' AND t.id < $3
      ORDER BY t.id DESC LIMIT $4) turn
WHERE turn.query IS NOT NULL AND turn.response IS NOT NULL
ORDER BY turn.id)",
                               {Type::kUuid, Type::kOid, Type::kUuid, Type::kInt4},
                               true};

}  // namespace

bool MayUseConversation(const Uuid& conversation, unsigned owner, const std::string& user_id) {
  return pg::Execute(kForeign, {conversation, static_cast<int64_t>(owner), std::string_view(user_id)})
      .empty();
}

std::vector<Turn> LoadTurns(const Uuid& conversation, unsigned owner, const Uuid& before, int limit) {
  const pg::Rows rows = pg::Execute(kLoadTurns, {conversation, static_cast<int64_t>(owner), before, limit});
  std::vector<Turn> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) out[i] = {rows.String(i, 0), rows.String(i, 1)};
  return out;
}

}  // namespace capeai::store
