// Compiles the preloaded shims of test/chaos/shim, once for each source. What each can do stands in its head.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

const sources = join(import.meta.dirname, '../../../test/chaos/shim');

/** Path of the shared object, or why there is none here: one line to skip with. */
export function buildShim(name: 'disk' | 'clock'): { readonly file: string } | { readonly absent: string } {
  if (process.platform !== 'linux')
    return { absent: `no preloaded shim on ${process.platform}: Linux with glibc alone` };
  const source = join(sources, `${name}.c`);
  const sum = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const folder = join(tmpdir(), `daybook-shims-${userInfo().uid}`);
  const file = join(folder, `${name}-${sum}.so`);
  if (existsSync(file)) return { file };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Beside, then renamed: two tests may compile at once.
  const made = `${file}.${process.pid}`;
  const compiler = process.env['CC'] ?? 'cc';
  const { status, error, stderr } = spawnSync(
    compiler,
    ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-o', made, source, '-ldl'],
    { encoding: 'utf8' },
  );
  if (error !== undefined) return { absent: `no C compiler: ${error.message}` };
  if (status !== 0) throw new Error(`${compiler} does not compile ${source}:\n${stderr}`);
  renameSync(made, file);
  return { file };
}
