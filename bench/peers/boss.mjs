// pg-boss. Documented: work() with a batch, its jobs side by side, one transaction
// per job. Tuned: fetch() and complete() in loops of our own, as its manual offers
// for those who want more: fetches, writes and completions batched.
import PgBoss from 'pg-boss';
import { Batcher, ask, config, main, pool, record, recordMany, tuned } from './app.mjs';

const QUEUE = 'chat';
// Batches at the same time: one is written while the next is at the model.
const LOOPS = 4;

async function handle({ id, question }) {
  const startedAt = new Date();
  return { id, startedAt, answer: await ask(question) };
}

async function prepare(tasks) {
  await pool.query('DROP SCHEMA IF EXISTS pgboss CASCADE');
  const boss = new PgBoss({ ...config.connection, max: tuned ? 4 : 8, supervise: false, schedule: false });
  boss.on('error', (error) => { console.error(error); process.exit(1); });
  await boss.start();
  await boss.createQueue(QUEUE);
  for (let i = 0; i < tasks.length; i += 5000) {
    await boss.insert(tasks.slice(i, i + 5000).map(({ id, question }) => ({ name: QUEUE, data: { id, question } })));
  }
  await pool.query('ANALYZE pgboss.job');
  return { boss, left: tasks.length };
}

async function drainDocumented({ boss, left }) {
  const batchSize = Math.ceil(config.inFlight / LOOPS);
  const pollingIntervalSeconds = 0.5;
  for (let i = 0; i < LOOPS; ++i) {
    const worker = await boss.work(QUEUE, { batchSize, pollingIntervalSeconds }, async (jobs) => {
      await Promise.all(jobs.map(async (job) => record(await handle(job.data))));
      left -= jobs.length;
      boss.notifyWorker(worker);   // else it fetches again only after the rest of the interval
    });
  }
  while (left > 0) await new Promise((done) => setTimeout(done, 2));
}

// Jobs are fetched whenever a quarter of the places is free, and each job goes its own way to the batched write.
async function drainTuned({ boss, left }) {
  const batch = Math.ceil(config.inFlight / LOOPS);
  const writer = new Batcher({ write: async (jobs) => {
    await recordMany(jobs);
    await boss.complete(QUEUE, jobs.map((job) => job.job));
  } });
  let running = 0, fetching = false;
  await new Promise((done, fail) => {
    const next = async () => {
      if (fetching || config.inFlight - running < batch) return;
      fetching = true;
      const jobs = await boss.fetch(QUEUE, { batchSize: Math.min(config.inFlight - running, 1000) });
      fetching = false;
      running += jobs.length;
      for (const job of jobs) {
        handle(job.data).then((result) => writer.add({ ...result, job: job.id })).then(() => {
          running -= 1;
          left -= 1;
          if (left === 0) done();
          else next().catch(fail);
        }, fail);
      }
      if (jobs.length > 0) next().catch(fail);
    };
    next().catch(fail);
  });
}

async function drain(state) {
  await (tuned ? drainTuned(state) : drainDocumented(state));
  for (;;) {
    const { rows } = await pool.query("SELECT EXISTS (SELECT FROM pgboss.job WHERE state < 'completed') AS some");
    if (!rows[0].some) return;
    await new Promise((ready) => setTimeout(ready, 5));
  }
}

await main({ prepare, drain, stop: ({ boss }) => boss.stop({ graceful: false, wait: false }) });
