import test from 'ava';
import { stateKey, stateValueHash } from '../../node/execution/state-path.ts';
import { StateTree } from '../../node/execution/state-tree.ts';
import { decodeAs } from '../../node/ledger/schema.ts';
import {
  chunkOf,
  isChunk,
  PieceWriter,
  pieceBytesTarget,
  pieceSchema,
  type StateRecord,
} from '../../node/snapshot/chunk.ts';

/** Records of one chunk: large values, so that few of them fill a piece. */
function recordsOf(chunk: number, count: number): StateRecord[] {
  const records: StateRecord[] = [];
  for (let i = 0; records.length < count; i++) {
    const path = `payments/accounts/A-${i}`;
    if (chunkOf(path) === chunk) records.push([path, new Uint8Array(9_000).fill(i % 251)]);
  }
  return records;
}

const rootOf = (records: readonly StateRecord[]) =>
  StateTree.fromEntries(records.map(([path, value]) => [stateKey(path), stateValueHash(value)] as const)).root;

test('pieces are closed at their size, numbered from 0, and only the last one says so', (t) => {
  const records = recordsOf(7, 30);
  const writer = new PieceWriter();
  const pieces = [...records.flatMap(([path, value]) => [writer.add(path, value) ?? []]), writer.end()].filter(
    (piece): piece is readonly [number, Uint8Array] => piece.length === 2,
  );
  t.deepEqual(
    pieces.map(([number]) => number),
    pieces.map((_, i) => i),
  );
  t.is(pieces.length, 4);
  const read = pieces.map(([, piece]) => decodeAs(pieceSchema, piece));
  t.deepEqual(
    read.map(({ last }) => last),
    [0, 0, 0, 1],
  );
  t.true(pieces.every(([, piece]) => piece.length < pieceBytesTarget + 10_000));
  t.deepEqual(
    read.flatMap((piece) => piece.records.map(({ path, value }) => [path, value])),
    records,
  );
});

test('an empty chunk has one piece, without records', (t) => {
  const [number, piece] = new PieceWriter().end();
  t.is(number, 0);
  t.deepEqual(decodeAs(pieceSchema, piece), { last: 1, records: [] });
});

test('a chunk is all its records and only they', (t) => {
  const records = recordsOf(9, 6);
  const root = rootOf(records);
  t.is(
    StateTree.fromEntries(records.map(([path, value]) => [stateKey(path), stateValueHash(value)] as const))
      .chunkRoots()
      .findIndex((each) => each !== undefined),
    9,
  );
  t.true(isChunk(records, 9, root));
  t.true(isChunk([...records].reverse(), 9, root));
  t.false(isChunk(records.slice(1), 9, root));
  t.false(isChunk([...records, ...records.slice(0, 1)], 9, root), 'one twice');
  t.false(isChunk([...records, ...recordsOf(10, 1)], 9, root), 'one of another chunk');
  t.false(isChunk(records, 8, root), 'in the place of another chunk');
  t.false(isChunk([], 9, root));
});
