// MANIFEST: one line a file, `sha256  path`, ascending, in the form that `sha256sum --check` reads; the last line is
// the sum of all lines before it under MANIFEST's own name, so that a damaged MANIFEST is not taken for damaged files.
import { DecodeError } from '../ledger/codec.ts';
import { sha256, toHex } from '../ledger/hash.ts';

export const manifestName = 'MANIFEST';
const line = /^([0-9a-f]{64}) {2}([!-~]+)$/;

export interface ManifestLine {
  readonly path: string;
  readonly sum: string;
}

/** Plain UTF-16 order: the paths are ASCII, and no locale has a say. */
export function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function formatManifest(files: readonly ManifestLine[]): Uint8Array {
  const sorted = [...files].sort((a, b) => comparePaths(a.path, b.path));
  const body = sorted.map(({ path, sum }) => `${sum}  ${path}\n`).join('');
  const own = toHex(sha256(new TextEncoder().encode(body)));
  return new TextEncoder().encode(`${body}${own}  ${manifestName}\n`);
}

/** Path -> sum, without MANIFEST's own line; DecodeError on anything that formatManifest would not write. */
export function parseManifest(bytes: Uint8Array): Map<string, string> {
  const text = Buffer.from(bytes).toString('latin1');
  if (!text.endsWith('\n')) throw new DecodeError('MANIFEST does not end with a line');
  const lines = text.slice(0, -1).split('\n');
  const files = new Map<string, string>();
  let previous = '';
  lines.forEach((each, i) => {
    const [, sum, path] = line.exec(each) ?? [];
    if (sum === undefined || path === undefined) throw new DecodeError(`line ${i + 1} of MANIFEST is no sum and path`);
    if (i === lines.length - 1) {
      if (path !== manifestName) throw new DecodeError('the last line of MANIFEST is not its own');
      const body = bytes.subarray(0, bytes.length - each.length - 1);
      if (toHex(sha256(body)) !== sum) throw new DecodeError('MANIFEST does not have the sum that its last line gives');
      return;
    }
    if (path === manifestName || comparePaths(path, previous) <= 0)
      throw new DecodeError(`line ${i + 1} of MANIFEST is out of order`);
    files.set(path, sum);
    previous = path;
  });
  return files;
}
