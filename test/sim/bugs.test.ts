// The planted bugs must stay where they are planted: each patch fits the present sources.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { root } from '../_source.ts';
import { applied, parsePatch, readPatches } from './patch.ts';

const read = (file: string) => readFileSync(join(root, file), 'utf8');

test('every planted bug still fits the sources', (t) => {
  const patches = readPatches(join(root, 'test/sim/bugs'));
  t.true(patches.length >= 30, `${patches.length} planted bugs`);
  for (const patch of patches) {
    for (const [file, text] of applied(patch, read)) t.not(text, read(file), `${patch.name} changes ${file}`);
  }
});

test('a patch that fits nowhere, or twice, is refused', (t) => {
  const patch = parsePatch('x', 'title\n--- a/f\n+++ b/f\n@@ -1,1 +1,1 @@\n-a\n+b\n');
  t.is(applied(patch, () => 'c\na\n').get('f'), 'c\nb\n');
  t.throws(() => applied(patch, () => 'c\n'), { message: /stands 0 times/ });
  t.throws(() => applied(patch, () => 'a\na\n'), { message: /stands 2 times/ });
});
