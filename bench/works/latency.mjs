// One task on an idle system: from the commit of its submit to the request at the model.
import { atMost } from '../lib/judge.mjs';
import { quantile } from '../lib/stats.mjs';

const SUBMIT = "SELECT capeai_submit_task('chat', jsonb_build_object('query', '[[tag:' || $1::text || ']] Hello'))";

export default {
  title: 'One task on an idle system: submit committed → request at the model',
  columns: [['median_ms', 'median ms'], ['p99_ms', 'p99 ms'], ['from_sent_ms', 'median ms from sending the submit'],
    ['submit_ms', 'submit itself ms'], ['flush_ms', 'one WAL flush ms']],

  subjects(bench) {
    return [{ name: 'capeai', run: async () => {
      await bench.set({ 'capeai.enabled': 'on' });
      await bench.clean();
      const count = bench.size(500, 50);
      const samples = await bench.program('probe', [bench.conninfo, count, 20, SUBMIT]);
      await bench.until('all requests', async () => (await bench.mock.report()).requests >= count);
      const arrived = new Map((await bench.mock.requests(count)).map((r) => [r.tag, r.arrived_us]));
      const after = samples.map(([tag, , answered]) => (arrived.get(tag) - answered) / 1000);
      return { median_ms: quantile(after, 0.5), p99_ms: quantile(after, 0.99),
        from_sent_ms: quantile(samples.map(([tag, sent]) => (arrived.get(tag) - sent) / 1000), 0.5),
        submit_ms: quantile(samples.map(([, sent, answered]) => (answered - sent) / 1000), 0.5),
        flush_ms: bench.flushMs };
    } }];
  },

  judge({ capeai }) {
    return [atMost('median', capeai.median_ms, 1 + capeai.flush_ms, ' ms'), atMost('p99', capeai.p99_ms, 10, ' ms')];
  },
};
