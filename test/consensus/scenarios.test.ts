// The transcripts of scenarios/, one a behaviour. UPDATE=1 writes what comes; then read the difference.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { root } from '../_source.ts';
import { replay } from './_datadriven.ts';
import { EpochStage } from './_epoch-stage.ts';
import { Stage } from './_stage.ts';

const folder = join(root, 'test/consensus/scenarios');

for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .sort()) {
  test(`as told: ${file.replace(/\.txt$/, '').replaceAll('-', ' ')}`, (t) => {
    const isOfEpochs = /^validators /m.test(readFileSync(join(folder, file), 'utf8'));
    const stage = isOfEpochs ? new EpochStage() : new Stage();
    const { want, got } = replay(join(folder, file), (command) => stage.run(command));
    t.is(got, want);
  });
}
