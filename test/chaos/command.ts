// The shipped command line, run to its end.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { leftover } from './leftovers.ts';

const mainFile = resolve(import.meta.dirname, '../../cli/main.js');
let calls = 0;

/** Runs a command on a home; it must end with 0. Gives what it said, which stands in a file of `folder` meanwhile. */
export async function daybook(folder: string, home: string, ...args: readonly string[]): Promise<string> {
  // Into a file: what a busy machine leaves of a pipe must not keep this process.
  const file = join(folder, `said-${calls++}`);
  const said = openSync(file, 'w');
  const child = spawn(process.execPath, [mainFile, ...args, '--json', '--home', home], {
    stdio: ['ignore', said, said],
    env: { ...process.env, NO_COLOR: '1' },
  });
  closeSync(said);
  const forget = leftover(() => child.kill('SIGKILL'));
  const code = await new Promise<number | null>((done) => child.once('exit', done));
  forget();
  const text = readFileSync(file, 'utf8');
  if (code !== 0) throw new Error(`daybook ${args.join(' ')} ended with ${code}: ${text}`);
  return text;
}
