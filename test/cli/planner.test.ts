// The planner against a model that runs the file line by line: whatever order the ledger gives to units in flight,
// every line's outcome and every balance are the same.
import test from 'ava';
import fc from 'fast-check';
import { Planner } from '../../cli/planner.ts';
import { prng } from '../_prng.ts';

interface Line {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

/** Balances by account; a limit of undefined is none. */
class Bank {
  readonly balances = new Map<string, number>();
  readonly #limits: ReadonlyMap<string, number | undefined>;
  constructor(limits: ReadonlyMap<string, number | undefined>) {
    this.#limits = limits;
  }

  run({ from, to, amount }: Line): string {
    if (!this.#limits.has(from)) return 'AC02';
    if (!this.#limits.has(to)) return 'AC03';
    const limit = this.#limits.get(from);
    const balance = this.balances.get(from) ?? 0;
    if (limit !== undefined && balance - amount < -limit) return 'AM04';
    this.balances.set(from, balance - amount);
    this.balances.set(to, (this.balances.get(to) ?? 0) + amount);
    return 'OK';
  }
}

const names = ['A', 'B', 'C', 'D', 'BANK', 'TILL', 'NOBODY'] as const;
const limits = new Map<string, number | undefined>([
  ['A', 0],
  ['B', 50],
  ['C', 0],
  ['D', 10],
  ['BANK', undefined],
  ['TILL', undefined],
]);
const hasLimit = (account: string) => !limits.has(account) || limits.get(account) !== undefined;
const someLine = fc.record({
  from: fc.constantFrom(...names),
  to: fc.constantFrom(...names),
  amount: fc.integer({ min: 1, max: 60 }),
});

function lineByLine(lines: readonly Line[]): { readonly outcomes: string[]; readonly bank: Bank } {
  const bank = new Bank(limits);
  return { outcomes: lines.map((line) => bank.run(line)), bank };
}

interface Run {
  readonly outcomes: string[];
  readonly bank: Bank;
  readonly units: number;
}

/** Sends as much as it may, then orders one unit in flight at random; some units come back unsent. */
function planned(lines: readonly Line[], perUnit: number, inFlightMax: number, seed: number): Run {
  const random = prng(seed);
  const planner = new Planner(lines, hasLimit);
  const bank = new Bank(limits);
  const outcomes: string[] = lines.map(() => 'none');
  const inFlight: (readonly number[])[] = [];
  let units = 0;
  for (;;) {
    while (inFlight.length < inFlightMax) {
      let count = 0;
      const unit = planner.take(() => count++ < perUnit);
      if (unit === undefined) break;
      if (random.int(10) === 0) {
        planner.giveBack(unit.lines);
        break;
      }
      inFlight.push(unit.lines);
      units++;
    }
    if (inFlight.length === 0) {
      if (planner.left === 0) return { outcomes, bank, units };
      continue;
    }
    const [next = []] = inFlight.splice(random.int(inFlight.length), 1);
    for (const line of next) outcomes[line] = bank.run(lines[line] as Line);
    for (const line of next) planner.markDone(line);
  }
}

test('a file has the outcome of its lines one after another, in whatever order units in flight are run', (t) => {
  const property = fc.property(
    fc.array(someLine, { maxLength: 60 }),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 8 }),
    fc.nat(),
    (lines, perUnit, inFlightMax, seed) => {
      const expected = lineByLine(lines);
      const { outcomes, bank } = planned(lines, perUnit, inFlightMax, seed);
      t.deepEqual(outcomes, expected.outcomes);
      for (const name of names) t.is(bank.balances.get(name) ?? 0, expected.bank.balances.get(name) ?? 0);
    },
  );
  fc.assert(property, { numRuns: 1_000 });
});

test('a debit waits for every earlier line of its account, a credit only for earlier debits', (t) => {
  const lines = [
    { from: 'BANK', to: 'A' },
    { from: 'TILL', to: 'A' },
    { from: 'A', to: 'BANK' },
    { from: 'BANK', to: 'A' },
  ];
  const planner = new Planner(lines, hasLimit);
  const one = () => {
    let room = 1;
    return planner.take(() => room-- > 0)?.lines[0];
  };
  t.deepEqual([one(), one(), one()], [0, 1, undefined], 'both credits at once, then nothing');
  planner.markDone(1);
  t.is(one(), undefined, 'the debit still waits for the other credit');
  planner.markDone(0);
  t.is(one(), 2);
  t.is(one(), undefined, 'a credit that came first could save the debit');
  planner.markDone(2);
  t.is(one(), 3);
  t.is(planner.left, 0);
});

test('debtors without a limit need not wait, and lines that depend on each other travel in one unit', (t) => {
  const free = Array.from({ length: 400 }, () => ({ from: 'BANK', to: 'TILL' }));
  const planner = new Planner(free, hasLimit);
  const take = (target: Planner) => {
    let room = 200;
    return target.take(() => room-- > 0);
  };
  t.is(take(planner)?.lines.length, 200);
  t.is(take(planner)?.lines.length, 200);

  const chain = Array.from({ length: 150 }, () => ({ from: 'A', to: 'B' }));
  t.is(take(new Planner(chain, hasLimit))?.lines.length, 150);
});

test('a file without dependencies is packed into as few units as fit', (t) => {
  const lines: Line[] = Array.from({ length: 1_001 }, (_, i) => ({
    from: i % 3 === 0 ? 'BANK' : 'TILL',
    to: i % 3 === 0 ? 'TILL' : 'BANK',
    amount: 1,
  }));
  t.is(planned(lines, 200, 1, 1).units, 6);
});

test('lines that an earlier run sent or finished are not taken again', (t) => {
  const lines = [
    { from: 'A', to: 'B' },
    { from: 'A', to: 'C' },
    { from: 'BANK', to: 'C' },
  ];
  const planner = new Planner(lines, hasLimit);
  planner.markSent(0);
  t.deepEqual(planner.take(() => true)?.lines, [2], 'line 1 waits for line 0');
  planner.markDone(2);
  planner.markDone(0);
  t.deepEqual(planner.take(() => true)?.lines, [1]);
  t.is(planner.left, 0);
});
