import test from 'ava';
import { DecodedRecords, Overlay, readerOf, writerOf } from '../../node/execution/overlay.ts';
import { stateKey, statePartsOf, statePath } from '../../node/execution/state-path.ts';
import { InvariantError } from '../../node/ledger/assert.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { sha256, toHex } from '../../node/ledger/hash.ts';
import { anyValue, bigInteger, decodeAs, encodeAs, record, text } from '../../node/ledger/schema.ts';

const words = { name: 'words', schema: text(0, 9) };
const stored = (...records: [string, string][]) => {
  const map = new Map(records.map(([path, value]) => [path, encodeAs(words.schema, value)]));
  const asked: string[] = [];
  const get = (path: string) => {
    asked.push(path);
    return map.get(path);
  };
  return { get, asked };
};

test('layers: the upper hides the lower until it is merged or dropped', (t) => {
  const block = new Overlay(stored(['c/words/a', 'old']));
  const transaction = new Overlay(block);
  const writer = writerOf(transaction, 'c');
  writer.write(words, 'a', 'new');
  writer.write(words, 'b', 'more');
  writer.remove(words, 'b');
  t.is(writer.read(words, 'a'), 'new');
  t.is(writer.read(words, 'b'), undefined);
  t.is(readerOf(block, 'c').read(words, 'a'), 'old');
  transaction.merge();
  t.is(readerOf(block, 'c').read(words, 'a'), 'new');
  t.deepEqual(block.writes(), [['c/words/a', encodeAs(words.schema, 'new')]], 'what was never stored is not deleted');
});

test('a stored record that is removed is deleted', (t) => {
  const block = new Overlay(stored(['c/words/a', 'old']));
  writerOf(block, 'c').remove(words, 'a');
  t.is(readerOf(block, 'c').read(words, 'a'), undefined);
  t.deepEqual(block.writes(), [['c/words/a', undefined]]);
});

test('a record is read from the store and decoded once', (t) => {
  const store = stored(['c/words/a', 'old']);
  const block = new Overlay(store);
  for (let i = 0; i < 3; i++) {
    readerOf(new Overlay(block), 'c').read(words, 'a');
    readerOf(new Overlay(block), 'c').read(words, 'none');
  }
  t.deepEqual(store.asked, ['c/words/a', 'c/words/none']);
});

test('what a stored block wrote is found by the next as it reads from the store, without asking it', (t) => {
  const pairs = { name: 'pairs', schema: record({ big: bigInteger(-1n, 2n ** 63n), note: anyValue }) };
  const store = stored(['c/words/gone', 'old']);
  const records = new DecodedRecords();
  const first = new Overlay(store, records);
  const more = { big: 5n, note: [7n, 2n ** 60n], unknown: 'to the schema' };
  writerOf(first, 'c').write(pairs, 'a', more);
  writerOf(first, 'c').remove(words, 'gone');
  const before = new Overlay(store, records);
  t.is(readerOf(before, 'c').read(pairs, 'a'), undefined, 'a block that is not stored is not seen');
  first.handOver(records);
  const next = new Overlay(store, records);
  const bytes = encodeAs(pairs.schema, more);
  t.deepEqual(readerOf(next, 'c').read(pairs, 'a'), decodeAs(pairs.schema, bytes));
  t.is(readerOf(next, 'c').read(words, 'gone'), undefined);
  t.deepEqual(store.asked, ['c/pairs/a']);
});

test('what stays decoded is bounded by its bytes, whatever it was before', (t) => {
  const store = stored(['c/words/a', 'first']);
  const records = new DecodedRecords(300);
  const read = (key: string) => readerOf(new Overlay(store, records), 'c').read(words, key);
  for (const key of ['a', 'none', 'a', 'none']) read(key);
  t.deepEqual(store.asked, ['c/words/a', 'c/words/none']);
  for (let i = 0; i < 10; i++) records.set('c/words/a', 'again', 6);
  t.is(read('a'), 'again', 'written often, it counts once');
  records.set('c/words/none', 'long', 200);
  t.is(read('a'), 'first', 'forgotten, so it is read anew');
});

test('a value outside its schema is refused when it is written, a damaged record when it is read', (t) => {
  const block = new Overlay({ get: () => new Uint8Array([0xff]) });
  t.throws(() => writerOf(block, 'c').write(words, 'a', 'far too long'), { instanceOf: DecodeError });
  t.throws(() => readerOf(block, 'c').read(words, 'a'), { instanceOf: InvariantError });
});

test('a state path names its parts, and its tree key is the tagged hash of their CBOR array', (t) => {
  const path = statePath('payments', 'accounts', 'A/B');
  t.deepEqual(statePartsOf(path), { contract: 'payments', collection: 'accounts', key: 'A/B' });
  const array = '83 68 7061796d656e7473 68 6163636f756e7473 63 412f42'.replaceAll(' ', '');
  const preimage = Buffer.concat([Buffer.from('daybook/state/v1'), Buffer.from(array, 'hex')]);
  t.is(toHex(stateKey(path)), toHex(sha256(preimage)));
  for (const bad of ['', 'a', 'a/b', '/b/c', 'a//c']) t.throws(() => statePartsOf(bad), { instanceOf: InvariantError });
});
