// A validator is re-keyed while it is down, and nobody tells it the others' keys or them its own.
import test, { type ExecutionContext } from 'ava';
import { deriveSeed, publicKeyOf } from '../../node/ledger/signature.ts';
import { seedOf } from '../execution/_ledger.ts';
import { Bank } from './_bank.ts';

/** Node 1 is down and gets second keys. */
async function rekeyed(): Promise<Bank> {
  const bank = new Bank();
  bank.hasNoHints = true;
  await bank.begin();
  bank.kill(1);
  bank.machines[1]?.keys.push('second keys');
  const rotation = { kind: 'rotate-validator-keys', id: 'node-1' } as const;
  await bank.govern([0, 2, 3], bank.learner('node-1', 'second keys', 'SOUTH'), rotation);
  await bank.loaded(() => bank.nodes[0]?.status().epoch === 1, 0);
  return bank;
}

/** A second change, after which nobody admits the first keys any more. */
async function joined(t: ExecutionContext, bank: Bank): Promise<void> {
  await bank.join([0, 2, 3], 'node-4');
  t.is(bank.nodes[0]?.status().epoch, 2);
}

async function comesBack(t: ExecutionContext, bank: Bank): Promise<void> {
  bank.start(1);
  let ticks = 0;
  await bank.loaded(() => ++ticks > 1_000 || bank.nodes[1]?.status().mode === 'normal', 0, 1_100);
  t.is(bank.nodes[1]?.status().mode, 'normal');
}

for (const changes of [1, 2])
  test(`[E8] who was re-keyed while it was down comes back, with both keys, after ${changes} changes`, async (t) => {
    const bank = await rekeyed();
    if (changes > 1) await joined(t, bank);
    await comesBack(t, bank);
  });

test('[E8] the same with the next keys alone, as --finish leaves them, and a restart', async (t) => {
  const bank = await rekeyed();
  await joined(t, bank);
  const machine = bank.machines[1];
  machine?.keys.shift();
  if (machine !== undefined) machine.networkKey = publicKeyOf(deriveSeed(seedOf('second keys'), 'network'));
  await comesBack(t, bank);
});

test('[E8] two that were re-keyed while they reached each other alone come back without a start', async (t) => {
  const bank = new Bank();
  bank.hasNoHints = true;
  await bank.begin();
  for (const id of ['node-4', 'node-5', 'node-6']) await bank.join([0, 2, 3], id);
  bank.start(bank.add('node-7', 'node-7'));
  await bank.govern([0, 2, 3], bank.learner('node-7'));
  bank.part(1, 2);
  for (const index of [1, 2]) {
    const [name, keys] = [`node-${index}`, `second keys of ${index}`];
    bank.machines[index]?.keys.push(keys);
    const member = bank.genesis.validators[index]?.member ?? '';
    await bank.govern([0, 3], bank.learner(name, keys, member), { kind: 'rotate-validator-keys', id: name });
  }
  await bank.govern([0, 3], { kind: 'add-validator', id: 'node-7' });
  await bank.loaded(() => bank.nodes[0]?.status().epoch === 6, 0);
  bank.heal();
  const places = () => [1, 2].map((index) => bank.nodes[index]?.status()).map((each) => `${each?.epoch} ${each?.mode}`);
  await bank.run(() => places().every((each) => each === '6 normal'), 4_000);
  t.deepEqual(places(), ['6 normal', '6 normal']);
});
