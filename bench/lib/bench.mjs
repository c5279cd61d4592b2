// What a work gets: the server, the mock, the worker, and how to measure a stretch of time.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import pg from 'pg';
import { Mock } from './mock.mjs';
import { cpuOf, cpuOfCluster } from './proc.mjs';

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const now = () => performance.now() / 1000;

export class Bench {
  constructor({ quick }) {
    this.quick = quick;
    this.folder = process.env.BENCH_FOLDER;
    this.connection = { host: this.folder, port: Number(process.env.BENCH_SERVER_PORT), user: 'postgres',
      database: 'postgres' };
    this.conninfo = `host=${this.folder} port=${this.connection.port} user=postgres dbname=postgres`;
    this.mock = new Mock(process.env.BENCH_MOCK_URL, Number(process.env.BENCH_MOCK_PID));
    this.client = new pg.Client(this.connection);
    // What one WAL flush costs here, in ms, by pg_test_fsync.
    this.flushMs = Number(/fdatasync.*?([\d.]+) usecs\/op/.exec(process.env.BENCH_FSYNC ?? '')?.[1] ?? 0) / 1000;
    // As root, the server's folder is another user's.
    this.postmaster = Number(readFileSync(`${this.folder}/data/postmaster.pid`, 'utf8').split('\n')[0]);
  }

  async open() {
    await this.client.connect();
    this.backend = await this.value('SELECT pg_backend_pid()');
    await this.query('CREATE EXTENSION IF NOT EXISTS capeai');
    await this.until('the worker', async () => (await this.workerPid()) !== undefined);
  }

  close() { return this.client.end(); }

  // Rows of a statement, on the driver's one connection.
  async query(sql, values) { return (await this.client.query(sql, values)).rows; }
  async value(sql, values) { return Object.values((await this.query(sql, values))[0] ?? {})[0]; }

  newClient() { return new pg.Client(this.connection); }

  // Small numbers while the harness is tried, real ones otherwise.
  size(full, quick) { return this.quick ? quick : full; }

  async until(what, condition, { seconds = 300, everyMs = 20 } = {}) {
    const end = now() + seconds;
    while (!(await condition())) {
      if (now() > end) throw new Error(`waited ${seconds} s for ${what}`);
      await sleep(everyMs);
    }
  }

  async workerPid() {
    return this.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'capeai worker' AND datname = 'postgres'");
  }

  async hasFunction(name) {
    return this.value('SELECT count(*)::int > 0 FROM pg_proc WHERE proname = $1', [name]);
  }

  // Changes settings of the running server (SIGHUP) and waits until they are seen.
  async set(settings) {
    for (const [name, value] of Object.entries(settings)) {
      await this.query(`ALTER SYSTEM SET ${name} = '${value}'`);
    }
    await this.query('SELECT pg_reload_conf()');
    for (const [name, value] of Object.entries(settings)) {
      await this.until(`${name} = ${value}`, async () =>
        (await this.value('SELECT current_setting($1) = $2', [name, String(value)])) === true, { everyMs: 1 });
    }
  }

  // The counters of this database's worker, from shared memory.
  async worker() {
    return (await this.query('SELECT * FROM capeai.stat_worker WHERE database = current_database()'))[0];
  }

  // No task is left of earlier measurements, and no checkpoint is due. The trail is append-only for everyone,
  // so its guards are lifted for a moment.
  async clean() {
    const guards = (state) => ['audit_events', 'audit_seals'].map((table) =>
      `ALTER TABLE capeai.${table} ${state} TRIGGER guard_audit`).join(';');
    await this.query(`BEGIN; ${guards('DISABLE')};
      TRUNCATE capeai.tasks, capeai.audit_events, capeai.audit_seals CASCADE; ${guards('ENABLE ALWAYS')}; COMMIT`);
    await this.query('CHECKPOINT');
  }

  // Runs fn; what it returned with wall seconds and CPU seconds: of the whole
  // cluster (worker and backends, but not the driver's own) and the other
  // processes; and of the mock beside them.
  async measure(fn, others = []) {
    const cpu = () => others.reduce((sum, pid) => sum + cpuOf(pid), 0) + cpuOfCluster(this.postmaster) -
      cpuOf(this.backend);
    const before = cpu(), mockBefore = cpuOf(this.mock.pid), start = now();
    const result = await fn();
    const wall = now() - start;
    return { result, wall, cpu: cpu() - before, mockCpu: cpuOf(this.mock.pid) - mockBefore };
  }

  // A program of build/bench, its last line as JSON.
  async program(name, args) {
    const { stdout } = await promisify(execFile)(`build/bench/${name}`, args.map(String),
      { maxBuffer: 256 * 1024 * 1024 });
    return JSON.parse(stdout.trim().split('\n').at(-1));
  }
}
