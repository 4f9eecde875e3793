import test from 'ava';
import { runMembership } from './membership.ts';

const first = Number(process.env['SEED'] ?? 1);
const count = Number(process.env['RUNS'] ?? 4);

for (let seed = first; seed < first + count; seed++)
  test(`[E1, E3, E5, E7] validators change while machines fail: SEED=${seed} RUNS=1`, async (t) => {
    const { epochs, blocks, ticks, changes } = await runMembership(seed);
    t.log(`${epochs} epochs, ${blocks} blocks, ${ticks} ticks: ${changes.join(', ')}`);
    t.true(epochs >= 2);
  });
