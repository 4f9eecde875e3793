import test from 'ava';
import { encode as cborgEncode } from 'cborg';
import fc from 'fast-check';
import { writeCbor } from '../../node/ledger/cbor-writer.ts';
import type { Value } from '../../node/ledger/codec.ts';

const leaf = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ maxLength: 40 }),
  fc.uint8Array({ maxLength: 300 }),
);
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value'), { maxLength: 30 })),
}));

test('the writer and cborg give the same bytes for every value of a ledger format', (t) => {
  fc.assert(
    fc.property(value, (each) => Buffer.compare(writeCbor(each), cborgEncode(each)) === 0),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('heads change their form where RFC 8949 says, and a long value grows the buffer', (t) => {
  const edges = [23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];
  for (const edge of edges)
    for (const each of [edge, -edge, -1 - edge, BigInt(edge), -BigInt(edge)])
      if (typeof each === 'bigint' || Number.isSafeInteger(each)) t.deepEqual(writeCbor(each), cborgEncode(each));
  for (const length of [23, 24, 255, 256, 65_535, 65_536, 200_000]) {
    t.deepEqual(Buffer.from(writeCbor('x'.repeat(length))), Buffer.from(cborgEncode('x'.repeat(length))));
    t.deepEqual(Buffer.from(writeCbor(new Uint8Array(length))), Buffer.from(cborgEncode(new Uint8Array(length))));
  }
});
