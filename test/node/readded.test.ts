import test from 'ava';
import { Bank } from './_bank.ts';

for (const hasNoHints of [false, true])
  test(`[E8] who was removed comes back under keys that it holds, without hints: ${hasNoHints}`, async (t) => {
    const bank = new Bank();
    bank.hasNoHints = hasNoHints;
    await bank.begin();
    const five = await bank.join([0, 1, 2, 3], 'node-4');
    await bank.govern([0, 2, 3, five], { kind: 'remove-validator', id: 'node-1' });
    await bank.loaded(() => bank.nodes[1]?.status().mode === 'observing', 0);
    bank.machines[1]?.keys.push('second keys');
    await bank.govern([0, 2, 3, five], bank.learner('node-1', 'second keys', 'SOUTH'));
    await bank.loaded(() => bank.height(1) >= bank.height(0) - 4, 0);
    t.is(bank.nodes[1]?.status().mode, 'observing');
    await bank.govern([0, 2, 3, five], { kind: 'add-validator', id: 'node-1' });
    let ticks = 0;
    await bank.loaded(() => ++ticks > 500 || bank.nodes[1]?.status().mode === 'normal', 0, 1100);
    t.is(bank.nodes[1]?.status().mode, 'normal');
  });
