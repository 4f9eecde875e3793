// An archive with one file that somebody changed: there must be a verdict, and none that says OK to another log.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportArchive } from '../../node/audit/archive.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { verify } from '../../node/audit/audit.ts';
import { formatManifest, parseManifest } from '../../node/audit/manifest.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { sha256, toHex } from '../../node/ledger/hash.ts';
import { buildChain } from '../audit/_chain.ts';
import type { OpenTarget, Target } from './engine.ts';

/** In these alone something may differ and say nothing of the log (docs/auditing.md). */
const isFree = (path: string) => path.startsWith('checkpoint') || path === 'genesis.json';

/** The input is the file's number, then its content. */
export const archives: Target = {
  name: 'archive',
  kind: 'bytes',
  isSlow: true,
  async open(): Promise<OpenTarget> {
    const base = mkdtempSync(join(tmpdir(), 'daybook-fuzz-'));
    const folder = join(base, 'archive');
    const ledger = buildChain(6);
    await exportArchive(new StoreSource(ledger.store), folder);
    const good = await verify(new ArchiveSource(folder));
    const manifest = parseManifest(readFileSync(join(folder, 'MANIFEST')));
    const files = ['MANIFEST', ...manifest.keys()];
    const content = files.map((file) => readFileSync(join(folder, file)));
    return {
      seeds: content.map((bytes, i) => new Uint8Array(Buffer.concat([Uint8Array.of(i), bytes]))),
      async run(input) {
        const at = (input[0] ?? 0) % files.length;
        const changed = input.subarray(1);
        writeFileSync(join(folder, files[at] ?? ''), changed);
        // Whoever changes a file on purpose makes MANIFEST agree.
        const sums = new Map(manifest).set(files[at] ?? '', toHex(sha256(changed)));
        const lines = [...sums].map(([path, sum]) => ({ path, sum }));
        if (at > 0) writeFileSync(join(folder, 'MANIFEST'), formatManifest(lines));
        const verdict = await verify(new ArchiveSource(folder));
        for (const i of [at, 0]) writeFileSync(join(folder, files[i] ?? ''), content[i] ?? '');
        if (verdict.ok && verdict.head.digest !== good.head.digest) throw new Error('OK for another log');
        if (verdict.ok && !isFree(files[at] ?? '') && !content[at]?.equals(changed))
          throw new Error(`OK for another ${files[at]}`);
        return `${at} ${verdict.ok} ${verdict.finding?.rule} ${verdict.finding?.detail}`;
      },
      close: async () => rmSync(base, { recursive: true, force: true }),
    };
  },
};
