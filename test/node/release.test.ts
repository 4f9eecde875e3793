import test from 'ava';
import type { Validator, ValidatorSet } from '../../node/ledger/validators.ts';
import { Release } from '../../node/release.ts';

const own = { id: 'node-4' } as Validator;
const other = { id: 'node-0' } as Validator;

/** Sets that were in force, then whether it has a vote at each tick; all of them settled but where it says so. */
function told(sets: readonly ValidatorSet[], votes: readonly (boolean | 'unsettled')[]): number[] {
  const at: number[] = [];
  let now = 0;
  const release = new Release({
    epochs: () => sets.map((validators, number) => ({ number, from: number + 1, validators })),
    isIn: (validators) => validators.includes(own),
    tell: () => at.push(now),
  });
  for (const vote of votes) {
    release.tick(vote !== 'unsettled', vote === true);
    now += 1;
  }
  return at;
}

test('[E8] who was removed is told once that it may be stopped, when the others have all', (t) => {
  t.deepEqual(told([[other, own], [other]], [true, 'unsettled', false, false]), [2]);
});

test('[E8] a learner is told nothing, and is told later when it was a validator in between', (t) => {
  t.deepEqual(told([[other]], [false, false]), []);
  t.deepEqual(told([[other], [other, own], [other]], [true, false, false]), [1]);
});

test('[E8] each removal is told', (t) => {
  t.deepEqual(told([[other, own], [other]], [true, false, true, false, false]), [1, 3]);
});

test('[E8] who starts after it was removed is told, too', (t) => {
  t.deepEqual(told([[other, own], [other], [other]], [false, false]), [0]);
});
