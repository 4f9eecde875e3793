// The compiled command line in a home of its own. Its validators end with the test's process, whatever ends that, and
// everything that was started here is ended by its id.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readDevnet } from '../../cli/devnet-files.ts';
import { gone, startDevnet, stopDevnet } from '../../cli/devnet-processes.ts';
import { type HomePaths, homePaths } from '../../cli/home.ts';
import { signalProcess } from '../../cli/process-alive.ts';

export const mainFile = resolve(import.meta.dirname, '../../cli/main.js');

export interface Ended {
  /** Undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface Running {
  readonly child: ChildProcess;
  /** What it has written to stdout and stderr so far. */
  said(): string;
  readonly ended: Promise<Ended>;
}

export interface Account {
  readonly account: string;
  readonly branch: string;
  readonly currency: string;
  readonly balance: string;
  readonly overdraftLimit: string;
}

export class Home {
  readonly folder: string;
  readonly paths: HomePaths;
  readonly #children = new Set<ChildProcess>();

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'daybook-e2e-'));
    this.paths = homePaths(join(this.folder, 'home'));
  }

  /** Starts `daybook ...` in this home. */
  spawn(...args: readonly string[]): Running {
    const began = Date.now();
    const child = spawn(process.execPath, [mainFile, ...args, '--home', this.paths.folder], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    this.#children.add(child);
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const ended = new Promise<Ended>((done, failed) => {
      child.once('error', failed);
      child.once('close', (code) => {
        this.#children.delete(child);
        done({ code: code ?? undefined, stdout, stderr, ms: Date.now() - began });
      });
    });
    return { child, said: () => stdout + stderr, ended };
  }

  /** Runs `daybook ...` to its end. */
  run(...args: readonly string[]): Promise<Ended> {
    return this.spawn(...args).ended;
  }

  /** Runs a command that must end with 0, and gives its JSON. */
  async json<T = { readonly [key: string]: unknown }>(...args: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run(...args, '--json');
    if (code !== 0) throw new Error(`daybook ${args.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Four validators that are ready, on the chain of this home or a new one. Gives the time that it took. */
  async up(issued?: { readonly currency: string; readonly amount: bigint }): Promise<number> {
    const began = Date.now();
    const issuance = issued === undefined ? [] : [issued];
    await startDevnet(this.paths, { validators: 4, issuance, keeper: 'channel' });
    return Date.now() - began;
  }

  /** The API addresses, in the order of the validators. */
  urls(): string[] {
    return (readDevnet(this.paths)?.validators ?? []).map(({ apiPort }) => `http://127.0.0.1:${apiPort}`);
  }

  /** SIGKILL, as a power cut would; by number, from 1. Resolves when they have ended: one in a write takes a moment. */
  async kill(...validators: readonly number[]): Promise<void> {
    const state = readDevnet(this.paths);
    const marks = validators.map((number) => {
      const mark = state?.validators[number - 1]?.process;
      if (mark === undefined || !signalProcess(mark, 'SIGKILL')) throw new Error(`validator ${number} does not run`);
      return mark;
    });
    for (const mark of marks) if (!(await gone(mark, 10_000))) throw new Error(`${mark.pid} does not end`);
  }

  pids(): number[] {
    return (readDevnet(this.paths)?.validators ?? []).flatMap(({ process: mark }) => mark?.pid ?? []);
  }

  /** Ends the validators in order, so that the home can come up again. */
  down(): Promise<void> {
    return stopDevnet(this.paths);
  }

  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  async balances(): Promise<Map<string, string>> {
    const accounts = await this.json<readonly Account[]>('account', 'list');
    return new Map(accounts.map(({ account, balance }) => [account, balance]));
  }

  /** Ends what runs and removes what was written. */
  async remove(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    if (existsSync(this.paths.devnet)) await stopDevnet(this.paths);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a node says of itself. */
export async function statusOf(url: string): Promise<{ readonly [key: string]: unknown }> {
  const response = await fetch(`${url}/v1/status`, { signal: AbortSignal.timeout(5_000) });
  return (await response.json()) as { readonly [key: string]: unknown };
}

/** Waits until all four stand at one height, then gives their roots: one text if they agree. */
export async function rootsOnceLevel(home: Home): Promise<ReadonlySet<string>> {
  let states: { readonly [key: string]: unknown }[] = [];
  await until('all have caught up', async () => {
    states = await Promise.all(home.urls().map(statusOf));
    return new Set(states.map(({ height }) => height)).size === 1;
  });
  return new Set(states.map(({ logRoot, stateRoot }) => `${logRoot} ${stateRoot}`));
}

/** Polls until `holds`; for what another process does, which no event tells. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await holds()); ) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** In minor units of a currency with two digits. */
export function minor(text: string): bigint {
  const [whole = '0', cents = ''] = text.replace('-', '').split('.');
  const amount = BigInt(whole) * 100n + BigInt(cents.padEnd(2, '0'));
  return text.startsWith('-') ? -amount : amount;
}
