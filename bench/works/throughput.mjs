// Many queued tasks, a model that answers at once: what a task costs.
import { drain } from '../lib/capeai.mjs';
import { atLeast, atMost } from '../lib/judge.mjs';
import { PEERS, drainPeer } from '../lib/peer.mjs';
import { inputs, questions } from '../lib/questions.mjs';

export default {
  title: '10,000 queued tasks, model without latency',
  columns: [['tasks_per_s', 'tasks/s'], ['cpu_ms_per_task', 'CPU ms/task'], ['wall_s', 'wall s'], ['cpu_s', 'CPU s'],
    ['mock_cpu_s', 'model CPU s'], ['peak_rss_mb', 'peak MB']],
  chart: { metric: 'tasks_per_s', unit: 'tasks per second' },

  subjects(bench) {
    const tasks = bench.size(10000, 2000);
    const limit = async () => {
      const out = await bench.program('curl_loop', [`${bench.mock.url}/v1/chat/completions`, tasks, 100]);
      return { tasks_per_s: tasks / out.wall_s, cpu_ms_per_task: (out.cpu_s / tasks) * 1000, ...out };
    };
    return [
      { name: 'capeai', run: () => drain(bench, { inputs: inputs(tasks), maxInFlight: 1000 }) },
      ...PEERS.map((peer) => ({ name: peer.name,
        run: () => drainPeer(bench, peer, { questions: questions(tasks), inFlight: 200 }) })),
      { name: 'curl_multi alone (no database)', run: limit },
    ];
  },

  judge(median) {
    const { tasks_per_s: rate, cpu_ms_per_task: cpu } = median.capeai;
    return PEERS.flatMap(({ name, mode }) => [
      atLeast(`times ${name}`, rate / median[name].tasks_per_s, mode === 'tuned' ? 1.5 : 5),
      ...(mode === 'tuned' ? [atMost(`CPU per task, of ${name}`, cpu / median[name].cpu_ms_per_task, 0.6)] : []),
    ]);
  },
};
