// Ten times the load must not cost more per task.
import { drain } from '../lib/capeai.mjs';
import { atMost } from '../lib/judge.mjs';
import { inputs } from '../lib/questions.mjs';

export default {
  title: 'Growth: cost per task at ten times the load',
  columns: [['cpu_ms_per_task', 'CPU ms/task'], ['tasks_per_s', 'tasks/s'], ['peak_rss_mb', 'peak MB']],

  subjects(bench) {
    const queue = (tasks) => () => drain(bench, { inputs: inputs(tasks), maxInFlight: 1000 });
    const flight = (tasks) => () => drain(bench, { inputs: inputs(tasks), maxInFlight: tasks });
    return [
      { name: 'queued', run: queue(bench.size(10000, 1000)) },
      { name: 'queued, ten times', run: queue(bench.size(100000, 10000)) },
      { name: 'in flight', script: 'latency=1000', run: flight(bench.size(500, 100)) },
      { name: 'in flight, ten times', script: 'latency=1000', run: flight(bench.size(5000, 1000)) },
    ];
  },

  judge: (median) => ['queued', 'in flight'].map((name) => atMost(`${name}: CPU per task, times`,
    median[`${name}, ten times`].cpu_ms_per_task / median[name].cpu_ms_per_task, 1.2)),
};
