import test from 'ava';
import fc from 'fast-check';
import { DecodeError, decode, encode, type Value } from '../../node/ledger/codec.ts';
import { referenceRead } from './_reference-reader.ts';

const edges = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
const leaf = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(...edges, ...edges.slice(1).map((edge) => -edge), ...edges.slice(0, -1).map((edge) => -1 - edge)),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
);
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof({ maxDepth: 6 }, leaf, fc.array(tie('value'), { maxLength: 30 })),
}));

type Reading = { readonly value: Value } | 'refused';

function reading(read: (bytes: Uint8Array) => Value, bytes: Uint8Array): Reading {
  try {
    return { value: read(bytes) };
  } catch (error) {
    if (error instanceof DecodeError) return 'refused';
    throw error;
  }
}

test('the reader and cborg read the same value from every encoding', (t) => {
  fc.assert(
    fc.property(value, (each) => {
      const bytes = encode(each);
      t.deepEqual(decode(bytes), each);
      t.deepEqual(referenceRead(bytes), each);
    }),
    { numRuns: 2_000 },
  );
});

test('the reader and cborg read and refuse the same of bytes that were changed, cut, spliced or drawn', (t) => {
  let accepted = 0;
  const spot = fc.tuple(fc.nat(), fc.nat(255));
  const changed = fc.tuple(value, fc.array(spot, { minLength: 1, maxLength: 3 })).map(([each, spots]) => {
    const bytes = encode(each);
    for (const [at, byte] of spots) bytes[at % bytes.length] = byte;
    return bytes;
  });
  const cut = fc.tuple(value, fc.nat()).map(([each, at]) => encode(each).subarray(at % 40));
  const spliced = fc.tuple(value, spot).map(([each, [at, byte]]) => {
    const bytes = encode(each);
    const place = at % (bytes.length + 1);
    return Uint8Array.of(...bytes.subarray(0, place), byte, ...bytes.subarray(place));
  });
  // Heads of every kind in front of few bytes: what lies between one form of a length or an integer and the next.
  const heads = fc.tuple(fc.nat(255), fc.array(fc.constantFrom(0, 1, 23, 24, 255), { maxLength: 12 }));
  const drawn = heads.map(([head, rest]) => Uint8Array.of(head, ...rest));
  const check = (bytes: Uint8Array) => {
    const mine = reading(decode, bytes);
    if (mine !== 'refused') accepted += 1;
    t.deepEqual(mine, reading(referenceRead, bytes), Buffer.from(bytes).toString('hex'));
  };
  const all = fc.oneof(changed, cut, spliced, drawn, fc.uint8Array({ maxLength: 24 }));
  fc.assert(fc.property(all, check), { numRuns: 20_000 });
  t.true(accepted > 1_000, `${accepted} of them were read`);
});

test('every head of one and of two bytes is read or refused as cborg does', (t) => {
  for (let first = 0; first < 256; first++) {
    for (const rest of [[], [0], [0, 0], [0x61]]) {
      for (let second = 0; second < 256; second++) {
        const bytes = Uint8Array.of(first, second, ...rest);
        const [mine, theirs] = [reading(decode, bytes), reading(referenceRead, bytes)];
        if (JSON.stringify(mine, plain) !== JSON.stringify(theirs, plain))
          t.deepEqual(mine, theirs, Buffer.from(bytes).toString('hex'));
      }
    }
  }
  t.pass();
});

function plain(_key: string, each: unknown): unknown {
  return typeof each === 'bigint' ? `${each}n` : each;
}

test('a text may begin with a byte order mark, and keeps it', (t) => {
  for (const each of ['\ufeff', '\ufeffx', `\ufeff${'x'.repeat(40)}`]) t.is(decode(encode(each)), each);
});

test('byte strings are copies, also of a Buffer', (t) => {
  const bytes = Buffer.from(encode([Uint8Array.of(1, 2, 3), 'text']));
  const read = decode(bytes);
  bytes.fill(0);
  t.deepEqual(read, [Uint8Array.of(1, 2, 3), 'text']);
});
