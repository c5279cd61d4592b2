// What a submit costs over the rows that it writes.
import { now } from '../lib/bench.mjs';
import { atLeast, atMost } from '../lib/judge.mjs';
import { inputs } from '../lib/questions.mjs';
import { quantile } from '../lib/stats.mjs';

async function timed(bench, count, sql) {
  const start = now();
  await bench.query(sql);
  const wall = now() - start;
  return { wall_s: wall, tasks_per_s: count / wall };
}

async function prepare(bench) {
  await bench.set({ 'capeai.enabled': 'off' });
  await bench.clean();
  // An agent without input schema, for the single submit.
  await bench.query(`SELECT capeai_create_agent(manifest - 'input_schema' || '{"slug": "bench-plain"}')
    FROM capeai.agent_versions AS v JOIN capeai.agents AS a ON a.id = v.agent_id
    WHERE a.slug = 'chat' AND v.status = 'published'
      AND NOT EXISTS (SELECT FROM capeai.agents WHERE slug = 'bench-plain')`);
}

// Single statements without waiting for the disk, which would be most of the time and all of the noise.
async function single(bench, sql) {
  const options = `${bench.conninfo} options='-c synchronous_commit=off -c client_min_messages=error'`;
  await bench.program('probe', [options, 50, 0, sql]);
  const samples = await bench.program('probe', [options, bench.size(5000, 500), 0, sql]);
  return { median_us: quantile(samples.map(([, sent, answered]) => answered - sent), 0.5) };
}

const SUBMIT = `SELECT capeai_submit_task('bench-plain', '{"query": "Question about backups"}')`;

// The rows of one submit as a statement with literals, new ids apart.
async function plainInsert(bench) {
  await bench.query('BEGIN');
  await bench.query(SUBMIT);
  const literals = async (table, skip) => {
    const [{ columns, values }] = await bench.query(`
      SELECT string_agg(quote_ident(key), ', ') AS columns,
             string_agg(quote_nullable(value) || '::' || format_type(a.atttypid, a.atttypmod), ', ') AS values
      FROM (SELECT * FROM ${table} LIMIT 1) AS r, jsonb_each_text(to_jsonb(r)),
           LATERAL (SELECT atttypid, atttypmod FROM pg_attribute
                    WHERE attrelid = '${table}'::regclass AND attname = key) AS a
      WHERE value IS NOT NULL AND key <> ALL ($1)`, [skip]);
    return { columns, values };
  };
  const task = await literals('capeai.tasks', ['id']);
  const audit = await literals('capeai.audit_events', ['id', 'task_id']);
  await bench.query('ROLLBACK');
  return `WITH t AS (INSERT INTO capeai.tasks (id, ${task.columns}) VALUES (gen_random_uuid(), ${task.values}) RETURNING id)
    INSERT INTO capeai.audit_events (task_id, ${audit.columns}) SELECT t.id, ${audit.values} FROM t RETURNING task_id`;
}

export default {
  title: 'Enqueue: capeai_submit_tasks of 100,000 and a single submit, against plain INSERTs of the same rows',
  columns: [['tasks_per_s', 'tasks/s'], ['wall_s', 'wall s'], ['median_us', 'median µs (one)']],

  subjects(bench) {
    const count = bench.size(100000, 5000);
    const submit = `SELECT count(*) FROM (SELECT capeai_submit_tasks('chat', ARRAY(${inputs(count)}))) AS s`;
    return [
      { name: 'capeai_submit_tasks', run: async () => {
        await prepare(bench);
        const out = await timed(bench, count, submit);
        await bench.query('DROP TABLE IF EXISTS same_tasks');
        await bench.query('CREATE TABLE same_tasks AS SELECT * FROM capeai.tasks');
        return out;
      } },
      { name: 'INSERT … SELECT of the same tasks', run: async () => {
        await prepare(bench);
        return timed(bench, count, 'INSERT INTO capeai.tasks SELECT * FROM same_tasks');
      } },
      { name: 'capeai_submit_task', run: async () => { await prepare(bench); return single(bench, SUBMIT); } },
      { name: 'INSERT of the same two rows', run: async () => {
        await prepare(bench);
        return single(bench, await plainInsert(bench));
      } },
    ];
  },

  judge(median) {
    return [atLeast('rate, of INSERT … SELECT', median.capeai_submit_tasks.tasks_per_s /
        median['INSERT … SELECT of the same tasks'].tasks_per_s, 0.6),
    atMost('a single submit over its INSERT', median.capeai_submit_task.median_us -
        median['INSERT of the same two rows'].median_us, 100, ' µs')];
  },
};
