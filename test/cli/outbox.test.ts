import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Outbox, outboxKey, type SignedUnit } from '../../cli/outbox.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import { folderOf } from './_home.ts';

function unit(n: number, ...lines: number[]): SignedUnit {
  return {
    id: n.toString(16).padStart(64, '0') as Digest,
    lines,
    validUntil: 1_000 + n,
    bytes: Uint8Array.of(n, 0xff),
  };
}

test('an outbox opened again holds what was signed and what became of it', (t) => {
  const folder = folderOf(t);
  const key = outboxKey('file', 'chain', 'hash');
  const first = Outbox.open(folder, key, 'a file');
  t.is(first.height, undefined);
  first.begin('a file', 7);
  first.addSigned([unit(1, 0, 1), unit(2, 2)]);
  first.addOutcome({ line: 1, outcome: 'OK', height: 8, index: 40, already: false });
  first.addOutcome({ line: 1, outcome: 'AM04', height: 9, index: 50, already: false });
  first.setHeight(8);
  first.close();

  const again = Outbox.open(folder, key, 'a file');
  t.is(again.height, 8);
  t.deepEqual([...again.units.values()], [unit(1, 0, 1), unit(2, 2)]);
  t.deepEqual([...again.outcomes.values()], [{ line: 1, outcome: 'OK', height: 8, index: 40, already: false }]);
  again.close();
  t.not(outboxKey('file', 'other', 'hash'), key);
});

test('a line torn by a crash is cut off, a damaged one in the middle is told', (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'k.jsonl');
  const box = Outbox.open(folder, 'k', 'a file');
  box.begin('a file', 1);
  box.addSigned([unit(1, 0)]);
  box.close();
  const whole = readFileSync(path, 'utf8');
  appendFileSync(path, '{"kind":"signed","unit":{"id":"00');
  const torn = Outbox.open(folder, 'k', 'a file');
  t.is(torn.units.size, 1);
  torn.addSigned([unit(2, 1)]);
  torn.close();
  const more = Outbox.open(folder, 'k', 'a file');
  t.is(more.units.size, 2, 'what came after the cut is whole');
  more.close();

  truncateSync(path, 0);
  writeFileSync(path, whole.replace('"begin"', '"bogus"'));
  t.throws(() => Outbox.open(folder, 'k', 'a file'), { message: /damaged in line 1/ });
});

test('a request is at work in one process only, and the lock of a dead one is taken over', (t) => {
  const folder = folderOf(t);
  const box = Outbox.open(folder, 'k', 'a file');
  t.throws(() => Outbox.open(folder, 'k', 'a file'), { message: /is at work on a file/ });
  box.close();
  writeFileSync(join(folder, 'k.jsonl.lock'), JSON.stringify({ pid: process.pid, start: 'of another process' }));
  Outbox.open(folder, 'k', 'a file').close();
  t.pass();
});
