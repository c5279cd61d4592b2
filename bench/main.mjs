// The driver: runs works, all subjects of a work in turn, round by round, and
// keeps medians. bench/run starts it with a server and a mock ready.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Bench } from './lib/bench.mjs';
import { machine } from './lib/proc.mjs';
import { medians } from './lib/stats.mjs';
import { table } from './lib/table.mjs';

const WORKS = readdirSync(new URL('works', import.meta.url)).filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -4)).sort();

const { values: options, positionals } = parseArgs({ allowPositionals: true, options: {
  quick: { type: 'boolean', default: false }, rounds: { type: 'string' }, only: { type: 'string' },
  list: { type: 'boolean', default: false } } });

async function load(name) {
  if (!WORKS.includes(name)) throw new Error(`no work ${name}; there are: ${WORKS.join(', ')}`);
  return { name, ...(await import(`./works/${name}.mjs`)).default };
}

function versions(postgres) {
  const dependencies = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')).dependencies;
  const control = readFileSync('capeai.control', 'utf8');
  return { capeai: /default_version *= *'(.*)'/.exec(control)[1], postgres, node: process.version, ...dependencies,
    curl: execFileSync('curl-config', ['--version'], { encoding: 'utf8' }).trim().split(' ')[1] };
}

async function environment(bench) {
  const settings = readFileSync(new URL('postgresql.conf', import.meta.url), 'utf8').split('\n')
    .filter((line) => line && !line.startsWith('#'));
  return { machine: machine(), versions: versions(await bench.value('SHOW server_version')), settings,
    fsync: process.env.BENCH_FSYNC ?? '', date: new Date().toISOString().slice(0, 10),
    load_before: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]) };
}

// All subjects in turn, round by round: { subject: [measures, …] }.
async function rounds(bench, work, count) {
  const samples = {};
  for (let round = 1; round <= count; ++round) {
    for (const subject of await work.subjects(bench)) {
      if (options.only && !subject.name.includes(options.only)) continue;
      process.stderr.write(`${work.name} ${round}/${count}  ${subject.name} … `);
      await bench.mock.script(subject.script ?? work.script);
      const measured = await subject.run();
      process.stderr.write(`${JSON.stringify(measured, (key, v) => (typeof v === 'number' ? Number(v.toPrecision(4)) : v))}\n`);
      (samples[subject.name] ??= []).push(measured);
    }
  }
  return samples;
}

async function measure(bench, work) {
  const reason = await work.skip?.(bench);
  if (reason) return { skipped: reason };
  const count = work.once ? 1 : Number(options.rounds ?? (options.quick ? 1 : 5));
  const samples = await rounds(bench, work, count);
  const median = Object.fromEntries(Object.entries(samples).map(([name, list]) => [name, medians(list)]));
  return { rounds: count, samples, median, judged: options.only ? [] : work.judge?.(median, bench) ?? [] };
}

function print(work, result) {
  console.log(`\n${work.title}`);
  if (result.skipped) {
    console.log(`  not measured: ${result.skipped}`);
    return;
  }
  console.log(table(result.median, work.columns));
  for (const line of result.judged) {
    console.log(`  ${line.ok ? 'reached ' : 'NOT YET '} ${line.what}: ${line.measured} (must be ${line.target})`);
  }
}

const names = positionals.length ? positionals : WORKS;
const works = await Promise.all(names.map(load));
if (options.list) {
  for (const work of works) console.log(`${work.name.padEnd(12)} ${work.title}`);
  process.exit(0);
}
const bench = new Bench({ quick: options.quick });
await bench.open();
let failures = 0;
try {
  mkdirSync('build/bench', { recursive: true });
  const about = await environment(bench);
  for (const work of works) {
    try {
      const result = await measure(bench, work);
      print(work, result);
      const { name, title, columns, chart } = work;
      writeFileSync(`build/bench/${name}${options.quick || options.only ? '.trial' : ''}.json`,
        JSON.stringify({ name, title, columns, chart, ...about, ...result }, null, 1));
    } catch (error) {
      failures += 1;
      console.error(`\n${work.name} failed: ${error.stack}`);
    }
  }
} finally {
  await bench.close();
}
if (!options.quick && !options.only) console.log('\nResults are in build/bench/*.json; "make bench-docs" writes docs/benchmarks.md from them.');
process.exit(failures ? 1 : 0);
