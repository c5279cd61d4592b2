// Nothing to do: what it costs to be there.
import { sleep } from '../lib/bench.mjs';
import { atMost } from '../lib/judge.mjs';
import { cpuOf } from '../lib/proc.mjs';

export default {
  title: 'Idle: one served database, nothing queued',
  once: true,
  columns: [['transactions', 'transactions in 30 s'], ['cpu_ms', 'CPU ms in 30 s (worker)'],
    ['launcher_cpu_ms', 'CPU ms in 30 s (launcher)']],

  subjects(bench) {
    return [{ name: 'capeai', run: async () => {
      await bench.set({ 'capeai.enabled': 'on' });
      await bench.clean();
      await sleep(bench.size(6000, 1000));
      const worker = await bench.workerPid();
      const launcher = await bench.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'capeai launcher'");
      const sample = async () => ({ transactions: Number((await bench.worker()).transactions), cpu: cpuOf(worker),
        launcher: launcher ? cpuOf(launcher) : 0 });
      const before = await sample();
      const seconds = bench.size(30, 10);
      await sleep(seconds * 1000);
      const after = await sample();
      const in30 = (metric) => ((after[metric] - before[metric]) * 30) / seconds;
      return { transactions: in30('transactions'), cpu_ms: in30('cpu') * 1000, launcher_cpu_ms: in30('launcher') * 1000 };
    } }];
  },

  judge: ({ capeai }) => [atMost('transactions in 30 s', capeai.transactions, 6),
    atMost('CPU in 30 s', capeai.cpu_ms + capeai.launcher_cpu_ms, 30, ' ms')],
};
