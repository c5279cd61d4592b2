// Many streams at once to a few listening sessions: order, delay, and what a neighbour notices; and what it
// notices of the same load without capeai, since the model's server and the listeners run here, too.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { now, sleep } from '../lib/bench.mjs';
import { atLeast, atMost } from '../lib/judge.mjs';
import { cpuOf } from '../lib/proc.mjs';
import { inputs } from '../lib/questions.mjs';
import { quantile } from '../lib/stats.mjs';

const SESSIONS = 10, CHUNK = 12, DELAY_MS = 20;

// Sessions that together listen to all tasks; every notification with its time goes to `heard`.
async function listen(bench, channels, heard) {
  const clients = [];
  for (let i = 0; i < SESSIONS; ++i) {
    const client = bench.newClient();
    await client.connect();
    client.on('notification', ({ payload }) => heard.push([Date.now(), payload]));
    const mine = channels.filter((_, j) => j % SESSIONS === i);
    await client.query(mine.map((channel) => `LISTEN ${channel}`).join('; '));
    clients.push(client);
  }
  return clients;
}

// pgbench held to a rate; its p95 latency in ms and the rate that it kept.
async function neighbour(bench, seconds, rate) {
  const folder = mkdtempSync(join(tmpdir(), 'capeai-pgbench.'));
  try {
    const { stdout } = await promisify(execFile)(`${process.env.BENCH_PG_BIN}/pgbench`, ['-h', bench.folder,
      '-p', String(bench.connection.port), '-U', 'postgres', '-n', '-N', '-c', '4', '-T', String(seconds),
      '-R', String(rate), '-l', `--log-prefix=${folder}/log`, 'postgres']);
    // client, transaction, microseconds, script, epoch, microseconds, lag behind schedule
    const latencies = readdirSync(folder).flatMap((file) => readFileSync(join(folder, file), 'utf8').trim().split('\n'))
      .map((line) => line.split(' ').map(Number)).map((fields) => fields[2] / 1000);
    return { rate: Number(/tps = ([\d.]+)/.exec(stdout)[1]), p95_ms: quantile(latencies, 0.95) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// The same load without capeai: the same streams of the same model, read by a loop that does nothing with
// them, and a session that sends as many notifications as capeai did, in as few transactions, to the same
// listeners. How much that slows pgbench down is this machine's doing, whatever reads the streams.
async function floor(bench, { count, rate, seconds, channels, transactions, notifications, payload }) {
  const notifier = bench.newClient();
  await notifier.connect();
  await notifier.query('CREATE TEMP TABLE channels AS SELECT unnest($1::text[]) AS channel', [channels]);
  const end = now() + seconds, every = seconds / transactions;
  const reading = bench.program('curl_loop', [`${bench.mock.url}/v1/chat/completions`, count, count, 100, 'stream']);
  const notify = async () => {
    for (let due = now(); due < end; due += every) {
      await sleep(1000 * Math.max(0, due - now()));
      await notifier.query('SELECT count(pg_notify(channel, $1)) FROM (SELECT channel FROM channels LIMIT $2) AS c',
        [payload, Math.round(notifications / transactions)]);
    }
  };
  const [beside] = await Promise.all([neighbour(bench, seconds, rate), notify()]);
  await reading;
  await notifier.end();
  return beside;
}

// Runs fn; its result, and what each kind of process took meanwhile, in percent of one processor.
async function withCpu(processes, fn) {
  const seconds = () => Object.fromEntries(Object.entries(processes)
    .map(([name, pids]) => [`cpu_${name}`, pids.reduce((sum, pid) => sum + cpuOf(pid), 0)]));
  const before = seconds(), start = now();
  const result = await fn();
  const after = seconds(), wall = now() - start;
  return { result, cpu: Object.fromEntries(Object.entries(after)
    .map(([name, used]) => [name, (100 * (used - before[name])) / wall])) };
}

// The deltas of one task, checked: how far each was behind the chunk that completed
// it, in ms, twice: against the model's script (at most so much: the model may be late
// itself), and with its chunks evenly spread over the time that it really took.
function delays(events, { arrived_us: arrived, finished_us: finished }, expected) {
  const deltas = events.filter(([, event]) => event.event === 'delta');
  const out = [], chunks = Math.ceil(expected.length / CHUNK);
  let length = 0, seq = 0;
  for (const [, event] of events.filter(([, e]) => e.attempt === 1)) {
    if (event.seq !== seq + 1) throw new Error(`task ${event.task}: ${event.seq} came after ${seq}`);
    seq = event.seq;
  }
  for (const [at, event] of deltas) {
    length += event.text.length;
    const chunk = Math.ceil(length / CHUNK);
    out.push({ script: at - arrived / 1000 - (chunk - 1) * DELAY_MS,
      spread: at - (arrived + ((finished - arrived) * chunk) / chunks) / 1000 });
  }
  const text = deltas.map(([, event]) => event.text).join('');
  if (text !== expected) throw new Error(`the deltas are not the answer: ${text.length} of ${expected.length} characters`);
  return out;
}

async function stream(bench, count, rate) {
  await bench.set({ 'capeai.enabled': 'off', 'capeai.max_in_flight': count });
  await bench.clean();
  const tagged = inputs(count, "'[[tag:t' || i || ']] '");
  const tasks = await bench.query(`SELECT 't' || ordinal AS tag, task_id AS id, capeai_channel(task_id) AS channel
    FROM capeai_submit_tasks('chat', ARRAY(${tagged}), stream => true)`);
  const heard = [];
  const clients = await listen(bench, tasks.map((task) => task.channel), heard);
  const seconds = bench.size(10, 3);
  const alone = await neighbour(bench, seconds, rate);
  const processes = { worker: [await bench.workerPid()], model: [bench.mock.pid], driver: [process.pid],
    listeners: clients.map((client) => client.processID) };
  const before = Number((await bench.worker()).transactions);
  const start = now();
  await bench.set({ 'capeai.enabled': 'on' });
  const { result: beside, cpu } = await withCpu(processes, () => neighbour(bench, seconds, rate));
  await bench.until('all streams', async () =>
    (await bench.value("SELECT count(*)::int FROM capeai.tasks WHERE status = 'succeeded'")) === count, { everyMs: 50 });
  const wall = now() - start;
  const transactions = Number((await bench.worker()).transactions) - before;
  await bench.until('the last notification', () =>
    heard.filter(([, payload]) => payload.includes('"event":"succeeded"')).length === count, { seconds: 10 });

  const requests = new Map((await bench.mock.requests(count)).map((r) => [r.tag, r]));
  const texts = new Map((await bench.query("SELECT task_id, output_data->>'raw_text' AS text FROM capeai.runs"))
    .map((row) => [row.task_id, row.text]));
  const byTask = new Map(tasks.map((task) => [task.id, []]));
  for (const [at, payload] of heard) {
    const event = JSON.parse(payload);
    byTask.get(event.task).push([at, event]);
  }
  const behind = tasks.flatMap((task) =>
    delays(byTask.get(task.id), requests.get(task.tag), texts.get(task.id)));
  const late = tasks.map((task) => {
    const { arrived_us: arrived, finished_us: finished } = requests.get(task.tag);
    return (finished - arrived) / 1000 - Math.ceil(texts.get(task.id).length / CHUNK) * DELAY_MS;
  });
  const spread = behind.map((b) => b.spread);
  const share = seconds / wall;
  const least = await floor(bench, { count, rate, seconds, channels: tasks.map((task) => task.channel),
    transactions: transactions * share, notifications: heard.length * share, payload: heard.at(count)[1] });
  await Promise.all(clients.map((client) => client.end()));
  return { behind_ms: quantile(spread, 0.5), behind_p99_ms: quantile(spread, 0.99),
    behind_script_ms: quantile(behind.map((b) => b.script), 0.5), deltas: behind.length,
    model_late_ms: quantile(late, 0.5), transactions_per_s: transactions / wall, wall_s: wall,
    pgbench_p95_ms: beside.p95_ms, p95_times: beside.p95_ms / alone.p95_ms, rate_kept: beside.rate / alone.rate,
    floor_p95_ms: least.p95_ms, floor_times: least.p95_ms / alone.p95_ms, p95_times_floor: beside.p95_ms / least.p95_ms,
    ...cpu };
}

export default {
  title: `Streams: 1,000 at once, ${1000 / DELAY_MS} chunks a second each, ${SESSIONS} listening sessions`,
  once: true,
  // About as long as pgbench runs beside it.
  script: `delay=${DELAY_MS},chunk=${CHUNK},tokens=1200`,
  columns: [['behind_ms', 'median ms behind'], ['behind_p99_ms', 'p99 ms behind'],
    ['behind_script_ms', 'median behind its script'], ['transactions_per_s', 'transactions/s'],
    ['deltas', 'deltas'], ['model_late_ms', 'model late ms'], ['pgbench_p95_ms', 'pgbench p95 ms'],
    ['p95_times', 'p95 times'], ['rate_kept', 'rate kept'], ['floor_times', 'p95 times without capeai'],
    ['p95_times_floor', 'p95 over that'], ['cpu_worker', 'worker CPU %'], ['cpu_model', 'model CPU %'],
    ['cpu_listeners', 'listeners CPU %'], ['cpu_driver', 'driver CPU %']],

  subjects(bench) {
    return [{ name: 'capeai', run: async () => {
      await promisify(execFile)(`${process.env.BENCH_PG_BIN}/pgbench`, ['-h', bench.folder, '-p',
        String(bench.connection.port), '-U', 'postgres', '-i', '-q', '-s', '5', 'postgres']);
      return stream(bench, bench.size(1000, 50), bench.size(200, 50));
    } }];
  },

  judge: ({ capeai }) => [atMost('behind the model at the median', capeai.behind_ms, 100, ' ms'),
    atMost('transactions a second by the worker', capeai.transactions_per_s, 25),
    atLeast('rate of pgbench kept', capeai.rate_kept, 0.95), atMost('p95 of pgbench, times', capeai.p95_times, 1.5)],
};
