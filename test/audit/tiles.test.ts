// The C2SP layout against a sample log that other tools wrote and checked, and against its own rules.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { Frontier } from '../../node/audit/frontier.ts';
import { type Tile, TileBuilder } from '../../node/audit/tiles.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { digestBytes, equalBytes, leafHash, nodeHash, parseDigest, toHex } from '../../node/ledger/hash.ts';
import {
  bundlePath,
  decodeBundle,
  encodeBundle,
  firstEntryOf,
  layoutPaths,
  parseTilePath,
  tilePath,
} from '../../node/ledger/tile-layout.ts';
import { dataPath, testWithData } from '../_data.ts';
import { prng } from '../_prng.ts';

const sample = ['vectors', 'tlog', 'sample-log'];

testWithData(...sample)(
  'the tiles and bundles of the 600-entry sample log come out byte for byte, and its root is the checkpoint’s',
  (t) => {
    const read = (path: string) => readFileSync(dataPath(...sample, path) ?? '');
    const tiles: Tile[] = [];
    const builder = new TileBuilder((tile) => tiles.push(tile));
    const tree = new Frontier(builder.node);
    const size = 600;
    for (let index = 0; index * 256 < size; index++) {
      const width = Math.min(256, size - index * 256);
      const bytes = read(bundlePath(index, width));
      const entries = decodeBundle(bytes, width);
      t.true(equalBytes(encodeBundle(entries), bytes));
      for (const entry of entries) tree.append(leafHash(entry));
    }
    builder.finish();
    const written = new Map(
      tiles.map((tile) => [tilePath(tile.level, tile.index, tile.hashes.length / 32), tile.hashes]),
    );
    t.deepEqual([...written.keys()].sort(), [...layoutPaths(size)].filter((path) => !path.includes('entries')).sort());
    for (const [path, hashes] of written) t.true(equalBytes(read(path), hashes), path);
    const [, sizeLine, rootLine = ''] = read('checkpoint').toString('utf8').split('\n');
    t.is(sizeLine, '600');
    t.is(parseDigest(toHex(Buffer.from(rootLine, 'base64'))), tree.root());
  },
);

test('the frontier gives the root of RFC 6962 2.1 at every size, and every complete subtree once', (t) => {
  const random = prng(7);
  const leaves: Uint8Array[] = [];
  const seen: number[] = [];
  const tree = new Frontier((level) => {
    seen[level] = (seen[level] ?? 0) + 1;
  });
  const rootOf = (from: number, to: number): Uint8Array => {
    if (to - from === 1) return leaves[from] ?? new Uint8Array(0);
    let half = 1;
    while (half * 2 < to - from) half *= 2;
    return nodeHash(rootOf(from, from + half), rootOf(from + half, to));
  };
  for (let size = 1; size <= 300; size++) {
    leaves.push(random.bytes(32));
    tree.append(leaves[size - 1] ?? new Uint8Array(0));
    t.deepEqual(digestBytes(tree.root()), rootOf(0, size));
    t.is(tree.size, size);
    seen.forEach((count, level) => {
      t.is(count, Math.floor(size / 2 ** level));
    });
  }
});

test('names of tiles are those of tlog-tiles and have no second form', (t) => {
  t.is(tilePath(0, 1_234_067, 256), 'tile/0/x001/x234/067');
  t.is(bundlePath(2, 88), 'tile/entries/002.p/88');
  t.is(bundlePath(1_000, 1), 'tile/entries/x001/000.p/1');
  for (const [level, index, width] of [
    [0, 0, 256],
    [1, 999, 1],
    [5, 1_000_000, 255],
    ['entries', 12_345, 256],
  ] as const) {
    const path = level === 'entries' ? bundlePath(index, width) : tilePath(level, index, width);
    t.deepEqual(parseTilePath(path), { level, index, width });
  }
  for (const bad of [
    'tile/0/x000/000',
    'tile/0/000.p/256',
    'tile/0/000.p/0',
    'tile/0/000.p/007',
    'tile/6/000',
    'tile/0/1',
    'tile/0/000/',
    'tile/Entries/000',
    '/tile/0/000',
    'checkpoint',
  ])
    t.is(parseTilePath(bad), undefined, bad);
  t.is(firstEntryOf('entries', 3), 768);
  t.is(firstEntryOf(1, 1), 65_536);
});

test('the layout of a size names no empty tile, and no partial beside a full one', (t) => {
  t.deepEqual([...layoutPaths(1)], ['tile/entries/000.p/1', 'tile/0/000.p/1']);
  t.deepEqual([...layoutPaths(256)], ['tile/entries/000', 'tile/0/000', 'tile/1/000.p/1']);
  t.deepEqual([...layoutPaths(257)].slice(-3), ['tile/0/000', 'tile/0/001.p/1', 'tile/1/000.p/1']);
  t.deepEqual([...layoutPaths(65_536)].slice(-2), ['tile/1/000', 'tile/2/000.p/1']);
});

test('a bundle is exactly its entries: cut, lengthened and miscounted ones are refused', (t) => {
  const entries = [Uint8Array.of(1, 2, 3), new Uint8Array(0), new Uint8Array(65_535).fill(9)];
  const bytes = encodeBundle(entries);
  t.deepEqual(decodeBundle(bytes, 3), entries);
  for (const [bad, width] of [
    [bytes.subarray(0, -1), 3],
    [bytes.subarray(0, 1), 1],
    [new Uint8Array(0), 1],
    [Uint8Array.of(...bytes, 0), 3],
    [bytes, 2],
    [bytes, 4],
  ] as const)
    t.throws(() => decodeBundle(bad, width), { instanceOf: DecodeError });
});
