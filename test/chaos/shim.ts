// Builds shim.c where there is a C compiler, and speaks to it: one small file a validator, mapped into its memory.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../_source.ts';

const EIO = 5;

/** The shared object, or why there is none. */
export function buildShim(folder: string): { readonly library: string } | { readonly absent: string } {
  if (process.platform !== 'linux') return { absent: 'the preloaded shim needs Linux' };
  const library = join(folder, 'shim.so');
  const source = join(root, 'test/chaos/shim.c');
  const args = ['-shared', '-fPIC', '-O1', '-Wall', '-o', library, source, '-ldl'];
  const { status, error, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
  if (error !== undefined) return { absent: 'there is no gcc for the preloaded shim' };
  return status === 0 ? { library } : { absent: `gcc cannot build the preloaded shim: ${stderr.trim()}` };
}

/** What one validator's shim does, from the next call on. */
export class ShimControl {
  readonly file: string;
  readonly #descriptor: number;
  readonly #values = { clockOffsetMs: 0, syncDelayMs: 0, syncFails: false };

  constructor(file: string) {
    this.file = file;
    this.#descriptor = openSync(file, 'w');
    this.set({});
  }

  /** clock: int64 of milliseconds, sync delay: int32 of milliseconds, sync error: int32; little-endian. */
  set(change: Partial<{ clockOffsetMs: number; syncDelayMs: number; syncFails: boolean }>): void {
    const values = Object.assign(this.#values, change);
    const bytes = Buffer.alloc(16);
    bytes.writeBigInt64LE(BigInt(values.clockOffsetMs), 0);
    bytes.writeInt32LE(values.syncDelayMs, 8);
    bytes.writeInt32LE(values.syncFails ? EIO : 0, 12);
    writeSync(this.#descriptor, bytes, 0, bytes.length, 0);
  }

  clear(): void {
    this.set({ clockOffsetMs: 0, syncDelayMs: 0, syncFails: false });
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
