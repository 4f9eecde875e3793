// `npm run fuzz`: one target after another, each in a thread that is ended when it hangs. Options: --minutes M (all of
// them together, 5), --target NAME[,NAME], --seed S, --list. A finding is printed with its seed and its smallest input,
// and written beside the sources, to be given its story and kept.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { prng } from '../_prng.ts';
import { type Finding, fuzz, type Outcome } from './engine.ts';
import { formatFound } from './found.ts';
import { targets } from './targets.ts';

const print = (line: string) => process.stdout.write(`${line}\n`);
const foundFolder = join(import.meta.dirname, '../../../test/fuzz/found');
/** A target that takes one input for so long hangs. */
const hangMs = 60_000;
const inputBytesMax = 8_388_608;

interface Job {
  readonly name: string;
  readonly seed: number;
  readonly seconds: number;
  /** Length and bytes of the input that is being run, for when the thread does not come back. */
  readonly shared: SharedArrayBuffer;
}

async function work({ name, seed, seconds, shared }: Job): Promise<Outcome> {
  const target = targets.find((each) => each.name === name);
  if (target === undefined) throw new Error(`no target ${name}`);
  const head = new Int32Array(shared, 0, 2);
  const bytes = new Uint8Array(shared, 8);
  const before = (input: Uint8Array) => {
    bytes.set(input.subarray(0, inputBytesMax));
    Atomics.store(head, 0, Math.min(input.length, inputBytesMax));
    Atomics.add(head, 1, 1);
  };
  return fuzz(target, seed, prng(seed), { seconds, before });
}

function runThread(job: Job): Promise<Outcome> {
  const worker = new Worker(new URL(import.meta.url), {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: 1_024 },
  });
  const head = new Int32Array(job.shared, 0, 2);
  const inputNow = () => Uint8Array.from(new Uint8Array(job.shared, 8, Atomics.load(head, 0)));
  const found = (problem: string): Outcome => ({
    runs: Atomics.load(head, 1),
    seconds: job.seconds,
    answers: 0,
    finding: { target: job.name, seed: job.seed, input: inputNow(), problem },
  });
  return new Promise((resolve) => {
    let seen = -1;
    const watch = setInterval(() => {
      const runs = Atomics.load(head, 1);
      if (runs !== seen) {
        seen = runs;
        return;
      }
      resolve(found(`no answer within ${hangMs / 1000} s, or slower than that in becoming ready or smaller`));
      void worker.terminate();
    }, hangMs);
    const settle = (outcome: Outcome) => {
      clearInterval(watch);
      resolve(outcome);
    };
    worker.on('message', (outcome: Outcome) => settle(outcome));
    worker.on('error', (error) => settle(found(error.stack ?? error.message)));
    worker.on('exit', (code) => settle(found(`the thread ended with code ${code}`)));
  });
}

function keep(finding: Finding): string {
  mkdirSync(foundFolder, { recursive: true });
  const file = join(foundFolder, `${finding.target}-${finding.seed}.txt`);
  writeFileSync(file, formatFound({ ...finding, story: finding.problem.split('\n')[0] ?? '' }));
  return file;
}

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { minutes: text, target: text, seed: text, list: { type: 'boolean' } } });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
  const minutes = Number(values.minutes ?? 5);
  const names = values.target?.split(',') ?? targets.map(({ name }) => name);
  const unknown = names.find((name) => !targets.some((target) => target.name === name));
  if (values.list === true) print(targets.map(({ name }) => name).join('\n'));
  if (values.list === true) return 0;
  if (unknown !== undefined || !Number.isSafeInteger(seed) || !(minutes > 0)) {
    process.stderr.write(
      `usage: --minutes M --target NAME[,NAME] --seed S (unknown: ${unknown ?? 'a number'}; see --list)\n`,
    );
    return 2;
  }
  print(`seed ${seed}, ${names.length} targets, ${minutes} minutes`);
  let findings = 0;
  for (const name of names) {
    const shared = new SharedArrayBuffer(8 + inputBytesMax);
    const { runs, seconds, answers, finding } = await runThread({
      name,
      seed,
      seconds: (minutes * 60) / names.length,
      shared,
    });
    print(
      `${name}: ${runs} inputs in ${seconds.toFixed(1)} s, ${Math.round(runs / seconds)} a second, ` +
        `${answers} kinds of answer`,
    );
    if (finding === undefined) continue;
    findings += 1;
    print(`FOUND ${name}, seed ${seed}, ${finding.input.length} bytes, kept in ${keep(finding)}:\n${finding.problem}`);
    print(Buffer.from(finding.input.subarray(0, 400)).toString('hex'));
  }
  print(`${findings} findings`);
  return findings === 0 ? 0 : 1;
}

if (isMainThread) {
  process.exitCode = await main();
} else {
  parentPort?.postMessage(await work(workerData as Job));
}
