// Each habit of a liar is seen to do something in a fixed set of seeds: an attack that its own node's defences stop, or
// that nothing calls for, tests nothing.
import './signer.ts';
import test from 'ava';
import { type Habit, habits, lateHabits, ownHabits } from './habits.ts';
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
  'stray',
];
/** In each of them there are things that others do not come to. */
const seeds = [500, 503, 501, 508, 505, 506, 513, 515, 511];
const withNone = new Map<string, Promise<RunResult>>();

function run(seed: number, isLate: boolean, ...only: Habit[]): Promise<RunResult> {
  return runSeed(seed, {
    validators: 4,
    faults: ['byzantine', isLate ? 'snapshots' : 'partition'],
    habits: only,
    safetySeconds: isLate ? 120 : 40,
    blocksMin: 0,
  });
}

function withoutHabits(seed: number, isLate: boolean): Promise<RunResult> {
  const name = `${seed} ${isLate}`;
  const known = withNone.get(name) ?? run(seed, isLate);
  withNone.set(name, known);
  return known;
}

/** What there is to hush up takes another habit. */
const lone = ownHabits.filter((habit) => habit !== 'hush');

for (const habit of [...habits, ...lateHabits, ...lone])
  test.serial(`a validator with the habit ${habit} does what others see`, async (t) => {
    let isSeen = false;
    const isLate = ['false-snapshots', 'other-state', 'false-starts'].includes(habit);
    for (const seed of seeds) {
      const lying = await run(seed, isLate, habit);
      t.is(lying.violation, undefined);
      const isOther = async () => lying.trace !== (await withoutHabits(seed, isLate)).trace;
      isSeen = accused.includes(habit) ? lying.accused.length > 0 : await isOther();
      if (isSeen) break;
    }
    t.true(isSeen);
  });
