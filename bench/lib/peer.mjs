// A peer as a subject: one Node process that drains a queue (bench/peers/), the
// same number of the same questions. The protocol is a line of text: it says
// "ready" when its queue is filled, is told "go", and says "done".
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { peakOf } from './proc.mjs';

export const PEERS = [
  { name: 'graphile-worker, as documented', program: 'graphile', mode: 'documented' },
  { name: 'graphile-worker, hand-tuned', program: 'graphile', mode: 'tuned' },
  { name: 'pg-boss, as documented', program: 'boss', mode: 'documented' },
  { name: 'pg-boss, hand-tuned', program: 'boss', mode: 'tuned' },
];

class Child {
  constructor(program, config) {
    this.process = spawn(process.execPath, [`bench/peers/${program}.mjs`, JSON.stringify(config)],
      { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, NODE_ENV: 'production' } });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  get pid() { return this.process.pid; }

  async expect(word) {
    const { value, done } = await this.lines.next();
    if (done || value !== word) throw new Error(`peer said ${value ?? 'nothing'} instead of ${word}`);
  }

  tell(word) { this.process.stdin.write(`${word}\n`); }

  async end() {
    this.process.stdin.end();
    if (this.process.exitCode === null) await new Promise((done) => this.process.once('exit', done));
  }
}

// questions: SQL that yields one text per task, named question, in order. inFlight: how many at most at the model.
export async function drainPeer(bench, peer, { questions, inFlight }) {
  const child = new Child(peer.program, { mode: peer.mode, questions, inFlight, connection: bench.connection,
    url: bench.mock.url });
  try {
    await child.expect('ready');
    await bench.query('CHECKPOINT');
    const { wall, cpu, mockCpu } = await bench.measure(async () => {
      child.tell('go');
      await child.expect('done');
    }, [child.pid]);
    const peak = peakOf(child.pid);
    const [written] = await bench.query(`SELECT (SELECT count(*)::int FROM app.tasks) AS all,
        (SELECT count(*)::int FROM app.tasks WHERE status = 'succeeded') AS tasks,
        (SELECT count(*)::int FROM app.runs) AS runs,
        (SELECT count(*)::int FROM app.audit_events WHERE event_type = 'succeeded') AS audit`);
    const tasks = written.all;
    if (written.tasks !== tasks || written.runs !== tasks || written.audit !== tasks) {
      throw new Error(`${peer.name}: ${JSON.stringify(written)}`);
    }
    return { tasks, wall_s: wall, tasks_per_s: tasks / wall, cpu_s: cpu, cpu_ms_per_task: (cpu / tasks) * 1000,
      mock_cpu_s: mockCpu, peak_rss_mb: peak / 1024 };
  } finally {
    await child.end();
  }
}
