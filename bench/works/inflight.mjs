// All tasks at the model at once: waiting must cost neither time nor memory.
import { drain } from '../lib/capeai.mjs';
import { atMost } from '../lib/judge.mjs';
import { PEERS, drainPeer } from '../lib/peer.mjs';
import { inputs, questions } from '../lib/questions.mjs';

export default {
  title: '5,000 tasks with a model of 1 s, all in flight; 10,000 in one worker',
  script: 'latency=1000',
  columns: [['wall_s', 'wall s'], ['tasks_per_s', 'tasks/s'], ['cpu_s', 'CPU s'], ['kb_per_task', 'kB/task'],
    ['peak_rss_mb', 'peak MB'], ['mock_cpu_s', 'model CPU s']],
  chart: { metric: 'wall_s', unit: 'seconds (1 is ideal)' },

  subjects(bench) {
    const tasks = bench.size(5000, 500);
    return [
      { name: 'capeai', run: () => drain(bench, { inputs: inputs(tasks), maxInFlight: tasks }) },
      { name: 'capeai, twice as many', run: () => drain(bench, { inputs: inputs(2 * tasks), maxInFlight: 2 * tasks }) },
      ...PEERS.map((peer) => ({ name: peer.name,
        run: () => drainPeer(bench, peer, { questions: questions(tasks), inFlight: tasks }) })),
    ];
  },

  // The peers at their best took 2.25 s where 1.5 were asked for: two thirds, wherever the machine is slower.
  judge(median) {
    const fastest = Math.min(...PEERS.map((peer) => median[peer.name].wall_s));
    return [atMost('wall time of 5,000', median.capeai.wall_s, 1.5, ' s'),
      atMost('wall time of 5,000, of the fastest peer', median.capeai.wall_s / fastest, 1.5 / 2.25),
      atMost('memory per task, of 10,000', median['capeai, twice as many'].kb_per_task, 40, ' kB')];
  },
};
