// `npm run sim:mutants -- FILE... [--part K/N] [--cpu S] [--tests PATTERN]`: makes one small wrong after another in
// what is compiled, and lets the simulator look for it, then the tests. Whatever nobody notices is printed with its
// place: it is of no effect, or there is a check to be written. --part takes each Nth, from the Kth on.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { filesIn, root } from '../_source.ts';
import { mutantsOf } from './operators.ts';

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
const [first = 1, each = 1] = values.part.split('/').map(Number);
/** A wrong that never ends is noticed, too. */
const patienceMs = 20_000 + 6_000 * Number(values.cpu);

const copy = mkdtempSync(join(tmpdir(), 'daybook-mutant-'));
process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true });
cpSync(join(root, 'test'), join(copy, 'test'), { recursive: true });
cpSync(join(root, 'package.json'), join(copy, 'package.json'));
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

interface Outcome {
  readonly code: number;
  readonly output: string;
}

async function run(args: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [...process.execArgv, ...args], {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const timer = setTimeout(() => {
    output += 'Error: it does not end';
    child.kill('SIGKILL');
  }, patienceMs);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { code: code ?? 1, output };
}

/** Who notices, and by what; undefined: nobody. */
async function noticedBy(): Promise<string | undefined> {
  const simulated = await run(['dist/test/sim/main.js', ...['--seed', values.seed, '--cpu', values.cpu, '--first']]);
  if (simulated.code !== 0) return `sim: ${complaint(simulated.output)}`;
  const tests = filesIn('dist/test', /\.test\.js$/).filter((file) => file.includes(values.tests));
  const tested = await run(['node_modules/ava/entrypoints/cli.mjs', '--fail-fast', ...tests]);
  return tested.code === 0 ? undefined : `tests: ${complaint(tested.output)}`;
}

function complaint(output: string): string {
  const line = /FAILED: (.*)/.exec(output)?.[1] ?? /^ *✘ .*$/m.exec(output)?.[0] ?? /^.*Error.*$/m.exec(output)?.[0];
  return (line ?? 'it ends').trim().slice(0, 100);
}

const healthy = await noticedBy();
if (healthy !== undefined) throw new Error(`something is wrong before anything is changed: ${healthy}`);
let count = 0;
const left: string[] = [];
for (const file of positionals) {
  const path = join(copy, 'dist', file.replace(/\.ts$/, '.js'));
  const source = readFileSync(path, 'utf8');
  for (const { line, start, end, text, what } of mutantsOf(source)) {
    count += 1;
    if ((count - first) % each !== 0) continue;
    writeFileSync(path, source.slice(0, start) + text + source.slice(end));
    const noticed = await noticedBy();
    const place = `${file.replace(/\.ts$/, '.js')}:${line}  ${what}`;
    print(`${noticed === undefined ? 'LEFT  ' : 'caught'} ${place}${noticed === undefined ? '' : `  [${noticed}]`}`);
    if (noticed === undefined) left.push(place);
  }
  writeFileSync(path, source);
}
const taken = Math.ceil((count - first + 1) / each);
print(`${taken - left.length} of ${taken} wrongs noticed`);
for (const place of left) print(`left: ${place}`);
