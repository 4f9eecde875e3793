// How much processor time processes used, from /proc/PID/stat (proc(5)). Linux only.
import { readFileSync } from 'node:fs';

/** USER_HZ: what user space is told on every architecture that Linux runs on today. */
const ticksPerSecond = 100;

/** Seconds in user and system mode since the process began, or undefined where that is not told. */
export function processorSeconds(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond; // utime and stime, fields 14 and 15
  } catch {
    return undefined;
  }
}
