// Numbers: medians and percentiles of small samples, and how they are written.

// The q-quantile (0..1) of numbers, by the nearest rank; NaN for none.
export function quantile(numbers, q) {
  if (numbers.length === 0) return NaN;
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
}

// The median; the mean of the two middle ones of an even number.
export function median(numbers) {
  if (numbers.length === 0) return NaN;
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Medians, metric by metric, of rounds like [{wall_s: 1, cpu_s: 2}, …].
export function medians(rounds) {
  const out = {};
  for (const metric of Object.keys(rounds[0] ?? {})) {
    out[metric] = median(rounds.map((round) => round[metric]).filter((value) => Number.isFinite(value)));
  }
  return out;
}

// A number with three significant digits, thousands with commas.
export function show(value) {
  if (value === undefined || value === null || Number.isNaN(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}
