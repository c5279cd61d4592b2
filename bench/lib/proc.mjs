// What processes cost, from /proc: CPU seconds and peak memory.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';

const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

// The fields of /proc/PID/stat behind the name (which may hold blanks); null if it has gone.
function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number);
  } catch {
    return null;
  }
}

// Seconds of CPU of one process; with waited children those that it has reaped too.
export function cpuOf(pid, children = false) {
  const fields = stat(pid);
  if (!fields) return 0;
  const [user, system, childUser, childSystem] = fields.slice(11, 15);
  return (user + system + (children ? childUser + childSystem : 0)) / TICKS;
}

export function childrenOf(pid) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
    .filter((other) => stat(other)?.[1] === pid);
}

// Seconds of CPU of a whole PostgreSQL cluster: the postmaster, everything under
// it, and what had ended by then (the postmaster reaped it).
export function cpuOfCluster(postmaster) {
  return childrenOf(postmaster).reduce((sum, pid) => sum + cpuOf(pid, true), cpuOf(postmaster, true));
}

function status(pid, name) {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return line ? Number(line[1]) : NaN;
}

// Peak resident memory of a process in kB since it began, or since resetPeak.
export const peakOf = (pid) => status(pid, 'VmHWM');
export const residentOf = (pid) => status(pid, 'VmRSS');
// Of those, what is the process's own: PostgreSQL's shared buffers count in VmHWM as it touches them.
export const privateOf = (pid) => status(pid, 'RssAnon');

// Lets the peak begin anew; false where the kernel does not allow it.
export function resetPeak(pid) {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch {
    return false;
  }
}

// Samples a value while fn runs; { result, peak }.
export async function peakWhile(sample, fn, everyMs = 20) {
  let peak = sample();
  const timer = setInterval(() => { peak = Math.max(peak, sample()); }, everyMs);
  try {
    const result = await fn();
    return { result, peak: Math.max(peak, sample()) };
  } finally {
    clearInterval(timer);
  }
}

// What this machine is, for the report.
export function machine() {
  const cpu = /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor';
  const cores = (readFileSync('/proc/cpuinfo', 'utf8').match(/^processor\s*:/gm) ?? []).length;
  const memory = Math.round(Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))[1]) / 1048576);
  const release = existsSync('/etc/os-release')
    ? /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] : '';
  return { cpu, cores, memory_gb: memory, system: release,
    kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim() };
}
