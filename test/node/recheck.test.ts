// What waits for its block is looked at again when a block changes who may order.
import test from 'ava';
import { transferArguments } from '../../contracts/payments.ts';
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
