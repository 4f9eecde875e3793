// The transcripts of scenarios/, one a behaviour. UPDATE=1 writes what comes; then read the difference.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { root } from '../_source.ts';
import { replay } from './_datadriven.ts';
import { Stage } from './_stage.ts';

const folder = join(root, 'test/consensus/scenarios');

for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .sort()) {
  test(`as told: ${file.replace(/\.txt$/, '').replaceAll('-', ' ')}`, (t) => {
    const stage = new Stage();
    const { want, got } = replay(join(folder, file), (command) => stage.run(command));
    t.is(got, want);
  });
}
