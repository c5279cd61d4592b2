// What every peer's application does with a task, whatever queue brings it: ask
// the model, then write the task, a run and an audit row, and notify. Two forms:
// one transaction per job, and many jobs in one statement.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { Agent, request } from 'undici';

export const config = JSON.parse(process.argv[2]);
export const tuned = config.mode === 'tuned';

// The tuned form batches, so few do; otherwise each transaction under way has one.
export const pool = new pg.Pool({ ...config.connection, max: tuned ? 4 : 16 });

pool.on('error', (error) => console.error(error));
pool.on('connect', (client) => client.on('error', (error) => console.error(error)));

const agent = new Agent({ connections: config.inFlight, pipelining: 1, keepAliveTimeout: 60_000,
  headersTimeout: 300_000, bodyTimeout: 300_000 });
const headers = { 'content-type': 'application/json', authorization: 'Bearer sk-test' };

// One question to the model: { text, model, usage }.
export async function ask(question) {
  const reply = await request(`${config.url}/v1/chat/completions`, { method: 'POST', headers, dispatcher: agent,
    body: JSON.stringify({ model: 'mock', messages: [{ role: 'user', content: question }] }) });
  const body = await reply.body.json();
  if (reply.statusCode !== 200) throw new Error(`model: ${reply.statusCode}`);
  return { text: body.choices[0].message.content, model: body.model, usage: body.usage };
}

// Fresh tables with one row per question; the rows { id, question } in order.
export async function createTasks() {
  await pool.query(readFileSync(new URL('app.sql', import.meta.url), 'utf8'));
  await pool.query(`INSERT INTO app.tasks (ordinal, input_data)
    SELECT row_number() OVER (), jsonb_build_object('query', question) FROM (${config.questions}) AS q`);
  await pool.query("INSERT INTO app.audit_events (event_type, task_id) SELECT 'submitted', id FROM app.tasks");
  const { rows } = await pool.query("SELECT id, input_data->>'query' AS question FROM app.tasks ORDER BY ordinal");
  return rows;
}

const channelOf = (id) => `task_${id.replaceAll('-', '')}`;
const payloadOf = (id) => JSON.stringify({ task: id, event: 'succeeded', progress: 100 });

// The documented form: a transaction of its own for each job.
export async function record({ id, startedAt, answer }) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query({ name: 'task', text: `UPDATE app.tasks SET status = 'succeeded', output_data = $2, model = $3,
        prompt_tokens = $4, completion_tokens = $5, started_at = $6, updated_at = now(), completed_at = now()
      WHERE id = $1`, values: [id, JSON.stringify({ response: answer.text }), answer.model,
      answer.usage.prompt_tokens, answer.usage.completion_tokens, startedAt] });
    await client.query({ name: 'run', text: `INSERT INTO app.runs (task_id, attempt, step_number, step_name, status,
        output_data, started_at, completed_at) VALUES ($1, 1, 1, 'generate_response', 'succeeded', $2, $3, now())`,
    values: [id, JSON.stringify({ raw_text: answer.text, usage: answer.usage }), startedAt] });
    await client.query({ name: 'audit', text: `INSERT INTO app.audit_events (event_type, task_id, event_data)
        VALUES ('succeeded', $1, '{"attempt": 1}')`, values: [id] });
    await client.query({ name: 'notify', text: 'SELECT pg_notify($1, $2)', values: [channelOf(id), payloadOf(id)] });
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

const RECORD_MANY = `WITH e AS (
    SELECT * FROM unnest($1::uuid[], $2::jsonb[], $3::text[], $4::int8[], $5::int8[], $6::timestamptz[], $7::jsonb[])
      AS e (id, output, model, prompt, completion, started, step)
  ), moved AS (
    UPDATE app.tasks t SET status = 'succeeded', output_data = e.output, model = e.model, prompt_tokens = e.prompt,
        completion_tokens = e.completion, started_at = e.started, updated_at = now(), completed_at = now()
    FROM e WHERE t.id = e.id
  ), stepped AS (
    INSERT INTO app.runs (task_id, attempt, step_number, step_name, status, output_data, started_at, completed_at)
    SELECT id, 1, 1, 'generate_response', 'succeeded', step, started, now() FROM e
  )
  INSERT INTO app.audit_events (event_type, task_id, event_data) SELECT 'succeeded', id, '{"attempt": 1}' FROM e`;
const NOTIFY_MANY = 'SELECT count(pg_notify(c, p)) FROM unnest($1::text[], $2::text[]) AS n (c, p)';

// The tuned form: one statement for all, and one for the notifications, which
// need not be durable and would cost the writes their group commit.
export async function recordMany(jobs) {
  const client = await pool.connect();
  try {
    await client.query({ name: 'record_many', text: RECORD_MANY, values: [
      jobs.map((job) => job.id), jobs.map((job) => JSON.stringify({ response: job.answer.text })),
      jobs.map((job) => job.answer.model), jobs.map((job) => job.answer.usage.prompt_tokens),
      jobs.map((job) => job.answer.usage.completion_tokens), jobs.map((job) => job.startedAt),
      jobs.map((job) => JSON.stringify({ raw_text: job.answer.text, usage: job.answer.usage }))] });
    await client.query({ name: 'notify_many', text: NOTIFY_MANY,
      values: [jobs.map((job) => channelOf(job.id)), jobs.map((job) => payloadOf(job.id))] });
  } finally {
    client.release();
  }
}

// Collects jobs for recordMany: up to `size`, or what came while a write was under way. Resolves when written.
export class Batcher {
  #waiting = [];
  #writing = 0;

  constructor({ size = 250, writers = 2, write = recordMany } = {}) {
    Object.assign(this, { size, writers, write });
  }

  add(job) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#next());
      else if (this.#waiting.length >= this.size) this.#next();
    });
  }

  async #next() {
    if (this.#writing >= this.writers || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, this.size);
    this.#writing += 1;
    try {
      await this.write(batch.map((entry) => entry.job));
      for (const entry of batch) entry.resolve();
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    } finally {
      this.#writing -= 1;
      this.#next();
    }
  }
}

export const say = (word) => process.stdout.write(`${word}\n`);

// Prepares, waits for "go", drains, says "done", ends with standard input.
export async function main({ prepare, drain, stop }) {
  const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const state = await prepare(await createTasks());
  say('ready');
  if ((await input.next()).value !== 'go') return process.exit(0);
  await drain(state);
  say('done');
  await input.next();
  await stop(state);
  await Promise.all([pool.end(), agent.close()]);
  process.exit(0);
}
