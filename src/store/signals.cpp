#include "store/signals.hpp"

#include "pg/sql.hpp"

namespace capeai::store {
namespace {

using pg::Execute;
using pg::Rows;
using pg::Statement;

// A wish to cancel stays until its task has ended: if the worker dies between
// hearing it and writing the end, the next one hears it again.
const Statement kTakeSignals{R"(
WITH seen AS (
  SELECT s.ctid AS at, s.task_id, s.signal, t.owner, t.attempt,
         s.signal = 'cancelled' OR coalesce(t.status NOT IN ('queued', 'blocked', 'running'), true) AS settled
  FROM capeai.task_signals s LEFT JOIN capeai.tasks t ON t.id = s.task_id
  LIMIT 1000 FOR UPDATE OF s SKIP LOCKED
), taken AS (
  DELETE FROM capeai.task_signals s
  WHERE s.ctid = ANY (ARRAY(SELECT seen.at FROM seen WHERE seen.settled))
)
SELECT task_id, signal, owner, attempt FROM seen WHERE signal = 'cancelled' OR NOT settled)",
                             {}};

// Tasks that ran when they were to be cancelled, and wait again by now.
const Statement kCancelSignalled{R"(
WITH waiting AS (
  SELECT t.id FROM capeai.task_signals s JOIN capeai.tasks t ON t.id = s.task_id
  WHERE s.signal = 'cancel' AND (t.status = 'queued' OR t.status = 'blocked')
  LIMIT 1000 FOR NO KEY UPDATE OF t SKIP LOCKED
), moved AS (
  UPDATE capeai.tasks t
  SET status = 'cancelled', updated_at = now(), completed_at = now()
  FROM waiting w WHERE t.id = w.id
  RETURNING t.id, t.user_id, t.owner, t.agent_id
), told AS (
  UPDATE capeai.task_signals s SET signal = 'cancelled' FROM moved m WHERE s.task_id = m.id
)
INSERT INTO capeai.audit_events (event_type, user_id, role, agent_id, task_id)
SELECT 'cancelled', m.user_id, m.owner, m.agent_id, m.id FROM moved m)",
                                 {}};

}  // namespace

std::vector<Signal> TakeSignals() {
  const Rows rows = Execute(kTakeSignals, {});
  std::vector<Signal> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i)
    out[i] = {rows.Id(i, 0), rows.String(i, 1), static_cast<unsigned>(rows.Int(i, 2)),
              static_cast<int>(rows.Int(i, 3))};
  return out;
}

int64_t CancelSignalled() { return static_cast<int64_t>(Execute(kCancelSignalled, {}).processed()); }

}  // namespace capeai::store
