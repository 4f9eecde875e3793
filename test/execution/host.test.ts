import test from 'ava';
import { consortium } from '../../contracts/consortium.ts';
import { hostRefusals } from '../../contracts/contract.ts';
import { refusalTexts } from '../../contracts/refusals.ts';
import { Host, type RunPlace, type RunResult } from '../../node/execution/host.ts';
import { Overlay, readerOf } from '../../node/execution/overlay.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { decodeEntry, type Entry } from '../../node/ledger/entry.ts';
import { bodyOf, signTransaction, type Transaction } from '../../node/ledger/transaction.ts';
import { nonce, tellers } from './_ledger.ts';
import { notes, notesCollection } from './_notes-contract.ts';

const host = new Host([consortium, notes], () => false, new Uint8Array(32));
const emptyState = () => new Overlay({ get: () => undefined });
const { seed, publicKey } = tellers.NORTH;

function transaction(contract: string, method: string, args: Value, reference = 'R'): Transaction {
  const fields = { chainId: nonce, member: 'NORTH', reference, validUntil: 9, contract, method, args };
  return signTransaction(bodyOf(fields), seed, publicKey);
}

function run(
  state: Overlay,
  method: string,
  args: Value,
  place: Partial<RunPlace> = {},
  contract = 'notes',
): RunResult {
  const where = { signer: tellers.NORTH, height: 1, time: 5, index: 10, isUsed: () => false, ...place };
  return host.run(transaction(contract, method, args), where, state);
}

const decoded = (result: RunResult): Entry[] => result.entries.map((bytes) => decodeEntry(bytes));
const outcomes = (result: RunResult) => decoded(result).map((entry) => ('outcome' in entry ? entry.outcome : ''));
const note = (state: Overlay, id: string) => readerOf(state, 'notes').read(notesCollection, id);
const line = (reference: string, method: string, args: Value): Value => [reference, method, args];

test('an accepted operation becomes an entry with its events, and its events become state', (t) => {
  const state = emptyState();
  const result = run(state, 'put', ['a', 0, 'hello']);
  const [entry] = decoded(result);
  const written = ['a', [1, 'hello', 'NORTH R', 10]];
  t.like(entry, { kind: 1, outcome: 'OK', events: [{ contract: 'notes', type: 'put', payload: written }] });
  t.deepEqual(note(state, 'a'), { version: 1, text: 'hello', author: 'NORTH R', index: 10 });
  const { id } = transaction('notes', 'put', ['a', 0, 'hello']);
  const row = { member: 'NORTH', reference: 'R', index: 10, time: 5, transaction: id, line: 0 };
  t.deepEqual(result.references, [row]);
});

test('a refusal is an entry with its code and no event, and still uses the reference', (t) => {
  const state = emptyState();
  const result = run(state, 'put', ['a', 3, 'hello']);
  t.like(decoded(result)[0], { kind: 1, outcome: 'STALE', events: [] });
  t.is(result.references.length, 1);
  t.is(note(state, 'a'), undefined);
  t.deepEqual(state.writes(), []);
});

test("the host's own refusals: unknown contract, unknown method, malformed arguments, in this order", (t) => {
  const state = emptyState();
  t.deepEqual(outcomes(run(state, 'put', 'x', {}, 'nothing')), ['AG03']);
  t.deepEqual(outcomes(run(state, 'nothing', 'x')), ['AG03']);
  t.deepEqual(outcomes(run(state, 'constructor', 'x')), ['AG03'], 'what every object has is no method');
  t.deepEqual(outcomes(run(state, 'put', ['a', 0])), ['FF01']);
  t.deepEqual(outcomes(run(state, 'put', ['a', 0, 'a\u0000'])), ['FF01']);
  for (const code of Object.values(hostRefusals)) t.true(Object.hasOwn(refusalTexts, code));
});

test('a contract sees its own state alone', (t) => {
  const state = emptyState();
  run(state, 'put', ['a', 0, 'x']);
  t.is(readerOf(state, 'consortium').read(notesCollection, 'a'), undefined);
  t.deepEqual(
    state.writes().map(([path]) => path),
    ['notes/notes/a'],
  );
});

test('each line of a file has its own entry, index, layer and outcome', (t) => {
  const state = emptyState();
  const lines = [
    line('L1', 'put', ['a', 0, 'one']),
    line('L2', 'put', ['a', 0, 'stale']),
    line('L3', 'nothing', 0),
    line('L4', 'put', 'malformed'),
    line('L5', 'put', ['a', 1, 'two']),
  ];
  const result = run(state, 'file', [lines]);
  t.deepEqual(outcomes(result), ['OK', 'OK', 'STALE', 'AG03', 'FF01', 'OK']);
  t.deepEqual(note(state, 'a'), { version: 2, text: 'two', author: 'NORTH L5', index: 15 });
  t.like(decoded(result)[2], { kind: 2, batch: 10, line: 2, reference: 'L2', events: [] });
  t.deepEqual(
    result.references.map(({ reference, index, line: number }) => [reference, index, number]),
    [
      ['R', 10, 0],
      ['L1', 11, 1],
      ['L2', 12, 2],
      ['L3', 13, 3],
      ['L4', 14, 4],
      ['L5', 15, 5],
    ],
  );
});

test('a line under a used reference is refused alone with DU04, and the first use stands', (t) => {
  const state = emptyState();
  const put = (version: number): Value => ['a', version, 'x'];
  const lines = [
    line('USED', 'put', put(0)),
    line('R', 'put', put(0)),
    line('L1', 'put', put(9)),
    line('L1', 'put', put(0)),
    line('USED', 'nothing', 0),
    line('L2', 'put', put(0)),
  ];
  const result = run(state, 'file', [lines], { isUsed: (reference) => reference === 'USED' });
  t.deepEqual(outcomes(result), ['OK', 'DU04', 'DU04', 'STALE', 'DU04', 'DU04', 'OK']);
  t.deepEqual(
    result.references.map(({ reference }) => reference),
    ['R', 'L1', 'L2'],
  );
});

test('limits of the host are a fault and roll back: events, entry size, lines, lines within lines', (t) => {
  const state = emptyState();
  t.deepEqual(outcomes(run(state, 'misbehave', ['events', 0])), ['fault']);
  t.deepEqual(outcomes(run(state, 'big', [66])), ['fault'], 'an entry over 65,535 bytes');
  t.deepEqual(outcomes(run(state, 'big', [60])), ['OK']);
  const lineOf = (count: number) => [[line('L1', 'big', [count])]] satisfies Value;
  t.deepEqual(outcomes(run(emptyState(), 'file', lineOf(17))), ['OK', 'fault'], "a line's entry over 16,384 bytes");
  t.deepEqual(outcomes(run(emptyState(), 'file', lineOf(15))), ['OK', 'OK']);
  t.deepEqual(outcomes(run(state, 'misbehave', ['limit', 1])), ['fault'], 'what evolve wrote before is gone');
  const many = Array.from({ length: 201 }, (_, i) => line(`L${i}`, 'put', 0));
  t.deepEqual(outcomes(run(state, 'file', [many])), ['fault'], 'the file and all its lines');
  t.deepEqual(state.writes(), []);
  const nested = [line('L1', 'file', [[line('L2', 'put', ['a', 0, ''])]]), line('L3', 'put', ['a', 0, ''])];
  t.deepEqual(outcomes(run(state, 'file', [nested])), ['OK', 'fault', 'OK'], 'a line is no file');
});

test('any other throw is no outcome: it passes through, and the layer can be dropped', (t) => {
  const state = emptyState();
  for (const [how, count] of [
    ['throw', 0],
    ['evolve', 1],
    ['text', 201],
  ] as const) {
    const layer = new Overlay(state);
    t.throws(() => run(layer, 'misbehave', [how, count]));
    t.deepEqual(layer.writes(), []);
  }
  t.deepEqual(state.writes(), []);
});
