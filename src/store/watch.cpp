#include "store/watch.hpp"

#include "pg/sql.hpp"

namespace capeai::store {
namespace {

using pg::Type;

// Read-only: with the active snapshot, not a new one of the transaction's.
const pg::Statement kLook{
    "SELECT t.owner, t.user_id, t.status IN ('succeeded', 'failed', 'cancelled'), t::text, "
    "t.xmin::text::bigint"
    " FROM capeai.tasks t WHERE t.id = $1",
    {Type::kUuid},
    true};

}  // namespace

std::optional<WatchedTask> LookAtTask(const Uuid& id) {
  const pg::Rows rows = pg::Execute(kLook, {id});
  if (rows.empty()) return std::nullopt;
  return WatchedTask{static_cast<unsigned>(rows.Int(0, 0)), rows.String(0, 1), rows.Bool(0, 2),
                     rows.String(0, 3), static_cast<uint32_t>(rows.Int(0, 4))};
}

}  // namespace capeai::store
