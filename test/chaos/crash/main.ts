// `npm run crash-images`: disks after power losses at any moment of a validator's life, and writes that fail, until so
// many images are judged. Options: --images N (2000), --faults N (20), --seed S, --rounds N of work in each recording.
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { prng } from '../../_prng.ts';
import { buildShim } from '../_shim.ts';
import { Court, expectationAtEnd, record } from './_court.ts';

const imagesPerRecording = 250;
const print = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { images: text, seed: text, faults: text, rounds: text } });
  const images = Number(values.images ?? 2_000);
  const faults = Number(values.faults ?? 20);
  const rounds = Number(values.rounds ?? 40);
  const first = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
  if (![images, faults, rounds, first].every((each) => Number.isInteger(each) && each >= 0)) {
    process.stderr.write('--images, --faults, --rounds and --seed take whole numbers\n');
    return 2;
  }
  const shim = buildShim('disk');
  if ('absent' in shim) {
    print(`skipped: ${shim.absent}`);
    return 0;
  }
  const court = new Court(Math.min(2, cpus().length));
  const problems: string[] = [];
  const started = performance.now();
  try {
    for (let seed = first; court.counts.images < images; seed++) {
      const recording = record(shim.file, join(court.base, `recording-${seed}`), seed, rounds);
      if (recording.status !== 0) throw new Error(`the recording ended with ${recording.status}: ${recording.errors}`);
      const count = Math.min(imagesPerRecording, images - court.counts.images);
      const found = await court.images(recording, count, seed);
      print(`seed ${seed}: ${recording.calls.length} calls, ${count} images, ${found.length} problems`);
      problems.push(...found.map((problem) => `--seed ${seed} --images ${count}: ${problem}`));
    }
    problems.push(...(await failingWrites(court, shim.file, faults, first, rounds)));
  } finally {
    court.close();
  }
  for (const problem of problems) print(`FAILED ${problem}`);
  const { images: judged, opened, begun, refused, audits } = court.counts;
  print(
    `${judged} images, ${opened} opened, in ${begun} the write in flight was there whole, ${refused} refused ` +
      `(creation cut short), ${audits} audited from genesis; ${faults} failing writes; ${problems.length} problems; ` +
      `${((performance.now() - started) / 1000).toFixed(0)} s`,
  );
  return problems.length === 0 ? 0 : 1;
}

async function failingWrites(court: Court, shim: string, count: number, seed: number, rounds: number) {
  const random = prng(seed);
  const problems: string[] = [];
  for (let i = 0; i < count; i++) {
    const [op, error] = [random.pick(['sync', 'write', 'meta']), random.pick(['EIO', 'ENOSPC'])];
    const rule = `${op} error ${error} ${2 + random.int(120)}`;
    const recording = record(shim, join(court.base, `fault-${i}`), seed + i, rounds, rule);
    const say = (problem: string) => problems.push(`--seed ${seed}: ${rule}: ${problem}`);
    if (recording.status === 0) continue; // this run made fewer calls than the rule spares
    // LMDB prints its message about a refused page into a buffer that is too small for it (mdb_page_flush, 100 bytes),
    // so what ends the process may be glibc, which finds the heap overrun, before exit(1) does.
    const isAbort = op === 'write' && recording.signal === 'SIGABRT' && /StoreFailure/.test(recording.errors);
    if (recording.status !== 1 && !isAbort)
      say(`the process ended with ${recording.signal ?? recording.status}: ${recording.errors}`);
    const left = await court.folder(recording.folder, expectationAtEnd(recording.calls));
    if (left !== undefined) say(`at the restart: ${left}`);
  }
  return problems;
}

process.exitCode = await main();
