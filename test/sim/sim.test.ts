// A fixed set of seeds of the simulator, every seed that ever failed, and the promise that a seed is the same run
// again.
import './signer.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { root } from '../_source.ts';
import { parseSeeds } from './options.ts';
import { runSeed } from './run.ts';

const fixedSeeds = Array.from({ length: 12 }, (_, i) => 1_000 + i);

// One after another: each is one thread's work.
test.serial('the same seed is the same run, event by event', async (t) => {
  const limits = { safetySeconds: 20, blocksMin: 0 };
  const [once, again, other] = [await runSeed(7, limits), await runSeed(7, limits), await runSeed(8, limits)];
  t.is(once.trace, again.trace);
  t.not(once.trace, other.trace);
  t.true(once.blocks > 0);
});

test.serial('what is done once for all receivers changes no run', async (t) => {
  for (const faults of [
    undefined,
    ['membership', 'byzantine', 'replay', 'duplicate'],
    ['amnesia', 'snapshots'],
  ] as const) {
    const limits = { safetySeconds: 20, blocksMin: 0, ...(faults && { faults }) };
    const [once, each] = [
      await runSeed(40, { ...limits, sharesWork: true }),
      await runSeed(40, { ...limits, sharesWork: false }),
    ];
    t.deepEqual([each.violation, each.trace], [undefined, once.trace]);
  }
});

for (const seed of fixedSeeds) {
  test.serial(`a cluster under the faults of seed ${seed} stays right and comes back to life`, async (t) => {
    t.is((await runSeed(seed)).violation, undefined);
  });
}

for (const validators of [4, 7])
  test.serial(`[T5] nobody replaces an honest primary under dense work: ${validators} validators`, async (t) => {
    const limits = { validators, faults: [], isDense: true, safetySeconds: 15 };
    t.is((await runSeed(1, limits)).violation, undefined);
  });

/** Validators are added, re-keyed and removed while these go on. */
const membershipRuns = [
  { seed: 46, faults: ['crash', 'partition', 'loss'] },
  { seed: 41, faults: ['byzantine', 'partition', 'delay'] },
  { seed: 42, faults: ['amnesia', 'effect-crash', 'byzantine'] },
  { seed: 43, faults: ['snapshots', 'crash-all', 'replay'] },
  { seed: 44, faults: ['rewind', 'crash'] },
  { seed: 45, faults: ['untold', 'crash', 'partition'] },
] as const;

for (const { seed, faults } of membershipRuns)
  test.serial(`[E1, E3, E5, E7] validators change under ${faults.join(', ')}: seed ${seed}`, async (t) => {
    const { violation, epochs } = await runSeed(seed, { faults: ['membership', ...faults], safetySeconds: 60 });
    t.is(violation, undefined);
    t.true(epochs > 2, `${epochs} epochs`);
  });

for (const { options, story } of parseSeeds(readFileSync(join(root, 'test/sim/seeds.txt'), 'utf8'))) {
  const { seed, limits } = options;
  test.serial(`once failed, seed ${seed}: ${story}`, async (t) => {
    t.is((await runSeed(seed ?? 0, limits)).violation, undefined);
  });
}
