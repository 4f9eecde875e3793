// Runs in which old blocks are forgotten: those who come late must take snapshots, while peers lie about them.
import './signer.ts';
import test from 'ava';
import { runSeed } from './run.ts';

test.serial(
  'who was away while the others forgot old blocks takes a snapshot, whatever one peer says [S2]',
  async (t) => {
    let [installs, prunings] = [0, 0];
    for (const seed of [701, 703, 705]) {
      const habits = ['false-snapshots'] as const;
      const result = await runSeed(seed, { validators: 4, faults: ['snapshots', 'crash', 'byzantine'], habits });
      t.is(result.violation, undefined);
      installs += result.installs;
      prunings += result.prunings;
    }
    t.true(installs > 0, 'snapshots were taken');
    t.true(prunings > 0, 'blocks were forgotten');
  },
);

test.serial('[R4] any number of states that are damaged heal where old blocks are forgotten', async (t) => {
  let prunings = 0;
  for (const seed of [703, 704]) {
    const result = await runSeed(seed, { validators: 4, faults: ['snapshots', 'bit-flip', 'crash', 'crash-all'] });
    t.is(result.violation, undefined);
    prunings += result.prunings;
  }
  t.true(prunings > 0, 'blocks were forgotten');
});
