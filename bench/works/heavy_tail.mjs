// Most answers are quick, some are very slow: whoever waits for a batch loses.
import { drain } from '../lib/capeai.mjs';
import { atLeast } from '../lib/judge.mjs';
import { PEERS, drainPeer } from '../lib/peer.mjs';
import { inputs, questions } from '../lib/questions.mjs';

export default {
  title: '2,000 tasks of 200 ms, every 50th of 10 s, at most 200 in flight',
  columns: [['tasks_per_s', 'tasks/s'], ['wall_s', 'wall s'], ['cpu_s', 'CPU s'], ['peak_rss_mb', 'peak MB']],
  chart: { metric: 'tasks_per_s', unit: 'tasks per second' },

  subjects(bench) {
    const tasks = bench.size(2000, 400), inFlight = bench.size(200, 100), slow = bench.size(10000, 1500);
    const script = `CASE WHEN i % 50 = 0 THEN '[[mock: latency=${slow}]]' ELSE '[[mock: latency=200]]' END`;
    return [
      { name: 'capeai', run: () => drain(bench, { inputs: inputs(tasks, script), maxInFlight: inFlight }) },
      ...PEERS.map((peer) => ({ name: peer.name,
        run: () => drainPeer(bench, peer, { questions: questions(tasks, script), inFlight }) })),
    ];
  },

  judge(median) {
    return PEERS.filter(({ program }) => program === 'graphile').map(({ name }) => atLeast(`times ${name}`, median.capeai.tasks_per_s / median[name].tasks_per_s, 1.1));
  },
};
