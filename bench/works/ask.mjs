// One question in SQL, everything warm, against the bare HTTP round trip.
import { atMost } from '../lib/judge.mjs';
import { quantile } from '../lib/stats.mjs';

async function ask(bench, sql) {
  await bench.set({ 'capeai.enabled': 'on' });
  await bench.program('probe', [bench.conninfo, 20, 0, sql]);
  const samples = await bench.program('probe', [bench.conninfo, bench.size(1000, 100), 0, sql]);
  const times = samples.map(([, sent, answered]) => (answered - sent) / 1000);
  return { median_ms: quantile(times, 0.5), p99_ms: quantile(times, 0.99), flush_ms: bench.flushMs };
}

async function addDocuments(bench) {
  await bench.query(`SELECT capeai_add_document('Page ' || i, 'Backups of part ' || i ||
      ' are taken every night. To restore one, stop the server and run the restore command.', collection => 'default')
    FROM generate_series(1, 20) AS i WHERE NOT EXISTS (SELECT FROM capeai.documents)`);
}

export default {
  title: 'capeai_ask, warm, model without latency',
  columns: [['median_ms', 'median ms'], ['p99_ms', 'p99 ms'], ['flush_ms', 'one WAL flush ms']],

  subjects(bench) {
    return [
      { name: 'capeai_ask, agent chat', run: () =>
        ask(bench, "SELECT capeai_ask('How are backups restored? ' || $1::text, agent => 'chat')") },
      { name: 'capeai_ask, the Guide', run: async () => {
        await addDocuments(bench);
        return ask(bench, "SELECT capeai_ask('How are backups restored? ' || $1::text)");
      } },
      { name: 'bare HTTP (curl, kept connection)', run: async () => {
        const out = await bench.program('curl_loop', [`${bench.mock.url}/v1/chat/completions`, bench.size(1000, 100), 1]);
        return { median_ms: out.median_ms, p99_ms: out.p99_ms, flush_ms: bench.flushMs };
      } },
    ];
  },

  judge(median) {
    const bare = median['bare HTTP (curl, kept connection)'];
    return ['capeai_ask, agent chat', 'capeai_ask, the Guide'].map((name) =>
      atMost(`${name}, over HTTP and a flush`, median[name].median_ms - bare.median_ms - bare.flush_ms, 2, ' ms'));
  },
};
