import test from 'ava';
import fc from 'fast-check';
import { digestOf, sha256 } from '../node/ledger/hash.ts';
import type { Transaction } from '../node/ledger/transaction.ts';
import { Mempool, type MempoolLimits, type Origin } from '../node/mempool.ts';

const wide = { transactionsMax: 1_000, bytesMax: 1_000_000, linesMax: 1_000, memberTransactionsMax: 1_000 };

/** The mempool reads only these fields. */
function transaction(member: string, reference: string, size = 100, validUntil = 1_000, salt = ''): Transaction {
  const id = digestOf(sha256(new TextEncoder().encode(`${member}/${reference}/${salt}`)));
  const chainId = new Uint8Array(32);
  const body = { version: 1, chainId, member, reference, validUntil, contract: 'c', method: 'm', args: [] } as const;
  return { bytes: new Uint8Array(size), id, body, publicKey: new Uint8Array(32), signature: new Uint8Array(64) };
}

function pool(limits: Partial<MempoolLimits> = {}): Mempool {
  return new Mempool({ transactionsMax: 100, bytesMax: 100_000, memberShare: 0.5, ...limits });
}

const names = (list: readonly Transaction[]) => list.map(({ body }) => `${body.member}${body.reference}`);

test('members take turns, and each keeps the order in which its own came', (t) => {
  const mempool = pool();
  for (const reference of ['1', '2', '3']) mempool.add(transaction('A', reference), 'client');
  mempool.add(transaction('B', '1'), 'client');
  mempool.add(transaction('C', '1'), 2);
  t.deepEqual(names(mempool.take(wide)), ['A1', 'B1', 'C1', 'A2', 'A3']);
  t.deepEqual(names(mempool.take({ ...wide, transactionsMax: 2 })), ['A1', 'B1']);
  t.deepEqual(names(mempool.take({ ...wide, memberTransactionsMax: 1 })), ['A1', 'B1', 'C1']);
  mempool.remove(mempool.take({ ...wide, transactionsMax: 2 }).map(({ id }) => id));
  t.deepEqual(names(mempool.take(wide)), ['A2', 'C1', 'A3'], 'who waits longest goes first');
});

test('[C4] what others brought of the round under way is told to a primary once', (t) => {
  const mempool = pool();
  mempool.add(transaction('A', '1'), 'client');
  for (const reference of ['1', '2', '3']) mempool.add(transaction('B', reference), 2);
  mempool.round();
  mempool.add(transaction('C', '1'), 3);
  t.deepEqual(names(mempool.untold('0/0', 2, 1_000)), ['B1', 'B2'], 'its own client told everybody');
  t.deepEqual(names(mempool.untold('0/0', 2, 1_000)), ['B3'], 'what came later is of the next round');
  t.deepEqual(names(mempool.untold('0/0', 2, 1_000)), []);
  t.deepEqual(names(mempool.untold('0/1', 9, 250)), ['B1', 'B2'], 'another primary');
});

test('what does not fit ends its own member turn only: nothing of that member overtakes it', (t) => {
  const mempool = pool();
  mempool.add(transaction('A', '1', 900), 'client');
  mempool.add(transaction('A', '2', 10), 'client');
  mempool.add(transaction('B', '1', 100), 'client');
  t.deepEqual(names(mempool.take({ ...wide, bytesMax: 500 })), ['B1']);
});

test('a batch counts with its lines', (t) => {
  const lines = (each: Transaction) => Number(each.body.reference);
  const mempool = new Mempool({ transactionsMax: 10, bytesMax: 100_000, memberShare: 0.5 }, lines);
  for (const [member, count] of [
    ['A', '200'],
    ['B', '150'],
    ['C', '40'],
  ] as const)
    mempool.add(transaction(member, count), 'client');
  t.deepEqual(names(mempool.take({ ...wide, linesMax: 250 })), ['A200', 'C40']);
});

test('the same transaction again is waiting; another body under its reference is a conflict', (t) => {
  const mempool = pool();
  t.is(mempool.add(transaction('A', '1'), 'client'), 'added');
  t.is(mempool.add(transaction('A', '1'), 3), 'waiting');
  t.is(mempool.add(transaction('A', '1', 100, 1_000, 'other'), 'client'), 'conflict');
  t.is(mempool.add(transaction('B', '1'), 'client'), 'added');
  const first = transaction('A', '1');
  t.true(mempool.has(first.id));
  t.is(mempool.get(first.id)?.id, first.id);
  t.is(mempool.byReference('A', '1')?.id, first.id);
  t.is(mempool.byReference('A', '2'), undefined);
  mempool.remove([first.id, first.id]);
  t.is(mempool.byReference('A', '1'), undefined);
  t.is(mempool.size, 1);
  t.is(mempool.bytes, 100);
});

test('a member alone fills its share, the next one its share of the rest, and so on', (t) => {
  const mempool = pool();
  const fill = (member: string) => {
    let count = 0;
    while (mempool.add(transaction(member, `${count}`), 'client') === 'added') count++;
    return count;
  };
  t.deepEqual(['A', 'B', 'C', 'D'].map(fill), [50, 25, 13, 6]);
  t.is(mempool.add(transaction('E', '1'), 'client'), 'added');
  t.is(mempool.add(transaction('A', 'more'), 'client'), 'full');
  mempool.remove(mempool.take({ ...wide, memberTransactionsMax: 10 }).map(({ id }) => id));
  t.is(mempool.add(transaction('E', '2'), 'client'), 'added');
  t.is(mempool.add(transaction('A', 'more'), 'client'), 'added');
});

test('the same holds for bytes', (t) => {
  const mempool = pool({ transactionsMax: 1_000 });
  while (mempool.add(transaction('A', `${mempool.size}`, 1_000), 'client') === 'added');
  t.is(mempool.bytes, 50_000);
  t.is(mempool.add(transaction('B', '1', 16_384), 'client'), 'added');
});

test('what n primaries in a row left out drives no timer, and may still be ordered', (t) => {
  const mempool = pool();
  t.is(mempool.oldest(), undefined);
  const first = transaction('A', '1');
  mempool.add(first, 'client');
  mempool.leftOut(4);
  const second = transaction('B', '1');
  mempool.add(second, 'client');
  mempool.leftOut(4);
  mempool.leftOut(4);
  t.is(mempool.oldest()?.id, first.id);
  mempool.leftOut(4);
  t.is(mempool.oldest()?.id, second.id);
  mempool.leftOut(4);
  t.is(mempool.oldest(), undefined);
  t.is(mempool.take(wide).length, 2);
  mempool.add(second, 2);
  t.is(mempool.oldest(), undefined, 'another validator asks for nothing');
  mempool.add(second, 'client');
  t.is(mempool.oldest()?.id, second.id, 'a client asks for it again');
  mempool.add(first, 'client');
  for (let i = 0; i < 4; i++) mempool.leftOut(4);
  t.is(mempool.oldest(), undefined);
});

test('[T4] a round ends when nothing of it waits, however much came meanwhile', (t) => {
  const mempool = pool();
  t.is(mempool.round(), undefined);
  const [first, second, third] = ['1', '2', '3'].map((reference) => transaction('A', reference));
  if (first === undefined || second === undefined || third === undefined) return t.fail();
  mempool.add(first, 'client');
  mempool.add(second, 'client');
  const round = mempool.round();
  mempool.settled([first], wide);
  t.is(mempool.round(), round, 'who serves one at a time gains no time');
  mempool.add(third, 'client');
  mempool.settled([second], wide);
  const next = mempool.round();
  t.not(next, round);
  mempool.settled([third], wide);
  t.is(mempool.round(), undefined);
});

test('[T4] a full block begins the round anew if the round had its part of it', (t) => {
  const mempool = pool();
  const limits = { ...wide, transactionsMax: 2 };
  const waiting = ['1', '2', '3', '4', '5'].map((reference) => transaction('A', reference));
  for (const each of waiting) mempool.add(each, 'client');
  const round = mempool.round();
  mempool.settled(waiting.slice(0, 2), limits);
  const again = mempool.round();
  t.not(again, round);
  mempool.add(transaction('B', '1'), 'client');
  const others = ['1', '2'].map((reference) => transaction('C', reference));
  for (const each of others) mempool.add(each, 'client');
  mempool.settled(others, limits);
  t.is(mempool.round(), again, 'full of others is no excuse');
  mempool.settled(waiting.slice(2, 3), limits);
  t.is(mempool.round(), again, 'nor is a block that had room');
});

test('[T4] nor is a full block of which a member of the round got nothing: its queue is not deep', (t) => {
  const mempool = pool();
  const limits = { ...wide, transactionsMax: 4 };
  mempool.add(transaction('V', '1'), 'client');
  const friends = Array.from({ length: 40 }, (_, i) => transaction('M', `${i}`));
  for (const each of friends) mempool.add(each, 'client');
  const round = mempool.round();
  let blocks = 0;
  for (const friend of friends) {
    const late = ['C', 'D', 'C'].map((member, i) => transaction(member, `${blocks} ${i}`));
    for (const each of late) mempool.add(each, 'client');
    mempool.settled([friend, ...late], limits);
    if (mempool.round() !== round) break;
    blocks += 1;
  }
  t.is(blocks, 40, 'one that lies gains no time for each block of its friends');
  const own = pool();
  for (let i = 0; i < 20; i++) own.add(transaction('V', `${i}`), 'client');
  own.add(transaction('M', '1'), 'client');
  const first = own.round();
  const one = own.take({ ...wide, transactionsMax: 1 });
  const late = Array.from({ length: 9 }, (_, i) => transaction('M', `late ${i}`));
  own.settled([...one, transaction('M', '1'), ...late], { ...wide, transactionsMax: 11 });
  t.is(own.round(), first, 'nor by one of a queue of twenty');
  own.settled(own.take({ ...wide, transactionsMax: 10 }), { ...wide, transactionsMax: 10 });
  t.not(own.round(), first);
  const two = pool();
  for (const member of ['A', 'B', 'C', 'D', 'E', 'F']) two.add(transaction(member, '1'), 'client');
  const crowd = two.round();
  two.settled(two.take(limits), limits);
  t.not(two.round(), crowd, 'not all members have a place in one block');
});

test('[T4] a block that holds as many of each member as one may have begins the round anew', (t) => {
  const mempool = pool();
  const limits = { ...wide, memberTransactionsMax: 3 };
  const rounds = new Set<string | undefined>();
  for (let i = 0; i < 40; i++) mempool.add(transaction('A', `${i}`), 'client');
  for (let i = 0; i < 4; i++) mempool.add(transaction('B', `${i}`), 'client');
  let blocks = 0;
  for (; mempool.size > 0; blocks++) {
    rounds.add(mempool.round());
    const block = mempool.take(limits);
    t.true(block.length <= 6);
    mempool.settled(block, limits);
  }
  t.is(rounds.size, blocks, 'an honest primary has time for each block');
  const censored = pool();
  for (let i = 0; i < 40; i++) censored.add(transaction('A', `${i}`), 'client');
  censored.add(transaction('B', '0'), 'client');
  const round = censored.round();
  const others = censored.take({ ...wide }).filter(({ body }) => body.member === 'A');
  censored.settled(others.slice(1, 4), limits);
  t.is(censored.round(), round, 'not one that leaves out the first of a member');
  censored.settled([...others.slice(0, 1), ...others.slice(4, 6)], limits);
  t.is(censored.round(), round, 'nor one that leaves out a member');
});

test('what expired, and what no longer holds after a commit, is dropped', (t) => {
  const mempool = pool();
  mempool.add(transaction('A', '1', 100, 500), 'client');
  mempool.add(transaction('A', '2', 100, 501), 'client');
  mempool.add(transaction('A', '3', 100, 900), 'client');
  t.deepEqual(names(mempool.expired(500)), ['A1']);
  t.deepEqual(names(mempool.recheck(({ body }) => body.reference !== '2')), ['A2']);
  t.deepEqual(names(mempool.take(wide)), ['A3']);
});

test('own transactions are repeated in turn, those of other validators not', (t) => {
  const mempool = pool();
  for (const reference of ['1', '2', '3']) mempool.add(transaction('A', reference), 'client');
  mempool.add(transaction('B', '1'), 2);
  t.deepEqual(names(mempool.repeat(2, 1_000)), ['A1', 'A2']);
  t.deepEqual(names(mempool.repeat(2, 1_000)), ['A3', 'A1']);
  t.deepEqual(names(mempool.repeat(9, 100)), ['A2']);
  mempool.add(transaction('B', '1'), 'client');
  t.deepEqual(names(mempool.repeat(9, 1_000)), ['A3', 'A1', 'A2', 'B1'], 'a client brought it here too');
  mempool.remove([transaction('A', '3').id]);
  t.deepEqual(names(mempool.repeat(9, 1_000)), ['A1', 'A2', 'B1']);
});

interface Held {
  readonly transaction: Transaction;
  readonly origin: Origin;
  /** When it began to count: after so many primaries, and in which step. */
  replaced: number;
  since: number;
}

test('any run of operations agrees with a plain list', (t) => {
  const member = fc.constantFrom('A', 'B', 'C', 'D');
  const operation = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(fc.constant('add' as const), member, fc.nat(12), fc.integer({ min: 50, max: 9_000 })),
    },
    { weight: 1, arbitrary: fc.tuple(fc.constant('commit' as const), fc.nat(5)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('expire' as const), fc.nat(12)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('replaced' as const)) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
      const mempool = pool({ transactionsMax: 20, bytesMax: 60_000 });
      let model: Held[] = [];
      let replaced = 0;
      for (const [at, step] of operations.entries()) {
        if (step[0] === 'add') {
          const item = transaction(step[1], `${step[2]}`, step[3], step[2], step[3] % 7 === 0 ? 'other' : '');
          const same = model.find((held) => held.transaction.id === item.id);
          const taken = model.some(
            ({ transaction: { body } }) => body.member === step[1] && body.reference === item.body.reference,
          );
          const result = mempool.add(item, 'client');
          if (same !== undefined) {
            t.is(result, 'waiting');
            if (replaced - same.replaced >= 3) Object.assign(same, { replaced, since: at });
          } else if (taken) t.is(result, 'conflict');
          else if (result === 'added') model.push({ transaction: item, origin: 'client', replaced, since: at });
          else t.is(result, 'full');
        } else if (step[0] === 'commit') {
          const ids = new Set(mempool.take({ ...wide, transactionsMax: step[1] }).map(({ id }) => id));
          t.is(ids.size, Math.min(step[1], model.length));
          mempool.remove(ids);
          model = model.filter((held) => !ids.has(held.transaction.id));
        } else if (step[0] === 'expire') {
          mempool.expired(step[1]);
          model = model.filter((held) => held.transaction.body.validUntil > step[1]);
        } else {
          mempool.leftOut(3);
          replaced += 1;
        }
        agree(mempool, model, replaced);
      }
    }),
    { seed: 7, numRuns: 200 },
  );
  t.pass();
});

function agree(mempool: Mempool, model: readonly Held[], replaced: number): void {
  const bytes = model.reduce((sum, held) => sum + held.transaction.bytes.length, 0);
  const [driving] = model.filter((held) => replaced - held.replaced < 3).sort((a, b) => a.since - b.since);
  const taken = mempool.take({ ...wide, bytesMax: 10_000_000 });
  const inOrder = ['A', 'B', 'C', 'D'].every((member) => {
    const of = (list: readonly Transaction[]) => list.filter(({ body }) => body.member === member).map(({ id }) => id);
    return of(taken).join() === of(model.map((held) => held.transaction)).join();
  });
  const problems = [
    mempool.size === model.length && mempool.bytes === bytes ? '' : 'size',
    mempool.size <= 20 && mempool.bytes <= 60_000 ? '' : 'limit',
    mempool.oldest()?.id === driving?.transaction.id ? '' : 'oldest',
    inOrder && taken.length === model.length ? '' : 'order',
  ].filter((problem) => problem !== '');
  if (problems.length > 0) throw new Error(problems.join());
}
