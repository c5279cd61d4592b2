// What a claim costs with more and more in the table, and with an old snapshot open.
import { drain } from '../lib/capeai.mjs';
import { atLeast, atMost } from '../lib/judge.mjs';
import { inputs } from '../lib/questions.mjs';

// Copies of one finished task, with their own ids.
async function addFinished(bench, count) {
  await bench.query(`INSERT INTO capeai.tasks (id, agent_id, agent_version_id, owner, status, installation, attempt,
      input_data, output_data, model, options, worker, started_at, completed_at)
    SELECT gen_random_uuid(), t.agent_id, t.agent_version_id, t.owner, 'succeeded', t.installation, 1, t.input_data,
      '{"response": "done"}', t.model, t.options, gen_random_uuid(), now(), now()
    FROM (SELECT * FROM capeai.tasks LIMIT 1) AS t, generate_series(1, $1::int)`, [count]);
}

// Lets the worker finish some of a full queue; the mean cost of its claim statement per task claimed.
async function claimCost(bench, { queued, finished = 0 }) {
  const some = Math.min(queued, bench.size(5000, 1000));
  await bench.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  await bench.set({ 'capeai.enabled': 'off', 'capeai.max_in_flight': 500 });
  await bench.clean();
  await bench.query(`SELECT count(*) FROM (SELECT capeai_submit_tasks('chat', ARRAY(${inputs(queued)}))) AS s`);
  if (finished) await addFinished(bench, finished);
  await bench.query('VACUUM ANALYZE capeai.tasks');
  await bench.query('CHECKPOINT');
  await bench.set({ 'pg_stat_statements.track': 'all' });
  await bench.query('SELECT pg_stat_statements_reset()');
  const ended = async () => Number((await bench.worker()).succeeded);
  const before = await ended();
  const { wall, cpu } = await bench.measure(async () => {
    await bench.set({ 'capeai.enabled': 'on' });
    await bench.until(`${some} tasks`, async () => (await ended()) - before >= some, { everyMs: 5 });
  });
  await bench.set({ 'capeai.enabled': 'off', 'pg_stat_statements.track': 'none' });
  const done = (await ended()) - before;
  const [claim] = await bench.query(`SELECT sum(total_exec_time) * 1000 / sum(rows) AS us FROM pg_stat_statements
    WHERE query LIKE '%claimed AS (%' AND query NOT LIKE '%pg_stat_statements%'`);
  return { claim_us: claim.us, tasks_per_s: done / wall, cpu_ms_per_task: (cpu / done) * 1000 };
}

async function withOldSnapshot(bench, run) {
  const other = bench.newClient();
  await other.connect();
  try {
    await other.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await other.query('SELECT count(*) FROM pg_class');
    return await run();
  } finally {
    await other.end();
  }
}

export default {
  title: 'Backlog: what a claim costs per task, and throughput with an old snapshot open',
  once: true,
  columns: [['claim_us', 'claim µs/task'], ['tasks_per_s', 'tasks/s'], ['cpu_ms_per_task', 'CPU ms/task']],

  subjects(bench) {
    const large = bench.size(1000000, 20000), many = bench.size(200000, 5000);
    const all = () => drain(bench, { inputs: inputs(many), maxInFlight: 1000 });
    return [
      { name: '1,000 queued', run: () => claimCost(bench, { queued: 1000 }) },
      { name: 'a tenth of the most queued', run: () => claimCost(bench, { queued: large / 10 }) },
      { name: 'most queued (1,000,000)', run: () => claimCost(bench, { queued: large }) },
      { name: 'with finished ones (5,000,000)', run: () =>
        claimCost(bench, { queued: large / 10, finished: bench.size(5000000, 50000) }) },
      { name: 'all of 200,000', run: all },
      // TRUNCATE waits for no snapshot, but the snapshot must be older than the rows.
      { name: 'all of 200,000, old snapshot open', run: () => withOldSnapshot(bench, all) },
    ];
  },

  judge(median) {
    const least = median['1,000 queued'].claim_us;
    return [
      ...['a tenth of the most queued', 'most queued (1,000,000)', 'with finished ones (5,000,000)'].map((name) =>
        atMost(`claim, ${name}, times that of 1,000`, median[name].claim_us / least, 1.5)),
      atLeast('throughput with an old snapshot open, of that without',
        median['all of 200,000, old snapshot open'].tasks_per_s / median['all of 200,000'].tasks_per_s, 0.5)];
  },
};
