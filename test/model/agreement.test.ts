// The node's execution and the model, which shares none of its code, make the same entries and the same two roots of
// the same operations; and the model is no yes-man: it refuses a log with any one thing changed.
import test, { type ExecutionContext } from 'ava';
import { genesisEntry } from '../../genesis/genesis.ts';
import { decode, encode, type Value } from '../../node/ledger/codec.ts';
import { prng } from '../_prng.ts';
import { TestLedger } from '../execution/_ledger.ts';
import { MembershipWorkload } from './_membership-workload.ts';
import { type Operation, Workload } from './_workload.ts';
import { Disagreement } from './raw.ts';
import { SecondLedger } from './second-ledger.ts';

interface Log {
  readonly genesis: Uint8Array;
  readonly blocks: readonly (readonly Uint8Array[])[];
}

function logOf(seed: number, blockCount: number, hasMembership = false): Log {
  const random = prng(seed);
  const ledger = new TestLedger();
  const workload = new Workload(random);
  const membership = new MembershipWorkload(random, ledger);
  const blocks: (readonly Uint8Array[])[] = [];
  const signed = ({ by, contract, method, args, reference }: Operation) =>
    ledger.transaction(by, contract, method, args, reference);
  while (blocks.length < blockCount) {
    const usual = Array.from({ length: 1 + random.int(12) }, () => signed(workload.next()));
    const changes = hasMembership && random.int(2) === 0 ? membership.next().map(signed) : [];
    const evidence = hasMembership && random.int(3) === 0 ? [membership.evidence()] : [];
    const { lastCommit, time } = ledger;
    const candidates = random.int(2) === 0 ? [...usual, ...changes] : [...changes, ...usual];
    const { block } = ledger.executor.propose({ proposer: 0, timestamp: time + 1, lastCommit, evidence, candidates });
    if (block === undefined) continue;
    ledger.commit(block);
    blocks.push(block.commit.entries);
  }
  return { genesis: genesisEntry(ledger.genesis), blocks };
}

function judged(t: ExecutionContext, { genesis, blocks }: Log): SecondLedger {
  const second = new SecondLedger(genesis);
  for (const entries of blocks) t.notThrows(() => second.block(entries));
  t.is(second.height, blocks.length);
  return second;
}

test('the model agrees with execution on random work, entry by entry and root by root', (t) => {
  const outcomes = new Map<string, number>();
  for (const seed of [1, 2, 3, 4]) {
    const second = judged(t, logOf(seed, 60));
    for (const [code, count] of second.outcomes) outcomes.set(code, (outcomes.get(code) ?? 0) + count);
  }
  t.log([...outcomes].sort().join(' '));
  // Every code that random work can meet was met: a model of nothing but OK would agree on little.
  const expected = [
    'OK',
    'AG03',
    'FF01',
    'DS0G',
    'DS0H',
    'AC01',
    'AC02',
    'AC03',
    'AC08',
    'AG01',
    'AM01',
    'AM03',
    'AM04',
  ];
  const more = [
    'AM11',
    'AM12',
    'AM14',
    'DUPACCT',
    'DUPMEMB',
    'DUPUSER',
    'DUPKEY',
    'NOUSER',
    'NOMEMB',
    'NOPROP',
    'CLOSED',
  ];
  const missing = [...expected, ...more, 'DUPAPPR'].filter((code) => !outcomes.has(code));
  t.deepEqual(missing, []);
});

test('it agrees on joiners, new keys, leavers, learners and evidence, epoch by epoch', (t) => {
  const outcomes = new Map<string, number>();
  let [epochs, accusations] = [0, 0];
  for (const seed of [11, 12, 13, 14]) {
    const second = judged(t, logOf(seed, 60, true));
    for (const [code, count] of second.outcomes) outcomes.set(code, (outcomes.get(code) ?? 0) + count);
    for (const code of second.failures()) outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
    epochs += second.epoch;
    accusations += second.accusations;
  }
  t.log(`${epochs} epochs, ${accusations} accusations; ${[...outcomes].sort().join(' ')}`);
  t.true(epochs > 20 && accusations > 20);
  const expected = ['NOVAL', 'DUPVAL', 'NOLEARN', 'DUPLEARN', 'MINVAL', 'CHGMAX', 'DUPKEY', 'NOMEMB', 'BADKEY', 'FF01'];
  t.deepEqual(
    expected.filter((code) => !outcomes.has(code)),
    [],
  );
});

test('the model refuses a log in which one value of one entry is another', (t) => {
  const log = logOf(5, 8, true);
  const random = prng(6);
  let found = 0;
  for (let tried = 0; tried < 200; tried++) {
    const height = random.int(log.blocks.length);
    const entries = log.blocks[height] ?? [];
    const at = random.int(entries.length);
    // The last certificate of a header is a matter of consensus: the model knows nothing of votes.
    const changed = changeOne(decode(entries[at] ?? new Uint8Array(0)), random, at === entries.length - 1 ? 13 : 99);
    const blocks = log.blocks.slice(0, height + 1).map((each, h) => {
      return h === height ? each.map((entry, i) => (i === at ? encode(changed) : entry)) : each;
    });
    const second = new SecondLedger(log.genesis, { checkSignatures: false });
    const error = t.throws(() => {
      for (const each of blocks) second.block(each);
    });
    if (error instanceof Disagreement) found++;
  }
  t.true(found > 150, `${found} of 200 named as disagreements, the rest as malformed`);
});

/** Another value in one of the leaves that decide. */
function changeOne(value: Value, random: ReturnType<typeof prng>, fieldsMax: number): Value {
  if (Array.isArray(value)) {
    const row: readonly Value[] = value;
    // Fields of a header that execution does not decide: proposer, time, the last commit.
    const free = fieldsMax === 13 && row.length === 14 ? [4, 5, 13] : [];
    const places = row.map((_, i) => i).filter((i) => !free.includes(i));
    if (places.length === 0) return [0];
    const at = random.pick(places);
    return row.map((each, i) => (i === at ? changeOne(each, random, fieldsMax) : each));
  }
  if (value instanceof Uint8Array) return value.map((byte, i) => (i === value.length >> 1 ? byte ^ 1 : byte));
  if (typeof value === 'string') return `${value}X`;
  return BigInt(value as number | bigint) + 1n;
}
