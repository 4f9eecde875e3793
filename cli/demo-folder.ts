// The folder of a demo: its own while it runs, cleared when the next one begins. Demos that run at once have one each.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readDevnet } from './devnet-files.ts';
import { CliError } from './exit-codes.ts';
import { lockOwner, releaseLock, tryLock } from './file-lock.ts';
import { type HomePaths, homePaths } from './home.ts';
import { isAlive } from './process-alive.ts';

/** Two that took over a dead owner's lock at one moment: after this time one of them sees the other's mark in it. */
const settleMs = 100;

/** An empty folder that is this process's until it ends: `demo` in `base`, or `demo-2` and so on beside other demos. */
export async function claimDemoFolder(base: string): Promise<HomePaths> {
  mkdirSync(base, { recursive: true });
  for (let number = 1; ; number++) {
    const name = number === 1 ? 'demo' : `demo-${number}`;
    const paths = homePaths(join(base, name));
    const lock = join(base, `${name}.lock`);
    if (tryLock(lock) !== undefined) continue;
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    if (lockOwner(lock)?.pid !== process.pid) continue;
    process.once('exit', () => releaseLock(lock));
    if (validatorsRun(paths)) continue;
    clearFolder(paths);
    return paths;
  }
}

/** Validators may outlive their demo where somebody restarted them. */
function validatorsRun(paths: HomePaths): boolean {
  return readDevnet(paths)?.validators.some(({ process: mark }) => mark !== undefined && isAlive(mark)) === true;
}

/** Only what a demo made is removed. */
function clearFolder(paths: HomePaths): void {
  const found = existsSync(paths.folder) ? readdirSync(paths.folder) : [];
  if (found.every((name) => name.startsWith('devnet.lock'))) return;
  if (readDevnet(paths) === undefined && !existsSync(join(paths.folder, 'devnet.unfinished')))
    throw new CliError('usage', `${paths.folder} is not a demo's folder`, 'Remove it yourself, or use another --home.');
  rmSync(paths.folder, { recursive: true });
}
