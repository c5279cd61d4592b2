// A thousand questions in one SQL statement, the model takes 1 s for each.
import { atMost } from '../lib/judge.mjs';
import { now } from '../lib/bench.mjs';

const QUESTIONS = "ARRAY(SELECT 'Question ' || i || ' about backups' FROM generate_series(1, $1::int) AS i)";

async function ask(bench, count, agent) {
  await bench.set({ 'capeai.enabled': 'on', 'capeai.max_in_flight': Math.max(1000, count) });
  const start = now();
  const [{ answers, errors }] = await bench.query(`SELECT count(*) FILTER (WHERE error_code IS NULL)::int AS answers,
      min(error_message) AS errors FROM capeai_ask_many(${QUESTIONS}, agent => $2)`, [count, agent]);
  const wall = now() - start;
  if (answers !== count) throw new Error(`${answers} of ${count} answered: ${errors}`);
  return { wall_s: wall };
}

async function withPassages(bench, count) {
  await bench.query(`SELECT capeai_remove_document(id) FROM capeai.documents`);
  await bench.query(`SELECT count(capeai_add_document('Page ' || i, 'Part ' || i || ' about backups, number ' || i * 7
      || ': they are taken every night, and restored with the restore command.')) FROM generate_series(1, $1::int) AS i`,
  [count]);
}

export default {
  title: 'capeai_ask_many of 1,000 questions in one statement, model of 1 s (one after the other: 1,000 s)',
  script: 'latency=1000',
  columns: [['wall_s', 'wall s']],
  skip: async (bench) => (await bench.hasFunction('capeai_ask_many') ? '' : 'capeai_ask_many does not exist in this build'),

  subjects(bench) {
    const count = bench.size(1000, 100);
    const guide = (passages) => ({ name: `the Guide, ${passages.toLocaleString('en-US')} passages`, run: async () => {
      await withPassages(bench, passages);
      return ask(bench, count, 'cape-ai-guide');
    } });
    return [{ name: 'agent chat', run: () => ask(bench, count, 'chat') }, guide(bench.size(1000, 100)),
      ...(bench.quick ? [] : [guide(100000)])];
  },

  judge: (median) => [atMost('agent chat', median['agent chat'].wall_s, 2, ' s')],
};
