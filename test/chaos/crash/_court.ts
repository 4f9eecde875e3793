// Records runs, builds images of their disks and has each judged in a child process.
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prng } from '../../_prng.ts';
import { type DiskCall, readDiskTrace } from '../_disk-trace.ts';
import { type Image, imagesOf } from './_images.ts';
import type { Verdict } from './_judge.ts';
import type { JudgeRequest } from './_judge-child.ts';
import { type Expectation, type Mark, Story } from './_story.ts';

const recorderFile = fileURLToPath(new URL('_recorder.js', import.meta.url));
const judgeFile = fileURLToPath(new URL('_judge-child.js', import.meta.url));
const judgeTimeoutMs = 60_000;
/** One image in so many has its whole log verified and executed again. */
const wholeAuditEvery = 25;

export interface Recording {
  readonly calls: readonly DiskCall[];
  /** The folder as the process left it. */
  readonly folder: string;
  /** lock.mdb of a process that was still writing. */
  readonly lock: Uint8Array;
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

/** Runs the recorder in `base`; `rule` is a line of the shim's control file. */
export function record(shim: string, base: string, seed: number, rounds: number, rule = ''): Recording {
  mkdirSync(base, { recursive: true });
  const [folder, trace, control] = ['store', 'trace', 'control'].map((name) => join(base, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(control, `${rule}\n`);
  const env = { ...process.env, LD_PRELOAD: shim, DAYBOOK_DISK_TRACE: trace, DAYBOOK_DISK_CONTROL: control };
  const args = [recorderFile, folder, trace, String(seed), String(rounds)];
  const { status, signal, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8', timeout: 300_000 });
  const lock = join(folder, 'lock.mdb');
  return {
    calls: readDiskTrace(trace),
    folder,
    lock: existsSync(lock) ? readFileSync(lock) : new Uint8Array(0),
    status,
    signal,
    errors: stderr,
  };
}

/** What must be found in the folder that the process itself left. */
export function expectationAtEnd(calls: readonly DiskCall[]): Expectation {
  const story = new Story();
  for (const call of calls) if (call.type === 'mark') story.add(JSON.parse(call.text) as Mark);
  return story.now();
}

export class Court {
  readonly base = mkdtempSync(join(tmpdir(), 'daybook-crash-'));
  readonly counts = { images: 0, opened: 0, begun: 0, refused: 0, audits: 0 };
  readonly #children: (ChildProcess | undefined)[];
  #folders = 0;

  constructor(judges: number) {
    this.#children = Array.from({ length: judges }, () => undefined);
  }

  /** Problems, each with the place and kind of its image. `onEach` after every image. */
  async images(recording: Recording, count: number, seed: number, onEach = () => {}): Promise<string[]> {
    const problems: string[] = [];
    const images = imagesOf(recording.calls, count, prng(seed));
    const work = this.#children.map(async (_, judge) => {
      for (let next = images.next(); next.done !== true; next = images.next()) {
        const problem = await this.#image(judge, recording, next.value);
        if (problem !== undefined) problems.push(`${next.value.at}: ${next.value.what}: ${problem}`);
        onEach();
      }
    });
    await Promise.all(work);
    return problems;
  }

  async folder(folder: string, expected: Expectation): Promise<string | undefined> {
    return (await this.#judge(0, { folder, expected, wholeAudit: true })).problem;
  }

  close(): void {
    for (const child of this.#children) child?.kill();
    rmSync(this.base, { recursive: true, force: true });
  }

  async #image(judge: number, recording: Recording, image: Image): Promise<string | undefined> {
    const folder = join(this.base, `image-${this.#folders++}`);
    mkdirSync(folder);
    if (image.file !== undefined) writeFileSync(join(folder, 'data.mdb'), image.file);
    const lock = lockOf(image.lock, recording.lock);
    if (lock !== undefined) writeFileSync(join(folder, 'lock.mdb'), lock);
    const wholeAudit = this.counts.images++ % wholeAuditEvery === 0;
    const verdict = await this.#judge(judge, { folder, expected: image.expected, wholeAudit });
    this.counts.opened += Number(verdict.opened);
    this.counts.begun += Number(verdict.begunIsThere);
    this.counts.refused += Number(!verdict.opened);
    this.counts.audits += Number(wholeAudit && verdict.opened);
    if (verdict.problem !== undefined) this.#keep(folder, image);
    rmSync(folder, { recursive: true, force: true });
    return verdict.problem;
  }

  /** For whoever looks into a finding: the image as it was before anybody opened it. */
  #keep(folder: string, image: Image): void {
    const kept = process.env['DAYBOOK_KEEP_IMAGES'];
    if (kept === undefined || image.file === undefined) return;
    mkdirSync(kept, { recursive: true });
    writeFileSync(join(kept, `${image.at}.mdb`), image.file);
    writeFileSync(join(kept, `${image.at}.json`), JSON.stringify(image.expected));
    if (existsSync(join(folder, 'lock.mdb'))) copyFileSync(join(folder, 'lock.mdb'), join(kept, `${image.at}.lock`));
  }

  async #judge(index: number, request: JudgeRequest): Promise<Verdict> {
    const child = this.#children[index] ?? fork(judgeFile, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#children[index] = child;
    const cancelled = new AbortController();
    const { signal } = cancelled;
    const answered = once(child, 'message', { signal }).then(([verdict]) => verdict as Verdict);
    const died = once(child, 'exit', { signal }).then(([code, end]) =>
      failed(`whoever opened it ended: ${end ?? code}`),
    );
    const timer = setTimeout(() => child.kill('SIGKILL'), judgeTimeoutMs);
    child.send(request);
    const verdict = await Promise.race([answered, died]);
    clearTimeout(timer);
    cancelled.abort();
    await Promise.allSettled([answered, died]);
    if (child.exitCode !== null || child.signalCode !== null) this.#children[index] = undefined;
    return verdict;
  }
}

function failed(problem: string): Verdict {
  return { problem, opened: false, begunIsThere: false };
}

function lockOf(kind: Image['lock'], lock: Uint8Array): Uint8Array | undefined {
  switch (kind) {
    case 'absent':
      return undefined;
    case 'empty':
      return new Uint8Array(0);
    case 'as it was':
      return lock;
    case 'first sector zero':
      return Uint8Array.from(lock).fill(0, 0, 512);
  }
}
