// MANIFEST alone: what it accepts, and that no single byte of it can change unseen.
import test from 'ava';
import { formatManifest, parseManifest } from '../../node/audit/manifest.ts';
import { DecodeError } from '../../node/ledger/codec.ts';

const files = [
  { path: 'tile/0/000', sum: '00'.repeat(32) },
  { path: 'genesis.json', sum: 'ab'.repeat(32) },
  { path: 'certificate', sum: '12'.repeat(32) },
];

test('MANIFEST is sorted, ends with its own sum and reads back', (t) => {
  const bytes = formatManifest(files);
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  t.deepEqual(
    lines.map((line) => line.slice(66)),
    ['certificate', 'genesis.json', 'tile/0/000', 'MANIFEST', ''],
  );
  t.deepEqual(
    [...parseManifest(bytes)],
    files.toReversed().map(({ path, sum }) => [path, sum]),
  );
  t.deepEqual(parseManifest(formatManifest([])), new Map());
});

test('every flipped bit of MANIFEST is found, and so is every truncation', (t) => {
  const bytes = formatManifest(files);
  for (let at = 0; at < bytes.length; at++) {
    t.throws(() => parseManifest(bytes.subarray(0, at)), { instanceOf: DecodeError });
    for (let bit = 0; bit < 8; bit++) {
      const bad = bytes.slice();
      bad[at] = (bad[at] ?? 0) ^ (1 << bit);
      t.throws(() => parseManifest(bad), { instanceOf: DecodeError }, `byte ${at} bit ${bit}`);
    }
  }
});

test('MANIFEST has one form: order, repetition and line ends are fixed', (t) => {
  const [first = '', second = '', third = '', own = ''] = Buffer.from(formatManifest(files)).toString().split('\n');
  for (const lines of [
    [second, first, third, own],
    [first, first, second, third, own],
    [first, second, own],
    [first, second, third],
    [own, first, second, third],
    [first, second, third, own, own],
    ['', first, second, third, own],
    [`${first}\r`, second, third, own],
  ])
    t.throws(() => parseManifest(Buffer.from(`${lines.join('\n')}\n`)), { instanceOf: DecodeError });
});
