// The C2SP tlog-tiles layout: names of tiles and entry bundles, and their bytes. No files here.
import { assert } from './assert.ts';
import { DecodeError } from './codec.ts';
import { entryBytesMax } from './limits.ts';

/** Hashes in a full tile, entries in a full bundle; a tile level is eight levels of the tree. */
export const tileWidth = 256;
export const treeLevels = 8;

/** Bytes of the largest bundle. */
export const bundleBytesMax = tileWidth * (2 + entryBytesMax);

/** N in groups of three digits, all but the last with an x before it (tlog-tiles, "Merkle Tree"). */
function tileNumber(index: number): string {
  let rest = Math.floor(index / 1000);
  let path = String(index % 1000).padStart(3, '0');
  while (rest > 0) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
    rest = Math.floor(rest / 1000);
  }
  return path;
}

function partial(width: number): string {
  assert(width >= 1 && width <= tileWidth, 'no tile is empty or wider than 256');
  return width === tileWidth ? '' : `.p/${width}`;
}

export function tilePath(level: number, index: number, width: number): string {
  return `tile/${level}/${tileNumber(index)}${partial(width)}`;
}

export function bundlePath(index: number, width: number): string {
  return `tile/entries/${tileNumber(index)}${partial(width)}`;
}

const checkpoints = 'checkpoints/';

/** Checkpoints of 256 heights in the form of an entry bundle; not of C2SP. */
export function checkpointsPath(index: number, width: number): string {
  return `${checkpoints}${tileNumber(index)}${partial(width)}`;
}

/** A path of such a bundle read back, or undefined. */
export function parseCheckpointsPath(path: string): { index: number; width: number } | undefined {
  if (!path.startsWith(checkpoints)) return undefined;
  return parseTilePath(`tile/entries/${path.slice(checkpoints.length)}`);
}

/** A path of the layout read back, or undefined: `level` is 'entries' for a bundle. */
export function parseTilePath(path: string): { level: number | 'entries'; index: number; width: number } | undefined {
  const match = /^tile\/(entries|[0-5])\/((?:x\d{3}\/)*)(\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path);
  if (match === null) return undefined;
  const [, kind = '', groups = '', last = '', widthText] = match;
  const index = Number(`${groups.replaceAll(/[x/]/g, '')}${last}`);
  const width = widthText === undefined ? tileWidth : Number(widthText);
  const level = kind === 'entries' ? kind : Number(kind);
  const written = level === 'entries' ? bundlePath : (i: number, w: number) => tilePath(level, i, w);
  // Written again, so that leading groups of zeros and a partial of 256 or more are no second names.
  if (!Number.isSafeInteger(index) || width > tileWidth || written(index, width) !== path) return undefined;
  return { level, index, width };
}

/** Index of the first entry that lies under a tile or in a bundle. */
export function firstEntryOf(level: number | 'entries', index: number): number {
  return level === 'entries' ? index * tileWidth : index * tileWidth ** (level + 1);
}

/** Every tile and bundle of a log of this size: level L holds floor(size / 256^L) hashes. */
export function* layoutPaths(size: number): Generator<string> {
  for (let index = 0; index * tileWidth < size; index++)
    yield bundlePath(index, Math.min(tileWidth, size - index * tileWidth));
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / tileWidth))
    for (let index = 0; index * tileWidth < hashes; index++)
      yield tilePath(level, index, Math.min(tileWidth, hashes - index * tileWidth));
}

/** A bundle: each entry after its length as two bytes, big endian. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  assert(entries.length <= tileWidth, 'a bundle holds at most 256 entries');
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.length, 0));
  let at = 0;
  for (const entry of entries) {
    assert(entry.length <= entryBytesMax, 'an entry fits the bundle');
    bytes[at] = entry.length >>> 8;
    bytes[at + 1] = entry.length & 0xff;
    bytes.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bytes;
}

/** Exactly `width` entries and nothing after them, or DecodeError. */
export function decodeBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < width) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    const end = at + 2 + length;
    if (at + 2 > bytes.length || end > bytes.length)
      throw new DecodeError(`the bundle ends within its entry ${entries.length}`);
    entries.push(bytes.slice(at + 2, end));
    at = end;
  }
  if (at !== bytes.length) throw new DecodeError(`${bytes.length - at} bytes after the last entry of the bundle`);
  return entries;
}
