// Random walks over the cluster: safety at every step, and progress once the network has healed. The seeds are fixed;
// those that ever found a fault of the replica, or of one that was planted, stay in the list with their story.
import test from 'ava';
import { walk } from './_walk.ts';

const walksEach = 75;

/** [seed, validators, what it once showed]. */
const kept: readonly (readonly [number, number, string])[] = [
  [3005, 5, 'forks when ViewChanges leave out the prepared certificate'],
  [26004, 4, 'forks when the fixed block is not proposed again'],
  [6004, 4, 'forks when the certificate of the lowest view fixes the block'],
  [4006, 6, 'forks when the certificate of the lowest view fixes the block'],
  [14007, 7, 'a second digest accepted in one view becomes a Commit without its record'],
  [39005, 5, 'a second digest accepted in one view becomes a Commit without its record'],
  [4004, 4, 'a restart that forgets its Prepare falls silent'],
  [591004, 4, 'wedges when a replica hears of its own work out of order: the driver owes it that order'],
];

for (const validators of [4, 5, 6, 7]) {
  test(`${walksEach} random walks of ${validators} validators agree, and do all work once healed`, (t) => {
    for (let seed = 1; seed <= walksEach; seed++)
      t.notThrows(() => walk({ seed, validators }), `walk({ seed: ${seed}, validators: ${validators} })`);
  });
}

test('seeds that ever found a fault find none', (t) => {
  for (const [seed, validators, story] of kept) t.notThrows(() => walk({ seed, validators }), story);
});

test('a walk is the same each time', (t) => {
  t.deepEqual(walk({ seed: 7, validators: 4 }).log, walk({ seed: 7, validators: 4 }).log);
});
