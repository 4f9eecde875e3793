// A submission against a model ledger that orders as it likes, loses what it likes and stops when it likes: in the
// end each line has run once, and the outcomes are those of line by line.
import test from 'ava';
import fc from 'fast-check';
import { CliError } from '../../cli/exit-codes.ts';
import type { FollowedBlock, FollowedTransaction } from '../../cli/follow.ts';
import { Outbox, type SignedUnit } from '../../cli/outbox.ts';
import { Planner } from '../../cli/planner.ts';
import { type LedgerLink, runSubmission } from '../../cli/submission.ts';
import { digestOf, sha256 } from '../../node/ledger/hash.ts';
import { type Prng, prng } from '../_prng.ts';
import { folderOf } from './_home.ts';

interface Line {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

/** A and B may not go below zero, BANK may. */
function apply(balances: Map<string, number>, { from, to, amount }: Line): string {
  const balance = balances.get(from) ?? 0;
  if (from !== 'BANK' && balance < amount) return 'AM04';
  balances.set(from, balance - amount);
  balances.set(to, (balances.get(to) ?? 0) + amount);
  return 'OK';
}

/** The bytes of a unit are its lines, with a number that makes them unique: what a signature would do. */
function encodeUnit(lines: readonly number[], nonce: number): Uint8Array {
  return new TextEncoder().encode(JSON.stringify([lines, nonce]));
}

class ModelLedger implements LedgerLink {
  readonly balances = new Map<string, number>();
  readonly runs = new Map<number, number>();
  readonly #blocks: FollowedBlock[] = [];
  readonly #used = new Map<number, { outcome: string; height: number; index: number }>();
  readonly #waiting = new Map<string, { readonly id: FollowedTransaction['id']; readonly lines: readonly number[] }>();
  readonly #final = new Map<string, FollowedTransaction & { readonly height: number }>();
  readonly #lines: readonly Line[];
  readonly #packs: boolean;
  readonly #random: Prng;
  #index = 1;

  constructor(lines: readonly Line[], packs: boolean, random: Prng) {
    this.#lines = lines;
    this.#packs = packs;
    this.#random = random;
  }

  async head(): Promise<number> {
    return this.#blocks.length;
  }

  wordsNeeded(): number {
    return 1;
  }

  async post(transactions: readonly Uint8Array[]) {
    if (this.#random.int(12) === 0) throw new CliError('unreachable', 'nobody');
    return transactions.map((bytes) => {
      const id = digestOf(sha256(bytes));
      const [lines] = JSON.parse(new TextDecoder().decode(bytes)) as [number[]];
      if (this.#final.has(id)) return { status: 'final' as const, code: undefined, detail: undefined };
      if (this.#waiting.has(id)) return { status: 'waiting' as const, code: undefined, detail: undefined };
      const isFull = this.#random.int(10) === 0;
      const isUsed = !this.#packs && this.#used.has(lines[0] ?? 0);
      if (isUsed || isFull) return { status: 'refused' as const, code: isUsed ? 'DU04' : 'mempool-full', detail: '' };
      this.#waiting.set(id, { id, lines });
      return { status: 'admitted' as const, code: undefined, detail: undefined };
    });
  }

  /** Some of what waits, in any order. */
  order(): void {
    const height = this.#blocks.length + 1;
    const transactions: FollowedTransaction[] = [];
    const waiting = [...this.#waiting.values()].sort(() => this.#random.int(3) - 1);
    for (const { id, lines } of waiting.slice(0, 1 + this.#random.int(waiting.length + 1))) {
      this.#waiting.delete(id);
      if (!this.#packs && this.#used.has(lines[0] ?? 0)) continue; // left out: its reference is used
      const index = this.#index++;
      const outcomes = lines.map((line, i) => {
        return {
          line: i + 1,
          reference: `${line}`,
          outcome: this.#run(line, height),
          index: this.#packs ? this.#index++ : index,
        };
      });
      const transaction = this.#packs
        ? { id, outcome: 'OK', index, lines: outcomes }
        : { id, outcome: outcomes[0]?.outcome ?? '', index, lines: [] };
      this.#final.set(id, { ...transaction, height });
      transactions.push(transaction);
    }
    this.#blocks.push({ height, timestamp: height, transactions });
  }

  #run(line: number, height: number): string {
    if (this.#used.has(line)) return 'DU04';
    this.runs.set(line, (this.runs.get(line) ?? 0) + 1);
    const outcome = apply(this.balances, this.#lines[line] as Line);
    this.#used.set(line, { outcome, height, index: this.#index });
    return outcome;
  }

  async *follow(height: number, signal: AbortSignal) {
    for (let next = height; !signal.aborted; ) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#waiting.size > 0) this.order();
      const block = this.#blocks[next];
      if (block === undefined) continue;
      next++;
      yield block;
    }
  }

  async final(id: string) {
    return this.#final.get(id);
  }

  async first(line: number) {
    return this.#used.get(line);
  }
}

const someLines = fc.array(
  fc.record({
    from: fc.constantFrom('A', 'B', 'BANK'),
    to: fc.constantFrom('A', 'B', 'BANK'),
    amount: fc.integer({ min: 1, max: 9 }),
  }),
  { minLength: 1, maxLength: 40 },
);

class Crash extends Error {}

let names = 0;

interface Attempt {
  readonly folder: string;
  readonly name: string;
  readonly lines: readonly Line[];
  readonly packs: boolean;
  readonly ledger: ModelLedger;
  readonly random: Prng;
  /** The process dies at this signing, with some bytes sent and some not. */
  readonly signings: number;
}

/** One run of the command; undefined if it was cut off. */
async function attempt({ folder, name, lines, packs, ledger, random, signings }: Attempt) {
  const outbox = Outbox.open(folder, name, 'a file');
  let left = signings;
  try {
    return await runSubmission({
      what: 'a file',
      lines: lines.length,
      link: ledger,
      outbox,
      planner: new Planner(lines, (account) => account !== 'BANK'),
      room: () => {
        let count = 0;
        return () => count++ < (packs ? 5 : 1);
      },
      sign(unit): SignedUnit {
        if (left-- <= 0) throw new Crash();
        const bytes = encodeUnit(unit, random.next());
        return { id: digestOf(sha256(bytes)), lines: unit, validUntil: Number.MAX_SAFE_INTEGER, bytes };
      },
      packs,
      inFlightMax: 4,
      stallTimeoutMs: 20_000,
    });
  } catch (error) {
    if (error instanceof Crash || (error instanceof CliError && error.exit === 'unreachable')) return undefined;
    throw error;
  } finally {
    outbox.close();
  }
}

test('whatever is lost, late, reordered or cut off, a file ends as line by line, and no line runs twice', async (t) => {
  const folder = folderOf(t);
  const property = fc.asyncProperty(someLines, fc.boolean(), fc.nat(), async (lines, packs, seed) => {
    const random = prng(seed);
    const ledger = new ModelLedger(lines, packs, random);
    const name = `run-${++names}`;
    for (let run = 0; ; run++) {
      const signings = run < 3 ? 1 + random.int(6) : Number.POSITIVE_INFINITY;
      const outcomes = await attempt({ folder, name, lines, packs, ledger, random, signings });
      if (outcomes === undefined) continue;
      const balances = new Map<string, number>();
      const expected = lines.map((line) => apply(balances, line));
      t.deepEqual(
        lines.map((_, line) => outcomes.get(line)?.outcome),
        expected,
      );
      t.deepEqual([...ledger.balances].sort(), [...balances].sort());
      t.true(lines.every((_, line) => ledger.runs.get(line) === 1));
      return;
    }
  });
  await fc.assert(property, { numRuns: 25 });
});

test('a submission whose ledger gives no outcome ends as unknown and safe to repeat', async (t) => {
  const outbox = Outbox.open(folderOf(t), 'k', 'a file');
  const lines = [{ from: 'BANK', to: 'A', amount: 1 }];
  const ledger = new ModelLedger(lines, false, prng(5));
  ledger.order = () => undefined;
  const error = await t.throwsAsync(
    runSubmission({
      what: 'a file',
      lines: 1,
      link: ledger,
      outbox,
      planner: new Planner(lines, () => false),
      room: () => () => true,
      sign: (unit) => ({
        id: digestOf(sha256(encodeUnit(unit, 1))),
        lines: unit,
        validUntil: 9e15,
        bytes: encodeUnit(unit, 1),
      }),
      packs: false,
      inFlightMax: 4,
      stallTimeoutMs: 300,
    }),
    { instanceOf: CliError },
  );
  t.is(error?.exitCode, 6);
  t.is(outbox.units.size, 1, 'what was signed stays');
  outbox.close();
});

/** Of the nodes that are asked in turn the first refuses whatever comes. */
class OneLiar extends ModelLedger {
  override wordsNeeded(): number {
    return 2;
  }

  override async post(transactions: readonly Uint8Array[], attempt = 0) {
    if (attempt % 4 !== 0) return super.post(transactions);
    return transactions.map(() => ({ status: 'refused' as const, code: 'DS0D', detail: 'says one' }));
  }
}

test('one node that refuses a file ends it not: the others are asked', async (t) => {
  const lines = [1, 2, 3].map((amount) => ({ from: 'BANK', to: 'A', amount }));
  const ledger = new OneLiar(lines, false, prng(5));
  const parts = { folder: folderOf(t), name: 'k', lines, packs: false, ledger, random: prng(6), signings: 100 };
  for (let run = 0; run < 10; run++) {
    const outcomes = await attempt(parts);
    if (outcomes === undefined) continue;
    t.deepEqual(
      lines.map((_, line) => outcomes.get(line)?.outcome),
      ['OK', 'OK', 'OK'],
    );
    return;
  }
  t.fail('it came to no end');
});
