import test from 'ava';
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import { isBlockProblem } from '../../node/execution/executor.ts';
import { treeOf } from '../../node/execution/genesis-commit.ts';
import { digestOf } from '../../node/ledger/hash.ts';
import { clearing, outcomesOf, TestLedger } from './_ledger.ts';

test('a proposed block executes and replays to the same bytes', (t) => {
  const ledger = new TestLedger();
  const open = (account: string, openingBalance: bigint) =>
    ledger.transaction(
      clearing,
      'payments',
      'open',
      openArguments({ account, branch: 'NORTH', currency: 'CZK', overdraftLimit: 0n, openingBalance }),
    );
  t.deepEqual(
    ledger.settle(open('A', 100n), open('B', 0n)).map((o) => o.outcome),
    ['OK', 'OK'],
  );
  const pay = ledger.transaction(
    clearing,
    'payments',
    'transfer',
    transferArguments({ from: 'A', to: 'B', amount: 30n, currency: 'CZK', purpose: 'p', date: '' }),
  );
  const { block } = ledger.propose(pay);
  t.truthy(block);
  if (block === undefined) return;
  const again = ledger.executor.execute({ header: block.headerBytes, transactions: [pay.bytes] });
  t.false(isBlockProblem(again));
  t.deepEqual(again, block);
  const replayed = ledger.executor.replay(block.commit.entries);
  t.deepEqual(replayed, block);
  ledger.commit(block);
  t.deepEqual(
    outcomesOf(block).map((o) => o.outcome),
    ['OK'],
  );
  t.is(digestOf(treeOf(ledger.store).root), ledger.executor.head.stateRoot);
});
