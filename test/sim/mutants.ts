// `npm run sim:mutants -- FILE... [--part K/N] [--cpu S] [--tests PATTERN]`: makes one mutant after another of what is
// compiled, and lets the simulator look for it, then the tests. Whatever survives is printed with its place: it is of
// no effect, or there is a check to be written. --part takes each Nth, from the Kth on.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { filesIn, root } from '../_source.ts';
import { childRun } from './child-run.ts';
import { mutantsOf } from './mutations.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    part: { type: 'string', default: '1/1' },
    seed: { type: 'string', default: '1' },
    /** Seconds of one core for each. */
    cpu: { type: 'string', default: '10' },
    /** Tests that are asked about those that the simulator lets pass. */
    tests: { type: 'string', default: 'consensus/' },
  },
});
const print = (line: string) => process.stdout.write(`${line}\n`);
if (positionals.length === 0) {
  print('No file is named. Name some, as: npm run sim:mutants -- node/consensus/view-change.ts --part 1/5');
  process.exit(2);
}
const [first = 1, each = 1] = values.part.split('/').map(Number);
/** Who does not end in this time loops for ever, or the machine is busy: that shows nothing. */
const patienceMs = 60_000 + 6_000 * Number(values.cpu);

const copy = mkdtempSync(join(tmpdir(), 'daybook-mutant-'));
process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true });
cpSync(join(root, 'test'), join(copy, 'test'), { recursive: true });
cpSync(join(root, 'package.json'), join(copy, 'package.json'));
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

type Fate = 'killed' | 'SURVIVED' | 'ENDLESS';

async function fateOfCopy(): Promise<{ readonly fate: Fate; readonly by: string }> {
  const options = ['--seed', values.seed, '--cpu', values.cpu, '--first'];
  const simulated = await childRun(['dist/test/sim/main.js', ...options], copy, patienceMs);
  if (simulated.isEndless) return { fate: 'ENDLESS', by: 'sim' };
  if (simulated.code !== 0) return { fate: 'killed', by: `sim: ${complaint(simulated.output)}` };
  const tests = filesIn('dist/test', /\.test\.js$/).filter((file) => file.includes(values.tests));
  const ava = ['node_modules/ava/entrypoints/cli.mjs', '--fail-fast', ...tests];
  const tested = await childRun(ava, copy, patienceMs);
  if (tested.isEndless) return { fate: 'ENDLESS', by: 'tests' };
  if (tested.code !== 0) return { fate: 'killed', by: `tests: ${complaint(tested.output)}` };
  return { fate: 'SURVIVED', by: 'all' };
}

function complaint(output: string): string {
  const line = /FAILED: (.*)/.exec(output)?.[1] ?? /^ *✘ .*$/m.exec(output)?.[0] ?? /^.*Error.*$/m.exec(output)?.[0];
  return (line ?? 'it ends').trim().slice(0, 100);
}

const healthy = await fateOfCopy();
if (healthy.fate !== 'SURVIVED')
  throw new Error(`something is wrong before anything is changed: ${healthy.fate} by ${healthy.by}`);
let count = 0;
const told: { readonly fate: Fate; readonly place: string }[] = [];
for (const file of positionals) {
  const path = join(copy, 'dist', file.replace(/\.ts$/, '.js'));
  const source = readFileSync(path, 'utf8');
  for (const { line, start, end, text, what } of mutantsOf(source)) {
    count += 1;
    if ((count - first) % each !== 0) continue;
    writeFileSync(path, source.slice(0, start) + text + source.slice(end));
    const { fate, by } = await fateOfCopy();
    const place = `${file.replace(/\.ts$/, '.js')}:${line}  ${what}`;
    print(`${fate.padEnd(8)} ${place}  [${by}]`);
    told.push({ fate, place });
  }
  writeFileSync(path, source);
}
const number = (fate: Fate) => told.filter((each) => each.fate === fate).length;
const [killed, survived, endless] = [number('killed'), number('SURVIVED'), number('ENDLESS')];
print(`${told.length} mutants: ${killed} killed, ${survived} survived, ${endless} without end`);
for (const { fate, place } of told) if (fate !== 'killed') print(`${fate}: ${place}`);
