// The rare paths stay where they are named, and what was kept of soaks can be read.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { root } from '../_source.ts';
import { countAt, type Range } from './coverage.ts';
import { parseKept, readKept } from './kept.ts';
import { compiledPath, placeOf, readProbes } from './probes.ts';

test('every rare path has one place, in the source and in what is compiled from it', (t) => {
  const probes = readProbes();
  t.true(probes.length >= 100, `${probes.length} rare paths`);
  t.is(new Set(probes.map(({ name }) => name)).size, probes.length, 'each has a name of its own');
  for (const probe of probes) {
    for (const path of [join(root, probe.file), compiledPath(probe.file)])
      t.notThrows(() => placeOf(probe, readFileSync(path, 'utf8')), `${probe.file}: ${probe.name}`);
  }
});

interface Coverage {
  readonly result: readonly { readonly url: string; readonly functions: readonly { readonly ranges: Range[] }[] }[];
}

/** How often the processes that wrote into a folder passed a place in a compiled file. */
function countIn(coverages: readonly Coverage[], path: string, place: number): number {
  const scripts = coverages.flatMap(({ result }) => result);
  const own = scripts.filter(({ url }) => url.startsWith('file:') && fileURLToPath(url) === path);
  return own.reduce(
    (sum, { functions }) =>
      sum +
      countAt(
        functions.flatMap(({ ranges }) => ranges),
        place,
      ),
    0,
  );
}

test('what the simulator need not take, the test that is named for it takes', (t) => {
  const probes = readProbes();
  for (const by of new Set(probes.map((probe) => probe.by))) {
    if (by === undefined) continue;
    const folder = mkdtempSync(join(tmpdir(), 'daybook-probes-'));
    const [script, file] = [join(root, 'node_modules/ava/entrypoints/cli.mjs'), compiledPath(by)];
    const env = { ...process.env, NODE_V8_COVERAGE: folder };
    const { status, stdout } = spawnSync(process.execPath, [script, file], { cwd: root, env, encoding: 'utf8' });
    t.is(status, 0, `${by}: ${stdout}`);
    const coverages = readdirSync(folder).map(
      (name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Coverage,
    );
    for (const probe of probes.filter((each) => each.by === by)) {
      const path = compiledPath(probe.file);
      const place = placeOf(probe, readFileSync(path, 'utf8'));
      t.true(countIn(coverages, path, place) > 0, `${by} takes: ${probe.name}`);
    }
    rmSync(folder, { recursive: true });
  }
});

test('a rare path that is in two places, or in none, is refused', (t) => {
  const probe = { name: 'x', file: 'f', after: '', text: 'b', by: undefined };
  t.is(placeOf(probe, 'abc'), 1);
  t.throws(() => placeOf(probe, 'abcb'), { message: /twice/ });
  t.throws(() => placeOf(probe, 'ac'), { message: /not there/ });
  t.is(placeOf({ ...probe, after: 'c' }, 'abcb'), 3);
  t.throws(() => placeOf({ ...probe, after: 'c' }, 'abccb'), { message: /does not stand once/ });
});

test('the smallest range around a place counts', (t) => {
  const range = (startOffset: number, endOffset: number, count: number) => ({ startOffset, endOffset, count });
  t.is(countAt([range(0, 100, 5), range(10, 20, 0), range(12, 15, 3)], 13), 3);
  t.is(countAt([range(0, 100, 5), range(10, 20, 0)], 19), 0);
  t.is(countAt([range(0, 100, 5), range(10, 20, 0)], 20), 5);
  t.is(countAt([], 20), 0);
});

test('every soak that is kept reads, none failed, and no seed counts twice on one commit', (t) => {
  const kept = readKept();
  t.true(kept.every(({ failed }) => failed === 0));
  for (const [at, one] of kept.entries())
    for (const other of kept.slice(0, at))
      t.true(
        one.commit !== other.commit || one.first > other.last || one.last < other.first,
        `seeds from ${one.first}`,
      );
  const line = '5-9 0123abcdef 4 runs 1 short 0 failed 200 blocks 900 s virtual 3 s of a core';
  t.is(parseKept(`# x\n${line}\n`)[0]?.runs, 4);
  t.throws(() => parseKept('5-9 all was well'));
});
