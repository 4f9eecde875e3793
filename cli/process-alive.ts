// Whether a process that we recorded is still that process: a pid is used again, its start time with it is not.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ProcessMark {
  readonly pid: number;
  /** As the system tells it; compared, never read. */
  readonly start: string;
}

/** The mark of a running process, or undefined if there is none (a zombie has ended too). */
export function markOf(pid: number): ProcessMark | undefined {
  const start = process.platform === 'linux' ? startOnLinux(pid) : startElsewhere(pid);
  return start === undefined ? undefined : { pid, start };
}

export function isAlive(mark: ProcessMark): boolean {
  return markOf(mark.pid)?.start === mark.start;
}

/** Signals exactly the recorded process; false if it has ended. */
export function signalProcess(mark: ProcessMark, signal: NodeJS.Signals): boolean {
  if (!isAlive(mark)) return false;
  try {
    return process.kill(mark.pid, signal);
  } catch {
    return false;
  }
}

/** Field 22 of /proc/PID/stat (proc(5)), in clock ticks since boot. The name in brackets may hold anything. */
function startOnLinux(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function startElsewhere(pid: number): string | undefined {
  const { status, stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const start = stdout?.trim();
  return status === 0 && start !== '' ? start : undefined;
}
