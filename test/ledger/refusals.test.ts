// Every format with one part wrong in turn: whatever is not the one encoding of a well-formed value is refused with
// DecodeError and nothing else. The formats and their examples are those of docs/formats.md.
import test from 'ava';
import { GenesisError, readGenesisEntry } from '../../genesis/genesis.ts';
import { DecodeError, decode, encode, type Value } from '../../node/ledger/codec.ts';
import { decodeEntry, encodeEntry } from '../../node/ledger/entry.ts';
import { equalBytes } from '../../node/ledger/hash.ts';
import { decodeTransaction } from '../../node/ledger/transaction.ts';
import { entryAt, transfer } from './_example-chain.ts';
import { examples } from './_formats.ts';

/** Fields that take any value of the codec: arguments and payloads are given a shape by their contract. */
const anyField: { readonly [example: string]: readonly string[] } = {
  'transaction-body': ['7'],
  'transaction-entry': ['3.0.2'],
  'line-entry': ['5.0.2'],
  'evidence-entry': ['2.0.2'],
  batch: ['0.0.1', '0.1.1'],
};

interface Place {
  readonly path: string;
  /** The whole value with another one in this place. */
  replaced(by: Value): Value;
  readonly value: Value;
}

function* places(value: Value, path = '', replaced = (by: Value): Value => by): Generator<Place> {
  yield { path, value, replaced };
  if (!Array.isArray(value)) return;
  const items: readonly Value[] = value;
  for (const [i, item] of items.entries())
    yield* places(item, path === '' ? `${i}` : `${path}.${i}`, (by) => replaced(items.with(i, by)));
}

/** Values that no field takes which holds this one. */
function wrongInPlaceOf(value: Value): readonly Value[] {
  const tooLarge = 2n ** 63n;
  if (typeof value === 'string')
    return [7, new TextEncoder().encode(value), [value], `${value}\u0000`, `${value}\u202e`, 'x'.repeat(200)];
  if (value instanceof Uint8Array) return [7, 'text', [value], new Uint8Array(0), new Uint8Array(16_385)];
  if (Array.isArray(value)) return [7, 'text', new Uint8Array(4), [...value, []], [...value, ...value, ...value, []]];
  return ['7', Uint8Array.of(7), [value], tooLarge, -tooLarge - 1n];
}

for (const { name, bytes, read } of examples) {
  if (read === undefined) continue;
  const refused = (t: import('ava').ExecutionContext, wrong: Uint8Array, what: string) => {
    const error = t.throws(() => read(wrong), undefined, what);
    t.true(error instanceof DecodeError || error instanceof GenesisError, `${what}: ${error?.message}`);
  };

  test(`${name}: a value of another kind or size is refused wherever it stands`, (t) => {
    const free = anyField[name] ?? [];
    for (const { path, value, replaced } of places(decode(bytes))) {
      if (free.some((each) => path === each || path.startsWith(`${each}.`))) continue;
      for (const wrong of wrongInPlaceOf(value)) refused(t, encode(replaced(wrong)), `${path}: ${typeof wrong}`);
    }
  });

  test(`${name}: cut off, continued or encoded otherwise it is refused`, (t) => {
    for (let length = 0; length < bytes.length; length += Math.ceil(bytes.length / 50))
      refused(t, bytes.slice(0, length), `cut to ${length}`);
    refused(t, Uint8Array.of(...bytes, 0), 'one byte more');
    const [first = 0, ...rest] = bytes;
    const [major, argument] = [first & 0xe0, first & 0x1f];
    if (argument < 24) refused(t, Uint8Array.of(major | 24, argument, ...rest), 'a longer head');
    if (major === 0x80) refused(t, Uint8Array.of(0x9f, ...rest, 0xff), 'of indefinite length');
    refused(t, Uint8Array.of(0xc1, ...bytes), 'under a tag');
  });

  test(`${name}: with any one bit flipped it is refused, or it is the one encoding of something else`, (t) => {
    let others = 0;
    // The genesis is checked key by key, so not every one of its bytes has its turn.
    for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 400)) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      try {
        read(flipped);
      } catch (error) {
        if (!(error instanceof DecodeError || error instanceof GenesisError)) throw error;
        continue;
      }
      t.true(equalBytes(encode(decode(flipped)), flipped), `byte ${at}`);
      others++;
    }
    t.true(others <= bytes.length);
  });
}

test('an entry of an unknown kind is refused, and evidence of an unknown type', (t) => {
  for (const kind of [5, 6, -1, 'x']) t.throws(() => decodeEntry(encode([kind, 0])), { instanceOf: DecodeError });
  const [kind, evidence, events] = decode(
    examples.find(({ name }) => name === 'evidence-entry')?.bytes ?? new Uint8Array(0),
  ) as [Value, readonly Value[], Value];
  t.notThrows(() => decodeEntry(encode([kind, evidence, events])));
  t.throws(() => decodeEntry(encode([kind, evidence.with(0, 2), events])), { instanceOf: DecodeError });
  t.throws(() => decodeEntry(encode([kind, evidence, []])), { instanceOf: DecodeError });
  t.throws(() => decodeEntry(encode(0)), { instanceOf: DecodeError });
});

test('a header, a transaction and a line are not read as a genesis', (t) => {
  for (const index of [1, 3, 6]) t.throws(() => readGenesisEntry(entryAt(index)), { instanceOf: GenesisError });
});

test('an entry and a transaction over their limits are refused before they are decoded', (t) => {
  t.throws(() => decodeEntry(new Uint8Array(65_536)), { instanceOf: DecodeError, message: /over 65535/ });
  t.throws(() => decodeTransaction(new Uint8Array(16_385)), { instanceOf: DecodeError, message: /over 16384/ });
  t.throws(() => encodeEntry({ kind: 0, document: new Uint8Array(65_536) }), { instanceOf: DecodeError });
});

test("a transaction's body is canonical inside its byte string too", (t) => {
  const envelope = decode(transfer.bytes) as readonly Value[];
  const body = decode(envelope[0] as Uint8Array) as readonly Value[];
  const spoilt = [
    encode([...body, 0]),
    encode(body.with(0, 2)),
    Uint8Array.of(0x98, 8, ...(envelope[0] as Uint8Array).slice(1)),
  ];
  for (const each of spoilt)
    t.throws(() => decodeTransaction(encode(envelope.with(0, each))), { instanceOf: DecodeError });
});
