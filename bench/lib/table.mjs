// A table of medians as text: one line per subject, one column per metric.
import { show } from './stats.mjs';

// medians: { subject: { metric: number } }; columns: [[metric, heading], …].
export function cells(medians, columns) {
  return [['', ...columns.map(([, heading]) => heading)],
    ...Object.entries(medians).map(([name, m]) => [name, ...columns.map(([metric]) => show(m[metric]))])];
}

export function table(medians, columns) {
  const rows = cells(medians, columns);
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) => `  ${row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ')}`)
    .join('\n');
}

export function markdown(medians, columns) {
  const rows = cells(medians, columns);
  const line = (row) => `| ${row.join(' | ')} |`;
  return [line(rows[0]), line(rows[0].map((_, i) => (i ? '---:' : '---'))), ...rows.slice(1).map(line)].join('\n');
}
