// docs/benchmarks.md and its charts, from what was measured last (build/bench/*.json).
// Measures nothing; figures of trials (--quick, --only) are not taken. Works that are not among them keep
// the section that the page has; each says when it was measured.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { barChart } from './lib/chart.mjs';
import { markdown } from './lib/table.mjs';

const ORDER = ['throughput', 'large_prompts', 'inflight', 'heavy_tail', 'latency', 'ask', 'ask_many', 'enqueue', 'backlog',
  'fairness', 'idle', 'streams', 'growth'];
const results = existsSync('build/bench') ? readdirSync('build/bench').filter((file) => /^[a-z_]+\.json$/.test(file))
  .map((file) => JSON.parse(readFileSync(`build/bench/${file}`, 'utf8')))
  .sort((a, b) => ORDER.indexOf(a.name) - ORDER.indexOf(b.name)) : [];
if (results.length === 0) {
  console.error('bench-docs: nothing is measured yet (make bench)');
  process.exit(1);
}

function head({ machine, versions, settings, fsync, date }) {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version.replace(/^v/, '')}`);
  return `# Benchmarks

Measured by \`make bench\` and written by \`make bench-docs\`; what each work does stands in
[bench/](../bench/README.md). Medians of the rounds; capeai and its peers take turns in one run, on the same
server, against the same mock of OpenAI. CPU is that of all server processes and of the peer's Node process, without the
mock. Of each peer there are two: *as documented* (one transaction per job: update the task, insert a run and an
audit row, NOTIFY) and *hand-tuned* (fetches, writes and completions batched).

- ${date}, ${machine.cpu}, ${machine.cores} processors, ${machine.memory_gb} GB, ${machine.system}, Linux ${machine.kernel}
- ${names.join(', ')}
- \`${settings.map((line) => line.replace(/ *#.*/, '')).join('`, `')}\`
- One WAL flush, by pg_test_fsync: \`${fsync.trim().replace(/ +/g, ' ') || 'not measured'}\`
- pg_net and pgsql-http: not measured, Debian has no package of them
`;
}

function section(result) {
  const title = `\n## ${result.title}\n`;
  if (result.skipped) return `${title}\nNot measured: ${result.skipped}.\n`;
  let chart = '';
  if (result.chart) {
    const { metric, unit } = result.chart;
    const values = Object.entries(result.median).map(([name, m]) => [name, m[metric]]).filter(([, v]) => Number.isFinite(v));
    writeFileSync(`docs/benchmarks/${result.name}.svg`, barChart(result.title, unit, values));
    chart = `\n![${result.title}: ${unit}](benchmarks/${result.name}.svg)\n`;
  }
  const judged = result.judged.map(({ what, measured, target, ok }) =>
    `- ${ok ? 'reached' : '**not reached**'}: ${what}: ${measured} (asked for: ${target})`);
  return `${title}\n\`make bench WORK=${result.name}\`, ${result.rounds} round${result.rounds > 1 ? 's' : ''}, ${result.date}\n` +
    `${chart}\n${markdown(result.median, result.columns)}\n${judged.length ? `\n${judged.join('\n')}\n` : ''}`;
}

// What the page has of works that are not measured anew: { work: section }.
function kept() {
  const page = existsSync('docs/benchmarks.md') ? readFileSync('docs/benchmarks.md', 'utf8') : '';
  const sections = page.split(/\n(?=## )/).slice(1).map((text) => [/make bench WORK=([a-z_]+)/.exec(text)?.[1], text]);
  return Object.fromEntries(sections.map(([name, text]) => [name, `\n${text.trimEnd()}\n`]));
}

mkdirSync('docs/benchmarks', { recursive: true });
const sections = { ...kept(), ...Object.fromEntries(results.map((result) => [result.name, section(result)])) };
writeFileSync('docs/benchmarks.md', head(results[0]) + ORDER.map((name) => sections[name] ?? '').join(''));
console.log(`docs/benchmarks.md: ${results.map((result) => result.name).join(', ')}`);
