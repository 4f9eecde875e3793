// What waits for its block is looked at again when a block changes who may order.
import test from 'ava';
import { transferArguments } from '../../contracts/payments.ts';
import type { Transaction } from '../../node/ledger/transaction.ts';
import { clearing } from '../execution/_ledger.ts';
import { Bank } from './_bank.ts';

const transfer = transferArguments({ from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' });

test('what waits under a key that a block has deactivated waits no more', async (t) => {
  const bank = new Bank();
  await bank.begin();
  const { member, user } = clearing;
  await bank.govern([0], { kind: 'deactivate-user', member, user });
  t.is(bank.nodes[0]?.submit(bank.transaction(clearing, 'transfer', transfer).bytes).status, 'refused');
  await bank.run(() => bank.nodes.every((node) => node?.status().mempool.transactions === 0));
  t.deepEqual(bank.incidents, []);
});

test('what came after such a block was proposed, and is valid as long as may be, waits on', async (t) => {
  const validityMaxMs = 3_600_000;
  const bank = new Bank({ parameters: { validityMaxMs } });
  await bank.begin();
  const late: Transaction[] = [];
  bank.isNext = () => {
    // While the last blocks are voted on, the one that enacts among them.
    bank.onSend = (from, channel) => {
      if (from !== 0 || channel !== 'proposals' || late.length === 20) return;
      bank.now += 10;
      const transaction = bank.transaction(clearing, 'transfer', transfer);
      t.is(transaction.body.validUntil, bank.now + validityMaxMs);
      for (const node of bank.nodes) t.is(node?.submit(transaction.bytes).status, 'admitted');
      late.push(transaction);
    };
    return true;
  };
  await bank.govern([0], { kind: 'deactivate-user', member: 'SOUTH', user: 'teller' });
  await bank.run(() => bank.nodes.every((node) => node?.status().mempool.transactions === 0));
  t.true(late.length > 0);
  const lost = late.filter(({ id }) => bank.stores[0]?.transaction(id) === undefined);
  t.is(lost.length, 0, `of ${late.length}`);
});
