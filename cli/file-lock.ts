// A lock that is a file with its owner's mark: one process at a time. A lock whose owner has ended is taken over.
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { CliError } from './exit-codes.ts';
import { isObject, ownerOnly } from './files.ts';
import { isAlive, markOf, type ProcessMark } from './process-alive.ts';

/** Takes the lock, or says which process is at work on `what`. */
export function takeLock(path: string, what: string): void {
  const owner = tryLock(path);
  if (owner === undefined) return;
  throw new CliError(
    'failed',
    `process ${owner.pid} is at work on ${what}`,
    'Wait until it ends, then run this again.',
  );
}

/** Undefined where the lock is ours now, else who has it. */
export function tryLock(path: string): ProcessMark | undefined {
  for (let attempt = 0; attempt < 3; attempt++) {
    // Linked into place with its content, so that nobody ever reads a lock without an owner.
    const own = `${path}.${process.pid}`;
    writeFileSync(own, JSON.stringify(markOf(process.pid)), { mode: ownerOnly });
    try {
      linkSync(own, path);
      return undefined;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    } finally {
      rmSync(own, { force: true });
    }
    const owner = lockOwner(path);
    if (owner !== undefined && isAlive(owner)) return owner;
    rmSync(path, { force: true });
  }
  throw new CliError('failed', `cannot lock ${path}`, 'Run the command again.');
}

export function releaseLock(path: string): void {
  rmSync(path, { force: true });
}

export function lockOwner(path: string): ProcessMark | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (isObject(value) && typeof value['pid'] === 'number' && typeof value['start'] === 'string')
      return { pid: value['pid'], start: value['start'] };
  } catch {
    // Gone: its owner ended.
  }
  return undefined;
}
