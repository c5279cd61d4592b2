#include "store/health.hpp"

#include "pg/sql.hpp"

namespace capeai::store {
namespace {

const pg::Statement kQueue{R"(
SELECT (SELECT count(*) FROM (SELECT FROM capeai.tasks t WHERE t.status = 'queued' LIMIT 10000) q),
       (SELECT count(*) FROM (SELECT FROM capeai.tasks t WHERE t.status = 'blocked' LIMIT 10000) q),
       (SELECT count(*) FROM (SELECT FROM capeai.tasks t WHERE t.status = 'running' LIMIT 10000) q),
       (SELECT count(*)
        FROM ((SELECT t.installation FROM capeai.tasks t WHERE t.status = 'queued' LIMIT 10000) UNION ALL
              (SELECT t.installation FROM capeai.tasks t WHERE t.status = 'blocked' LIMIT 10000) UNION ALL
              (SELECT t.installation FROM capeai.tasks t WHERE t.status = 'running' LIMIT 10000)) q,
             capeai.installation i
        WHERE q.installation <> i.id),
       (SELECT min(q.run_at)
        FROM (SELECT t.run_at FROM capeai.tasks t WHERE t.status = 'queued' LIMIT 10000) q
        WHERE q.run_at <= now()))",
                           {}};

}  // namespace

QueueState ReadQueueState() {
  const pg::Rows rows = pg::Execute(kQueue, {});
  QueueState out;
  out.queued = rows.Int(0, 0);
  out.blocked = rows.Int(0, 1);
  out.running = rows.Int(0, 2);
  out.foreign = rows.Int(0, 3);
  if (!rows.IsNull(0, 4)) out.oldest_due = rows.Time(0, 4);
  return out;
}

}  // namespace capeai::store
