// A disk of a few megabytes under a data folder (tmpfs), and something to fill it with. Needs root.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leftover } from './leftovers.ts';

const ballast = 'ballast';

export interface SmallDisk {
  /** Takes away what filled it. */
  free(): void;
  unmount(): void;
}

export function mountSmall(folder: string, bytes: number): SmallDisk {
  mkdirSync(folder, { recursive: true });
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`mount: ${error?.message ?? stderr.trim()}`);
  const unmount = leftover(() => {
    spawnSync('umount', ['-l', folder]);
  });
  return { free: () => rmSync(join(folder, ballast), { force: true }), unmount };
}

/** Leaves about so many bytes free. */
export function fillUp(folder: string, leave: number): void {
  const file = openSync(join(folder, ballast), 'a');
  const zeros = Buffer.alloc(65_536);
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(folder);
      const room = bavail * bsize - leave;
      if (room <= 0) return;
      writeSync(file, zeros, 0, Math.min(room, zeros.length));
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    closeSync(file);
  }
}

/** Why there can be none, or undefined. */
export function smallDiskAbsent(): string | undefined {
  if (process.platform !== 'linux') return 'a small disk needs Linux';
  if (process.getuid?.() !== 0) return 'mounting a small disk needs root';
  const folder = mkdtempSync(join(tmpdir(), 'daybook-mount-'));
  try {
    mountSmall(folder, 1_048_576).unmount();
    return undefined;
  } catch (error) {
    return `a small disk cannot be mounted (${(error as Error).message})`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
