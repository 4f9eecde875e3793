import test from 'ava';
import fc from 'fast-check';
import { DecodeError, decode, encode, type Value } from '../../node/ledger/codec.ts';
import { digestOf } from '../../node/ledger/hash.ts';
import { digest } from '../../node/ledger/identifiers.ts';
import {
  bigInteger,
  bytes,
  decodeAs,
  encodeAs,
  integer,
  list,
  literal,
  oneOf,
  option,
  record,
  type Schema,
  text,
  uint,
} from '../../node/ledger/schema.ts';

const refused = { instanceOf: DecodeError };
const shape = record({
  version: literal(1),
  count: uint,
  day: integer(-366, 366),
  amount: bigInteger(-(2n ** 63n) + 1n, 2n ** 63n - 1n),
  key: bytes(4),
  note: text(0, 12),
  code: text(2, 4, /^[A-Z]+$/),
  side: oneOf(['debit', 'credit']),
  parent: digest,
  maybe: option(uint),
  lines: list(record({ line: uint, memo: option(text(1, 5)) }), 0, 5),
});
type Shape = ReturnType<(typeof shape)['read']>;

const letters = (min: number, max: number, set: string) =>
  fc.array(fc.constantFrom(...set), { minLength: min, maxLength: max }).map((each) => each.join(''));
const optional = <T>(item: fc.Arbitrary<T>) => fc.option(item, { nil: undefined });
const good: fc.Arbitrary<Shape> = fc.record({
  version: fc.constant(1 as const),
  count: fc.maxSafeNat(),
  day: fc.integer({ min: -366, max: 366 }),
  amount: fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }),
  key: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  note: letters(0, 12, ' aZ9é€支'),
  code: letters(2, 4, 'ABC'),
  side: fc.constantFrom('debit', 'credit'),
  parent: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(digestOf),
  maybe: optional(fc.maxSafeNat()),
  lines: fc.array(fc.record({ line: fc.maxSafeNat(), memo: optional(letters(1, 5, 'xyz')) }), { maxLength: 5 }),
});

test('a record of every combinator comes back from its bytes', (t) => {
  fc.assert(fc.property(good, (value) => void t.deepEqual(decodeAs(shape, encodeAs(shape, value)), value)));
  t.pass();
});

test('whatever a schema reads it writes to the same bytes', (t) => {
  let read = 0;
  const mutated = fc.tuple(good, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([value, at, change]) => {
    const encoded = encodeAs(shape, value);
    const index = at % encoded.length;
    encoded[index] = (encoded[index] ?? 0) ^ change;
    return encoded;
  });
  const check = (encoded: Uint8Array) => {
    try {
      const value = decodeAs(shape, encoded);
      read++;
      t.deepEqual(encodeAs(shape, value), encoded);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  };
  fc.assert(fc.property(mutated, check), { numRuns: 2_000 });
  t.true(read > 50, `${read} of the changed bytes are of the shape`);
});

/** Neither read nor written: a value of its own that the schema does not know. */
function refuses<T>(t: import('ava').ExecutionContext, schema: Schema<T>, wrong: readonly Value[]): void {
  for (const value of wrong) {
    const shown = `${typeof value} ${String(value)}`;
    t.throws(() => schema.read(value), refused, `read ${shown}`);
    t.throws(() => schema.write(value as T), refused, `write ${shown}`);
  }
}

test('an integer is whole, safe and within its bounds, on both ways', (t) => {
  refuses(t, integer(-2, 5), [-3, 6, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 3n, '3', [3]]);
  refuses(t, uint, [-1, 2 ** 53, 2n ** 53n]);
  refuses(t, literal(1), [0, 2, 1n, '1']);
});

test('a big integer is within its bounds, whichever way CBOR gave it', (t) => {
  const schema = bigInteger(-5n, 2n ** 63n - 1n);
  refuses(t, schema, [-6n, 2n ** 63n]);
  for (const wrong of ['5', Uint8Array.of(5), [5], -6]) t.throws(() => schema.read(wrong), refused);
  t.is(schema.read(7), 7n);
  t.is(schema.read(2n ** 60n), 2n ** 60n);
});

test('text and bytes keep their lengths, characters and patterns', (t) => {
  refuses(t, text(1, 3), ['', 'abcd', 'e\u0301', '\n', '😀', 5, Uint8Array.of(97)]);
  refuses(t, text(1, 3, /^[a-z]+$/), ['A', 'a1', 'ab\n']);
  refuses(t, bytes(2, 3), [Uint8Array.of(1), Uint8Array.of(1, 2, 3, 4), 'ab', [1, 2]]);
  refuses(t, oneOf(['a', 'b']), ['c', '', 'A', 0]);
});

test('lists and options keep their lengths', (t) => {
  const items = list(uint, 1, 2);
  for (const wrong of [[], [1, 2, 3], [-1], ['1'], 1, 'x']) t.throws(() => items.read(wrong), refused);
  for (const wrong of [[], [1, 2, 3], [-1]]) t.throws(() => items.write(wrong), refused);
  const maybe = option(uint);
  for (const wrong of [[1, 2], ['1'], 1, [[]]]) t.throws(() => maybe.read(wrong), refused);
  t.deepEqual([maybe.write(undefined), maybe.write(0), maybe.read([]), maybe.read([0])], [[], [0], undefined, 0]);
});

test('a record has exactly its fields, and says which one is wrong', (t) => {
  const schema = record({ a: uint, b: record({ c: uint }) });
  for (const wrong of [[], [1], [1, [2], 3], 1, 'x', Uint8Array.of(1)]) t.throws(() => schema.read(wrong), refused);
  t.throws(() => schema.read([1, ['2']]), { ...refused, message: /^b: c: / });
  t.throws(() => schema.write({ a: 1, b: { c: -1 } }), { ...refused, message: /^b: c: / });
  t.deepEqual(decode(encode(schema.write({ a: 1, b: { c: 2 } }))), [1, [2]]);
});
