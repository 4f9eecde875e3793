// A validator is removed and does not hear of it: what its clients gave it is ordered by those who vote now.
import test from 'ava';
import { transferArguments } from '../../contracts/payments.ts';
import type { Transaction } from '../../node/ledger/transaction.ts';
import { clearing } from '../execution/_ledger.ts';
import { Bank } from './_bank.ts';

const one = transferArguments({ from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' });

/** node-4 has joined and node-0 was removed; nothing has reached node-0 since the block before. */
async function removed(): Promise<Bank> {
  const bank = new Bank();
  await bank.begin();
  await bank.join([0, 1, 2, 3], 'node-4');
  bank.lose = (to) => to === 0;
  await bank.govern([1, 2, 3], { kind: 'remove-validator', id: 'node-0' });
  await bank.loaded(() => bank.nodes[1]?.status().epoch === 2, 1);
  return bank;
}

const isOrdered = (bank: Bank, { id }: Transaction) => bank.stores[1]?.transaction(id) !== undefined;

test('[E8] what a validator that does not know of its removal admits is taken by those who vote now', async (t) => {
  const bank = await removed();
  const status = bank.nodes[0]?.status();
  t.like(status, { epoch: 1, index: 0 }, 'it knows nothing of it');
  const payment = bank.transaction(clearing, 'transfer', one);
  t.is(bank.nodes[0]?.submit(payment.bytes).status, 'admitted');
  await bank.run(() => isOrdered(bank, payment), 20);
  t.is(bank.nodes[0]?.status().epoch, 1);
});

test('[C4, E8] what it could tell nobody it repeats when it knows, and takes nothing new', async (t) => {
  const bank = await removed();
  bank.lose = (_, channel) => channel === 'transactions';
  bank.cut(0);
  const payment = bank.transaction(clearing, 'transfer', one);
  t.is(bank.nodes[0]?.submit(payment.bytes).status, 'admitted');
  await bank.loaded(() => true, 1);
  bank.heal();
  await bank.run(() => bank.nodes[0]?.status().mode === 'observing');
  t.false(isOrdered(bank, payment));
  bank.lose = () => false;
  const late = bank.nodes[0]?.submit(bank.transaction(clearing, 'transfer', one).bytes);
  t.like(late, { status: 'refused', code: 'not-ready', detail: 'this node is no validator now; use another node' });
  bank.nodes[0]?.tidyMempool();
  await bank.run(() => isOrdered(bank, payment) && bank.nodes[0]?.isWaiting(payment.id) === false, 20);
});

test('[E8] nobody takes transactions from a learner, which never had clients', async (t) => {
  const bank = await removed();
  const six = bank.add('node-5', 'node-5');
  bank.start(six);
  await bank.govern([1, 2, 3], bank.learner('node-5'));
  const frames: Uint8Array[] = [];
  bank.onSend = (from, channel, bytes) => {
    if (from === 0 && channel === 'transactions') frames.push(bytes);
  };
  bank.cut(0);
  const payment = bank.transaction(clearing, 'transfer', one);
  bank.nodes[0]?.submit(payment.bytes);
  await bank.run(() => frames.length > 0);
  const peerOf = (id: string) =>
    [...(bank.machines[1]?.admitted.values() ?? [])].find(({ validator }) => validator === id)?.peer ?? -1;
  bank.nodes[1]?.receive(peerOf('node-5'), 'transactions', frames[0] ?? new Uint8Array(0));
  t.false(bank.nodes[1]?.isWaiting(payment.id));
  bank.nodes[1]?.receive(peerOf('node-0'), 'transactions', frames[0] ?? new Uint8Array(0));
  t.true(bank.nodes[1]?.isWaiting(payment.id));
});
