// An archive of a test's own in a folder of its own, and ways to damage it and to put it back.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { exportArchive } from '../../node/audit/archive.ts';
import { formatManifest } from '../../node/audit/manifest.ts';
import type { Source } from '../../node/audit/source.ts';
import { sha256, toHex } from '../../node/ledger/hash.ts';

export async function folderFor(t: Pick<ExecutionContext, 'teardown'>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-audit-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export class TestArchive {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async of(t: Pick<ExecutionContext, 'teardown'>, source: Source): Promise<TestArchive> {
    const folder = join(await folderFor(t), 'archive');
    await exportArchive(source, folder);
    return new TestArchive(folder);
  }

  async paths(): Promise<string[]> {
    const found = await readdir(this.folder, { recursive: true, withFileTypes: true });
    return found
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.folder.length + 1))
      .sort();
  }

  async read(path: string): Promise<Uint8Array> {
    return new Uint8Array(await readFile(join(this.folder, path)));
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    await writeFile(join(this.folder, path), bytes);
  }

  async remove(path: string): Promise<void> {
    await rm(join(this.folder, path));
  }

  /** Runs `work` while a file holds other bytes, or is gone. */
  async with(path: string, bytes: Uint8Array | undefined, work: () => Promise<void>): Promise<void> {
    const good = await this.read(path).catch(() => undefined);
    await (bytes === undefined ? this.remove(path) : this.write(path, bytes));
    await work();
    await (good === undefined ? this.remove(path) : this.write(path, good));
  }

  /** Makes MANIFEST agree with the files again, as whoever damages an archive on purpose would. */
  async remanifest(): Promise<void> {
    const lines = [];
    for (const path of await this.paths())
      if (path !== 'MANIFEST') lines.push({ path, sum: toHex(sha256(await this.read(path))) });
    await this.write('MANIFEST', formatManifest(lines));
  }
}

export function flipped(bytes: Uint8Array, at: number, mask = 1): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}
