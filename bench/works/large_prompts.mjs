// What a byte costs: prompts of 10 kB, quotation marks, line ends and accents among them, and answers of 2,000 tokens.
import { drain } from '../lib/capeai.mjs';
import { atLeast, atMost } from '../lib/judge.mjs';
import { PEERS, drainPeer } from '../lib/peer.mjs';

const tuned = PEERS.filter((peer) => peer.mode === 'tuned');

const questions = (count) => `SELECT 'Question ' || i || E':\\n' || (
    SELECT string_agg(md5(i::text || j) || CASE WHEN j % 5 = 0 THEN E'\\n' ELSE ' "é" ' END, '')
    FROM generate_series(1, 240) AS g (j)) AS question
  FROM generate_series(1, ${count}) AS g (i) ORDER BY i`;

export default {
  title: '2,000 tasks with prompts of 10 kB and answers of 2,000 tokens, model without latency',
  script: 'tokens=2000',
  columns: [['tasks_per_s', 'tasks/s'], ['cpu_ms_per_task', 'CPU ms/task'], ['wall_s', 'wall s'], ['cpu_s', 'CPU s'],
    ['mock_cpu_s', 'model CPU s'], ['peak_rss_mb', 'peak MB']],
  chart: { metric: 'tasks_per_s', unit: 'tasks per second' },

  subjects(bench) {
    const tasks = bench.size(2000, 200);
    const inputs = `SELECT jsonb_build_object('query', question) AS input FROM (${questions(tasks)}) AS q`;
    return [
      { name: 'capeai', run: () => drain(bench, { inputs, maxInFlight: 1000 }) },
      ...tuned.map((peer) => ({ name: peer.name,
        run: () => drainPeer(bench, peer, { questions: questions(tasks), inFlight: 200 }) })),
    ];
  },

  judge(median) {
    const { tasks_per_s: rate, cpu_ms_per_task: cpu } = median.capeai;
    return tuned.flatMap(({ name }) => [
      atLeast(`times ${name}`, rate / median[name].tasks_per_s, 1.5),
      atMost(`CPU per task, of ${name}`, cpu / median[name].cpu_ms_per_task, 0.6)]);
  },
};
