// Each habit of a liar is seen to do something in a fixed set of seeds: an attack that its own node's defences stop, or
// that nothing calls for, tests nothing.
import './signer.ts';
import test from 'ava';
import { type Habit, habits } from './byzantine.ts';
import { type RunResult, runSeed } from './run.ts';

/** Contradictions that honest validators see, so that it stands accused in the end. */
const accused: readonly Habit[] = [
  'equivocate',
  'double-vote',
  'two-faced',
  'two-new-views',
  'usurp',
  'twins',
  'two-logs',
];
/** In each of them there are things that others do not come to. */
const seeds = [500, 503, 501, 508, 505, 506, 513, 515];
const withNone = new Map<number, Promise<RunResult>>();

function run(seed: number, ...only: Habit[]): Promise<RunResult> {
  return runSeed(seed, {
    validators: 4,
    faults: ['byzantine', 'partition'],
    habits: only,
    safetySeconds: 40,
    blocksMin: 0,
  });
}

function withoutHabits(seed: number): Promise<RunResult> {
  const known = withNone.get(seed) ?? run(seed);
  withNone.set(seed, known);
  return known;
}

for (const habit of habits)
  test.serial(`a validator with the habit ${habit} does what others see`, async (t) => {
    let isSeen = false;
    for (const seed of seeds) {
      const lying = await run(seed, habit);
      t.is(lying.violation, undefined);
      isSeen = accused.includes(habit) ? lying.accused.length > 0 : lying.trace !== (await withoutHabits(seed)).trace;
      if (isSeen) break;
    }
    t.true(isSeen);
  });
