// graphile-worker. Documented: its defaults but for concurrency and pool size, one
// transaction per job. Tuned: local queue, batched completion, batched writes.
import { EventEmitter } from 'node:events';
import { Logger, run, runMigrations } from 'graphile-worker';
import { Batcher, ask, config, main, pool, record, tuned } from './app.mjs';

const quiet = new Logger(() => (level, message) => { if (level === 'error') console.error(message); });
const batcher = new Batcher();

async function handle({ id, question }) {
  const startedAt = new Date();
  const job = { id, startedAt, answer: await ask(question) };
  await (tuned ? batcher.add(job) : record(job));
}

const size = Math.max(config.inFlight, 500);
const preset = tuned
  ? { worker: { localQueue: { size }, completeJobBatchDelay: 0, failJobBatchDelay: 0, pollInterval: 200 } } : {};

async function prepare(tasks) {
  await pool.query('DROP SCHEMA IF EXISTS graphile_worker CASCADE');
  await runMigrations({ pgPool: pool, logger: quiet });
  await pool.query(`SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(
      SELECT ROW('chat', json_build_object('id', t.id, 'question', t.input_data->>'query'), NULL, NULL, NULL, NULL,
                 NULL, NULL)::graphile_worker.job_spec
      FROM app.tasks t ORDER BY t.ordinal))`);
  return { left: tasks.length };
}

async function drain(state) {
  const events = new EventEmitter();
  const empty = new Promise((done) => {
    events.on('job:success', () => { if (--state.left === 0) done(); });
    events.on('job:error', ({ error }) => { console.error(error); process.exit(1); });
  });
  state.runner = await run({ preset, pgPool: pool, concurrency: config.inFlight, events, logger: quiet,
    noHandleSignals: true, ...(tuned ? {} : { pollInterval: 200 }), taskList: { chat: handle } });
  await empty;
  for (;;) {
    const { rows } = await pool.query('SELECT EXISTS (SELECT FROM graphile_worker._private_jobs) AS some');
    if (!rows[0].some) return;
    await new Promise((done) => setTimeout(done, 2));
  }
}

await main({ prepare, drain, stop: (state) => state.runner.stop() });
