// A bar chart as SVG: one bar per subject. Plain shapes and system fonts, readable on light and dark pages.
import { show } from './stats.mjs';

const LABEL = 230, BARS = 430, ROW = 28, TOP = 46, SIZE = "font-family='system-ui, sans-serif' font-size='13'";
const escape = (text) => text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);

// values: [[subject, number], …], drawn in that order; ours are those whose name begins with capeai.
export function barChart(title, unit, values) {
  const most = Math.max(...values.map(([, value]) => value));
  const height = TOP + ROW * values.length + 10;
  const bars = values.map(([name, value], i) => {
    const y = TOP + i * ROW, width = Math.max(1, (value / most) * BARS);
    const color = name.startsWith('capeai') ? '#1a7f64' : '#8a94a6';
    return `<text x='${LABEL - 8}' y='${y + 15}' text-anchor='end' fill='#222' ${SIZE}>${escape(name)}</text>
<rect x='${LABEL}' y='${y + 2}' width='${width.toFixed(1)}' height='18' rx='2' fill='${color}'/>
<text x='${(LABEL + width + 6).toFixed(1)}' y='${y + 15}' fill='#222' ${SIZE}>${show(value)}</text>`;
  });
  return `<svg xmlns='http://www.w3.org/2000/svg' width='740' height='${height}' viewBox='0 0 740 ${height}' role='img'>
<title>${escape(`${title}: ${unit}`)}</title>
<rect width='740' height='${height}' rx='6' fill='#fff'/>
<text x='16' y='20' fill='#222' font-weight='600' ${SIZE}>${escape(title)}</text>
<text x='16' y='37' fill='#666' ${SIZE}>${escape(unit)}</text>
${bars.join('\n')}
</svg>
`;
}
