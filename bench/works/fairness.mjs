// Somebody's single task beside another owner's 100,000: how long it waits until it is claimed.
import { fill } from '../lib/capeai.mjs';
import { atMost } from '../lib/judge.mjs';
import { inputs } from '../lib/questions.mjs';

const WAITS = `SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY 1000 * extract(epoch FROM started_at - created_at)) AS ms,
    count(*)::int AS n FROM capeai.tasks WHERE owner = 'bench_other'::regrole`;

async function probe(bench, count) {
  const other = bench.newClient();
  await other.connect();
  try {
    await other.query('SET ROLE bench_other');
    for (let i = 0; i < count; ++i) {
      await other.query(`SELECT capeai_submit_task('chat', '{"query": "mine"}')`);
      await new Promise((done) => setTimeout(done, 50));
    }
    await bench.until('these tasks', async () => (await bench.value(
      `SELECT count(*)::int FROM capeai.tasks WHERE owner = 'bench_other'::regrole AND completed_at IS NULL`)) === 0);
  } finally {
    await other.end();
  }
  const [{ ms, n }] = await bench.query(WAITS);
  if (n !== count) throw new Error(`${n} tasks of ${count}`);
  return { median_ms: Number(ms[0]), p95_ms: Number(ms[1]) };
}

export default {
  title: 'Fairness: a single task of one owner beside 100,000 of another, 1,000 in flight, model without latency',
  columns: [['median_ms', 'median ms until claimed'], ['p95_ms', '95th percentile ms']],

  async subjects(bench) {
    const many = bench.size(100000, 20000);
    const count = bench.size(40, 10);
    await bench.query(`DO $$BEGIN CREATE ROLE bench_other IN ROLE capeai_user; EXCEPTION WHEN duplicate_object THEN END$$`);
    return [
      { name: 'nothing else', run: async () => {
        await fill(bench, inputs(1), false);
        await bench.set({ 'capeai.enabled': 'on', 'capeai.max_in_flight': 1000 });
        return probe(bench, count);
      } },
      { name: 'beside the many', run: async () => {
        await fill(bench, inputs(many), false);
        await bench.set({ 'capeai.enabled': 'on', 'capeai.max_in_flight': 1000 });
        const waited = await probe(bench, count);
        const left = await bench.value(`SELECT count(*)::int FROM capeai.tasks WHERE status = 'queued'`);
        if (left === 0) throw new Error('the many had all run before');
        return waited;
      } },
    ];
  },

  judge: (median) => [atMost('median wait, of that with nothing else',
    median['beside the many'].median_ms / median['nothing else'].median_ms, 5)],
};
