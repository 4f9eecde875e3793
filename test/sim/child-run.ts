// A script that is run by itself, with this Node and its options: a planted bug, or a mutant, must not run here.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface ChildOutcome {
  /** 1 where a signal ended it. */
  readonly code: number;
  /** Of both streams. */
  readonly output: string;
  /** It was ended for taking too long. */
  readonly isEndless: boolean;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Ends it after `patienceMs`, however busy the machine is. */
export async function childRun(args: readonly string[], cwd: string, patienceMs?: number): Promise<ChildOutcome> {
  const child = spawn(process.execPath, [...process.execArgv, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  let isEndless = false;
  const end = () => {
    isEndless = true;
    child.kill('SIGKILL');
  };
  const timer = patienceMs === undefined ? undefined : setTimeout(end, patienceMs);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  running.delete(child);
  return { code: code ?? 1, output, isEndless };
}
