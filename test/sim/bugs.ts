// `npm run sim:bugs`: plants each bug of test/sim/bugs in a copy of the sources, compiles it and lets the simulator
// look for it. A simulator that catches nothing proves nothing. Names of bugs as arguments choose among them; with
// --directed each is hunted at once with the faults that its patch names.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../_source.ts';
import { childRun } from './child-run.ts';
import { applied, type Patch, readPatches } from './patch.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '60' },
    directed: { type: 'boolean', default: false },
  },
});
const folders = ['node', 'contracts', 'genesis', 'test'];
const print = (line: string) => process.stdout.write(`${line}\n`);
let planted: string | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    if (planted !== undefined) rmSync(planted, { recursive: true, force: true });
    process.exit(1);
  });

interface Catch {
  /** Of one core. */
  readonly seconds: number;
  readonly runs: number;
  readonly what: string;
}

/** A patch after which the program does not run at all shows nothing. */
const ofProgram = /\b(Syntax|Type|Reference|Range)Error\b/;

/** A copy of the sources with the bug in it, compiled. */
async function plant(patch: Patch): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'daybook-bug-'));
  planted = copy;
  for (const each of folders) cpSync(join(root, each), join(copy, each), { recursive: true });
  for (const file of ['package.json', 'tsconfig.json']) cpSync(join(root, file), join(copy, file));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const [file, text] of applied(patch, (name) => readFileSync(join(root, name), 'utf8')))
    writeFileSync(join(copy, file), text);
  // What is left unused by a bug is no reason not to run it, so types are not looked at, which takes the longest.
  const how = ['--noCheck', '--incremental', 'false', '--tsBuildInfoFile', 'null'];
  await childRun([join(root, 'node_modules/typescript/bin/tsc'), '-p', copy, ...how], copy);
  return copy;
}

async function hunt(copy: string, seconds: number, options: readonly string[]): Promise<Catch | undefined> {
  const words = ['--seed', values.seed, '--cpu', String(seconds), '--first', ...options];
  const { code, output } = await childRun([join(copy, 'dist/test/sim/main.js'), ...words], copy);
  if (code === 0) return undefined;
  const runs = [...output.matchAll(/^seed /gm)].length;
  const what =
    /FAILED: (.*)/.exec(output)?.[1] ?? output.split('\n').find((line) => /Error/.test(line)) ?? 'it crashed';
  const spent = Number(/ in ([\d.]+) s of one core/.exec(output)?.[1] ?? 0);
  return { seconds: spent, runs, what: what.slice(0, 110) };
}

const patches = readPatches(join(root, 'test/sim/bugs')).filter(({ name }) => {
  return positionals.length === 0 || positionals.includes(name);
});
const caught: number[] = [];
for (const patch of patches) {
  const copy = await plant(patch);
  try {
    // First whatever comes; then where the bug is known to be.
    const seconds = Number(values.seconds);
    const isKnown = patch.options.length > 0;
    const isDirected = values.directed && isKnown;
    const anywhere = isDirected ? undefined : await hunt(copy, isKnown ? seconds / 2 : seconds, []);
    const found = anywhere ?? (isKnown ? await hunt(copy, seconds / 2, patch.options) : undefined);
    const isBroken = found !== undefined && ofProgram.test(found.what);
    if (found !== undefined && !isBroken) caught.push(found.seconds);
    const way = found === undefined || found === anywhere ? '' : ` with ${patch.options.join(' ')}`;
    const verdict = found ? `${found.seconds.toFixed(1)} s, run ${found.runs}${way}: ${found.what}` : 'NOT CAUGHT';
    print(`${patch.name.padEnd(32)} ${isBroken ? 'BROKEN: ' : ''}${verdict}`);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
const median = [...caught].sort((a, b) => a - b)[caught.length >> 1];
print(`${caught.length} of ${patches.length} planted bugs caught, half of them within ${median?.toFixed(1)} s`);
process.exitCode = caught.length === patches.length ? 0 : 1;
