import test from 'ava';
import { deriveSeed, publicKeyOf } from '../../node/ledger/signature.ts';
import { seedOf } from '../execution/_ledger.ts';
import { Bank } from './_bank.ts';

for (const changes of [1, 2])
  test(`[E8] who was re-keyed while it was down comes back, with both keys, after ${changes} changes`, async (t) => {
    const bank = new Bank();
    bank.hasNoHints = true;
    await bank.begin();
    bank.kill(1);
    bank.machines[1]?.keys.push('second keys');
    await bank.govern([0, 2, 3], bank.learner('node-1', 'second keys', 'SOUTH'), {
      kind: 'rotate-validator-keys',
      id: 'node-1',
    });
    await bank.loaded(() => bank.nodes[0]?.status().epoch === 1, 0);
    if (changes > 1) {
      const five = bank.add('node-4', 'node-4');
      bank.start(five);
      await bank.govern([0, 2, 3], bank.learner('node-4'));
      await bank.loaded(() => bank.height(five) > 2, 0);
      await bank.govern([0, 2, 3], { kind: 'add-validator', id: 'node-4' });
      await bank.loaded(() => bank.nodes[five]?.status().mode === 'normal', 0);
      t.is(bank.nodes[0]?.status().epoch, 2);
    }
    bank.start(1);
    let ticks = 0;
    await bank.loaded(() => ++ticks > 1000 || bank.nodes[1]?.status().mode === 'normal', 0, 1100);
    t.log(
      bank.nodes[1]?.status().mode,
      bank.nodes[1]?.status().epoch,
      bank.height(1),
      bank.height(0),
      bank.nodes[1]?.status().peers,
    );
    t.is(bank.nodes[1]?.status().mode, 'normal');
  });

test('[E8] the same with the next keys alone, as --finish leaves them, and a restart', async (t) => {
  const bank = new Bank();
  bank.hasNoHints = true;
  await bank.begin();
  bank.kill(1);
  bank.machines[1]?.keys.push('second keys');
  await bank.govern([0, 2, 3], bank.learner('node-1', 'second keys', 'SOUTH'), {
    kind: 'rotate-validator-keys',
    id: 'node-1',
  });
  const five = bank.add('node-4', 'node-4');
  bank.start(five);
  await bank.govern([0, 2, 3], bank.learner('node-4'));
  await bank.loaded(() => bank.height(five) > 2, 0);
  await bank.govern([0, 2, 3], { kind: 'add-validator', id: 'node-4' });
  await bank.loaded(() => bank.nodes[five]?.status().mode === 'normal', 0);
  bank.machines[1]?.keys.shift();
  const machine = bank.machines[1];
  if (machine !== undefined) machine.networkKey = publicKeyOf(deriveSeed(seedOf('second keys'), 'network'));
  bank.start(1);
  let ticks = 0;
  await bank.loaded(() => ++ticks > 400 || bank.nodes[1]?.status().mode === 'normal', 0, 1100);
  t.log(bank.nodes[1]?.status().mode, bank.nodes[1]?.status().epoch, bank.height(1), bank.height(0));
  t.is(bank.nodes[1]?.status().mode, 'normal');
});
