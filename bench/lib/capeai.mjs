// capeai as a subject: a filled queue, run until it is empty.
import { peakOf, privateOf, peakWhile, resetPeak } from './proc.mjs';

// inputs: SQL that yields one jsonb per task, named input, in order.
export async function fill(bench, inputs, stream) {
  await bench.set({ 'capeai.enabled': 'off' });
  await bench.clean();
  return bench.value(`SELECT count(*)::int FROM (SELECT capeai_submit_tasks('chat',
      ARRAY(SELECT input FROM (${inputs}) AS i), stream => $1)) AS s`, [stream]);
}

// Submits tasks while the worker is off, turns it on, and measures until the last
// one has ended. What it wrote is counted afterwards; a task that did not succeed is an error.
export async function drain(bench, { inputs, maxInFlight, stream = false }) {
  await bench.set({ 'capeai.max_in_flight': maxInFlight });
  const tasks = await fill(bench, inputs, stream);
  await bench.query('CHECKPOINT');
  const pid = await bench.workerPid();
  const worker = async () => {
    const w = await bench.worker();
    return { ended: Number(w.succeeded) + Number(w.failed) + Number(w.cancelled), retried: Number(w.retried),
      transactions: Number(w.transactions), requests: Number(w.requests) };
  };
  const before = await worker();
  resetPeak(pid);
  const base = privateOf(pid);
  // Looked at rarely: each look is a statement, and peers are not looked at meanwhile.
  const { result, wall, cpu, mockCpu } = await bench.measure(() => peakWhile(() => privateOf(pid), async () => {
    await bench.set({ 'capeai.enabled': 'on' });
    await bench.until('the queue to be empty', async () => (await worker()).ended - before.ended >= tasks);
  }));
  const after = await worker();
  const [written] = await bench.query(`SELECT (SELECT count(*)::int FROM capeai.tasks WHERE status = 'succeeded') AS tasks,
      (SELECT count(*)::int FROM capeai.runs) AS runs,
      (SELECT count(*)::int FROM capeai.audit_events WHERE event_type = 'succeeded') AS audit`);
  if (written.tasks !== tasks || written.runs < tasks || written.audit !== tasks) {
    throw new Error(`capeai: ${tasks} tasks, but it wrote ${JSON.stringify(written)}`);
  }
  return { tasks, wall_s: wall, tasks_per_s: tasks / wall, cpu_s: cpu, cpu_ms_per_task: (cpu / tasks) * 1000,
    mock_cpu_s: mockCpu, peak_rss_mb: peakOf(pid) / 1024, kb_per_task: (result.peak - base) / tasks,
    retried: after.retried - before.retried, transactions: after.transactions - before.transactions,
    connections: (await bench.mock.report()).connections_opened };
}
