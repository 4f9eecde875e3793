import test from 'ava';
import fc from 'fast-check';
import { decodeMessage } from '../../node/consensus/messages.ts';
import { DecodeError, decode, encode, type Value } from '../../node/ledger/codec.ts';
import { equalBytes, fromHex, toHex } from '../../node/ledger/hash.ts';
import { readDataJson, testWithData } from '../_data.ts';

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new Error(`not hex: ${hex}`);
  return bytes;
}

const refused = { instanceOf: DecodeError };

/** What the codec allows, to a depth that it allows. */
const { value: anyValue } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.maxSafeInteger(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 30 }),
  ),
}));

test('what is encoded is decoded to the same value', (t) => {
  fc.assert(fc.property(anyValue, (value) => t.deepEqual(decode(encode(value)), value)));
  t.pass();
});

test('bytes that decode are the encoding of what they decode to', (t) => {
  let accepted = 0;
  const flipped = fc.tuple(anyValue, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([value, at, change]) => {
    const bytes = encode(value);
    const index = at % bytes.length;
    bytes[index] = (bytes[index] ?? 0) ^ change;
    return bytes;
  });
  const check = (bytes: Uint8Array) => {
    try {
      const value = decode(bytes);
      accepted++;
      return equalBytes(encode(value), bytes);
    } catch (error) {
      return error instanceof DecodeError;
    }
  };
  fc.assert(fc.property(fc.oneof(flipped, fc.uint8Array({ maxLength: 40 })), check), { numRuns: 3_000 });
  t.true(accepted > 100, 'some of them decode');
});

test('encoded bytes own their memory, whatever their length', (t) => {
  for (let length = 0; length < 600; length++) {
    const encoded = encode([new Uint8Array(length), 'x'.repeat(length % 40)]);
    t.is(Object.getPrototypeOf(encoded), Uint8Array.prototype);
    t.is(encoded.buffer.byteLength, encoded.length);
  }
});

test('no number that is no integer, and no integer over 64 bits, is ever encoded', (t) => {
  for (const wrong of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53), 2n ** 64n, -(2n ** 64n) - 1n])
    t.throws(() => encode([wrong]), undefined, String(wrong));
  t.deepEqual(encode(-0), encode(0));
});

test('no byte may follow a value, and none of it be missing', (t) => {
  const bytes = encode([1, 'text', Uint8Array.of(1, 2, 3), [[], 2n ** 60n]]);
  for (let length = 0; length < bytes.length; length++) t.throws(() => decode(bytes.subarray(0, length)), refused);
  t.throws(() => decode(Uint8Array.of(...bytes, 0)), refused);
});

test('an integer has its shortest form', (t) => {
  const longer = [
    '1817',
    '190017',
    '1a00000017',
    '1b0000000000000017',
    '3817',
    '1900ff',
    '1a0000ffff',
    '1b00000000ffffffff',
  ];
  for (const hex of longer) t.throws(() => decode(bytesOf(hex)), refused, hex);
  for (const [hex, value] of [
    ['17', 23],
    ['1818', 24],
    ['1b001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['1b0020000000000000', 2n ** 53n],
    ['1bffffffffffffffff', 2n ** 64n - 1n],
    ['3b001ffffffffffffe', -Number.MAX_SAFE_INTEGER],
    ['3bffffffffffffffff', -(2n ** 64n)],
  ] as const) {
    t.is(decode(bytesOf(hex)), value);
    t.is(toHex(encode(value)), hex);
  }
});

test('the length of a byte string, a text and an array has its shortest form', (t) => {
  for (const hex of ['580100', '59000100', '780161', '79000161', '980100', '99000100', '9a0000000100'])
    t.throws(() => decode(bytesOf(hex)), refused, hex);
});

test('no float, also none that holds a whole number, and no minus zero', (t) => {
  const floats = [
    'f90000',
    'f98000',
    'f93c00',
    'f93e00',
    'fa3f800000',
    'fb3ff0000000000000',
    'f97c00',
    'f97e00',
    'f9fc00',
  ];
  for (const hex of [...floats, ...floats.map((float) => `81${float}`)])
    t.throws(() => decode(bytesOf(hex)), refused, hex);
});

test('no map, tag, boolean, null, undefined, simple value or indefinite length', (t) => {
  const others = ['a0', 'a10102', 'c100', 'c249010000000000000000', 'd9d9f700', 'f4', 'f5', 'f6', 'f7', 'e0', 'f820'];
  const indefinite = ['5fff', '5f4101ff', '7fff', '7f6161ff', '9fff', '9f01ff', 'bfff', 'ff'];
  for (const hex of [...others, ...indefinite].flatMap((each) => [each, `81${each}`]))
    t.throws(() => decode(bytesOf(hex)), refused, hex);
});

test('text is valid UTF-8', (t) => {
  // A lone continuation byte, an overlong form, half of a surrogate pair, beyond the last character.
  for (const hex of ['6180', '62c080', '63eda080', '64f4908080', '61ff'])
    t.throws(() => decode(bytesOf(hex)), refused, hex);
});

test('arrays nest 16 deep and no deeper, however long the input', (t) => {
  const nested = (depth: number) => bytesOf(`${'81'.repeat(depth - 1)}80`);
  t.notThrows(() => decode(nested(16)));
  for (const depth of [17, 1_000, 200_000]) t.throws(() => decode(nested(depth)), refused);
});

test('a length that the input does not have costs nothing', (t) => {
  for (const hex of ['9affffffff', '9bffffffffffffffff', '5affffffff', '7bffffffffffffffff', '9b0000000100000000'])
    t.throws(() => decode(bytesOf(hex)), refused, hex);
});

interface AppendixVector {
  readonly hex: string;
  readonly roundtrip: boolean;
}

// RFC 8949 appendix A shows all of CBOR: what the ledger takes of it are exactly the integers, strings and arrays in
// their preferred form.
testWithData(
  'vectors',
  'cbor',
  'appendix_a.json',
)('of the examples of RFC 8949, those of our types in one form', (t) => {
  const vectors = readDataJson<AppendixVector[]>('vectors', 'cbor', 'appendix_a.json');
  const taken = vectors.filter(({ hex }) => {
    const bytes = bytesOf(hex);
    try {
      t.is(toHex(encode(decode(bytes))), hex);
      return true;
    } catch (error) {
      t.true(error instanceof DecodeError, hex);
      return false;
    }
  });
  const first = (hex: string) => Number.parseInt(hex.slice(0, 2), 16);
  // Major types 0 to 4 without indefinite lengths; appendix A nests nothing else in arrays but maps.
  const due = vectors.filter(({ hex, roundtrip }) => roundtrip && first(hex) < 0xa0 && (first(hex) & 0x1f) !== 31);
  t.deepEqual(
    taken.map(({ hex }) => hex),
    due.map(({ hex }) => hex).filter((hex) => hex !== '826161a161626163'),
  );
  t.true(taken.length > 25, `${taken.length} taken`);
});

testWithData(
  'vectors',
  'cbor',
  'deterministic_reject.json',
)('every encoding of the list to be refused is', (t) => {
  const { reject } = readDataJson<{ reject: { hex: string; why: string }[] }>(
    'vectors',
    'cbor',
    'deterministic_reject.json',
  );
  for (const { hex, why } of reject) t.throws(() => decode(bytesOf(hex)), refused, why);
  t.true(reject.length >= 30);
});

test('a value of more items than asked for is refused before they are read', (t) => {
  const items = (count: number) =>
    new Uint8Array([0x9a, 0, count >> 16, (count >> 8) & 255, count & 255, ...new Uint8Array(count)]);
  t.deepEqual(decode(items(100_000), 100_001), new Array(100_000).fill(0));
  t.throws(() => decode(items(100_000), 100_000), { instanceOf: DecodeError, message: 'too many items' });
  const bytes = decode(Buffer.concat([Uint8Array.of(0x84, 0x43, 1, 2, 3), new Uint8Array(3)]), 5);
  t.deepEqual(bytes, [Uint8Array.of(1, 2, 3), 0, 0, 0]);
  // A proposal's frame of four million empty arrays.
  const flood = new Uint8Array(4_194_304).fill(0x80);
  flood.set([0x9a, 0x00, 0x3f, 0xff, 0xfb]);
  t.throws(() => decodeMessage(flood), { instanceOf: DecodeError, message: 'too many items' });
});
