// Random work at the edges of what is allowed, on ledgers that came to their state in different ways: one built the
// blocks, one took them as they are stored, one began anew before each, one folded events and never decided. All have
// the same records, nothing that admission takes throws, and a plain count of the money says the same.
import test from 'ava';
import { accountSchema } from '../../contracts/accounts.ts';
import { contracts } from '../../contracts/registry.ts';
import { type ExecutedBlock, Executor, isBlockProblem } from '../../node/execution/executor.ts';
import { treeOf } from '../../node/execution/genesis-commit.ts';
import { StateFold } from '../../node/execution/state-fold.ts';
import { TransactionCache } from '../../node/execution/transaction-cache.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { toHex } from '../../node/ledger/hash.ts';
import { balanceMax } from '../../node/ledger/limits.ts';
import { decodeAs } from '../../node/ledger/schema.ts';
import { type Prng, prng } from '../_prng.ts';
import {
  auditor,
  clearing,
  factsOf,
  officers,
  outcomesOf,
  type Signer,
  TestLedger,
  tellers,
  testGenesis,
} from './_ledger.ts';

const currencies = ['CZK', 'EUR'] as const;
const accounts = [...Array.from({ length: 6 }, (_, i) => `A-${i}`), 'ISSUED-CZK', 'ISSUED'];
const edges = [0n, 1n, 10n ** 18n - 1n, 10n ** 18n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n];
const amounts = [...edges, ...edges.map((each) => -each), -(2n ** 63n), -(2n ** 64n), -(2n ** 53n) - 1n];
const big = [10n ** 18n - 1n, 10n ** 18n - 1n, 10n ** 17n, 7n];
const signers = [...Array.from({ length: 9 }, () => clearing), auditor, tellers.NORTH, tellers.EAST, officers.SOUTH];

/** Every code that this work can meet. */
const codes = 'OK FF01 DU04 DS0G DS0H AC01 AC02 AC03 AC08 AG01 AM01 AM03 AM04 AM12 AM14 DUPACCT'.split(' ');

class Edges {
  readonly #random: Prng;
  #count = 0;

  constructor(random: Prng) {
    this.#random = random;
  }

  next(): { readonly by: Signer; readonly method: string; readonly args: Value; readonly reference: string } {
    const random = this.#random;
    const method = random.pick(['open', 'transfer', 'transfer', 'issue', 'issue', 'batch', 'batch', 'open-batch']);
    return { by: random.pick(signers), method, args: this.#args(method), reference: this.#reference() };
  }

  #reference(): string {
    const random = this.#random;
    return random.int(10) === 0 ? `R${random.int(this.#count + 1)}` : `R${++this.#count}`;
  }

  #amount(): bigint {
    return this.#random.int(4) === 0 ? this.#random.pick(amounts) : this.#random.pick(big);
  }

  #args(method: string): Value {
    const random = this.#random;
    const [one, other, currency] = [
      random.pick(accounts),
      random.pick(accounts),
      random.pick(['CZK', 'CZK', 'CZK', 'EUR']),
    ];
    switch (method) {
      case 'open': {
        const limit = random.pick<Value>([[], [], [0n], [balanceMax], [this.#amount()]]);
        return [
          one,
          random.pick(['NORTH', 'SOUTH', 'NOWHERE']),
          currency,
          limit,
          random.pick([0n, 0n, this.#amount()]),
        ];
      }
      case 'issue':
        return [one, this.#amount(), currency, '', ''];
      case 'transfer':
        return [
          one,
          other,
          this.#amount(),
          currency,
          random.pick(['', 'ž'.repeat(140)]),
          random.pick(['', '9999-99-99']),
        ];
      default: {
        const lines = 1 + random.int(5);
        const of = method === 'batch' ? 'transfer' : 'open';
        return [Array.from({ length: lines }, () => [this.#reference(), this.#args(of)])];
      }
    }
  }
}

/** What each outcome did to the money, from arguments and outcomes alone. */
class Count {
  readonly balances = new Map<string, bigint>();

  take(method: string, args: Value): void {
    const row = args as readonly Value[];
    if (method === 'open') {
      this.balances.set(row[0] as string, 0n);
      this.#move(`ISSUED-${row[2] as string}`, row[0] as string, row[4] as bigint);
    } else if (method === 'issue') this.#move(`ISSUED-${row[2] as string}`, row[0] as string, row[1] as bigint);
    else if (method === 'transfer') this.#move(row[0] as string, row[1] as string, row[2] as bigint);
  }

  #move(from: string, to: string, amount: bigint): void {
    const value = BigInt(amount);
    if (value < 0n) throw new Error('an amount below zero was accepted');
    this.balances.set(from, (this.balances.get(from) ?? 0n) - value);
    this.balances.set(to, (this.balances.get(to) ?? 0n) + value);
  }
}

function recordsOf(records: Iterable<readonly [string, Uint8Array]>): string[] {
  return [...records].map(([path, value]) => `${path} ${toHex(value)}`).sort();
}

test('at the edges all ways to a state lead to the same one, nothing throws, and the money adds up', (t) => {
  const outcomes = new Map<string, number>();
  for (const seed of [1, 2]) {
    const random = prng(seed);
    const work = new Edges(random);
    const genesis = {
      ...testGenesis({ memberTransactionsMax: 1_000 }),
      payments: { issuance: currencies.map((currency) => ({ currency, amount: balanceMax })) },
    };
    const [builder, follower, restarted] = [new TestLedger(genesis), new TestLedger(genesis), new TestLedger(genesis)];
    const fold = new StateFold(genesis, contracts, { checksRoots: true });
    const count = new Count();
    for (let height = 1; height <= 18; height++) {
      const asked = Array.from({ length: 20 + random.int(30) }, () => work.next());
      const candidates = asked.map(({ by, method, args, reference }) =>
        builder.transaction(by, 'payments', method, args, reference),
      );
      const { block, left } = builder.propose(...candidates);
      t.deepEqual(
        left.filter(({ problem }) => problem.code !== 'reference-used'),
        [],
      );
      if (block === undefined) continue;
      const fresh = new Executor({
        store: restarted.store,
        chainId: builder.chainId,
        contracts,
        tree: treeOf(restarted.store),
        cache: new TransactionCache(),
      });
      const facts = factsOf(block);
      for (const executor of [follower.executor, fresh])
        t.deepEqual(factsOf(executor.replay(block.commit.entries)), facts);
      const certificate = builder.certify(block);
      t.not(typeof fold.add(block.commit.entries, certificate), 'string');
      t.true(fold.isRight);
      let of: ExecutedBlock['transactions'][number] | undefined;
      let next = 0;
      for (const { outcome, entry } of outcomesOf(block)) {
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (entry.kind === 1) of = block.transactions[next++];
        const args = of?.body.args as readonly Value[];
        const method = of?.body.method ?? '';
        if (outcome !== 'OK') continue;
        if (entry.kind === 1) count.take(method, args);
        else {
          const line = (args[0] as readonly (readonly Value[])[])[entry.line - 1];
          count.take(method === 'batch' ? 'transfer' : 'open', line?.[1] ?? []);
        }
      }
      for (const ledger of [builder, follower, restarted]) {
        const executed = ledger.executor.replay(block.commit.entries);
        if (isBlockProblem(executed)) return t.fail(executed.detail);
        ledger.commit(executed);
      }
    }
    const records = recordsOf(builder.store.stateRecords());
    t.deepEqual(recordsOf(restarted.store.stateRecords()), records);
    t.deepEqual(recordsOf(fold.state), records);
    for (const [path, bytes] of builder.store.stateRecords()) {
      if (!path.startsWith('payments/accounts/')) continue;
      const { balance, overdraftLimit } = decodeAs(accountSchema, bytes);
      const id = path.slice('payments/accounts/'.length);
      t.is(balance, count.balances.get(id) ?? 0n, id);
      t.true(overdraftLimit === undefined || balance >= -overdraftLimit, id);
    }
    t.is(
      [...count.balances.values()].reduce((a, b) => a + b, 0n),
      0n,
    );
    t.true(
      [...count.balances].every(
        ([id, each]) => each <= balanceMax && (each >= 0n || !id.startsWith('ISSUED-') || each >= -balanceMax),
      ),
    );
  }
  t.log([...outcomes].sort().join(' '));
  t.deepEqual(
    codes.filter((code) => !outcomes.has(code)),
    [],
  );
});
