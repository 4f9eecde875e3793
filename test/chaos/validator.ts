// One `daybook node start` as a process: started, killed, stopped for a while, and asked what it shows.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { markOf } from '../../cli/process-alive.ts';
import type { ValidatorPaths } from '../../cli/validator-folder.ts';
import { leftover } from './leftovers.ts';
import type { ShimControl } from './shim.ts';

const mainFile = resolve(import.meta.dirname, '../../cli/main.js');
const pollMs = 20;

export interface Status {
  readonly validator: string;
  readonly index: number;
  readonly epoch: number;
  readonly view: number;
  readonly mode: string;
  readonly primary: number;
  readonly height: number;
  readonly logRoot: string;
  readonly stateRoot: string;
  readonly ready: boolean;
  readonly reason?: string;
  readonly readOnly: boolean;
}

export interface ValidatorParts {
  readonly index: number;
  readonly id: string;
  readonly paths: ValidatorPaths;
  readonly apiPort: number;
  /** Where it listens itself, behind the proxies. */
  readonly peerPort: number;
  readonly shim: ShimControl | undefined;
}

export class Validator {
  readonly index: number;
  readonly id: string;
  readonly paths: ValidatorPaths;
  readonly url: string;
  readonly peerPort: number;
  readonly shim: ShimControl | undefined;
  #child: ChildProcess | undefined;
  #forget: (() => void) | undefined;
  #isPaused = false;
  /** Of the last process, once it has ended. */
  ending: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined;

  constructor({ index, id, paths, apiPort, peerPort, shim }: ValidatorParts) {
    this.index = index;
    this.id = id;
    this.paths = paths;
    this.url = `http://127.0.0.1:${apiPort}`;
    this.peerPort = peerPort;
    this.shim = shim;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Starts the process; `ready` tells when it takes part. */
  start(): void {
    if (this.#child !== undefined) return;
    this.ending = undefined;
    const log = openSync(this.logFile, 'a');
    const parent = markOf(process.pid);
    const keeper = parent === undefined ? [] : ['--parent', `${parent.pid}:${parent.start}`];
    const child = spawn(process.execPath, [mainFile, 'node', 'start', '--config', this.paths.config, ...keeper], {
      stdio: ['ignore', log, log],
      env: { ...process.env, NO_COLOR: '1', ...this.shim?.environment },
    });
    closeSync(log);
    this.#child = child;
    this.#forget = leftover(() => child.kill('SIGKILL'));
    const ended = (code: number | null, signal: NodeJS.Signals | null) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#isPaused = false;
      this.ending = { code, signal };
      this.#forget?.();
    };
    child.once('exit', ended);
    child.once('error', () => ended(null, null));
  }

  get logFile(): string {
    return join(this.paths.folder, 'node.log');
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** As a power cut would; resolves when the process has ended. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise<void>((done) => child.once('exit', () => done()));
    child.kill(signal);
    if (this.#isPaused) child.kill('SIGCONT');
    await ended;
  }

  pause(): void {
    this.#isPaused = this.#child?.kill('SIGSTOP') ?? false;
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
    this.#isPaused = false;
  }

  /** Undefined while it does not answer. */
  async status(timeoutMs = 2_000): Promise<Status | undefined> {
    return (await this.get('/v1/status', timeoutMs)) as Status | undefined;
  }

  /** JSON of a path, undefined where there is no good answer. */
  async get(path: string, timeoutMs = 2_000): Promise<unknown> {
    if (!this.isRunning || this.#isPaused) return undefined;
    try {
      const response = await fetch(this.url + path, { signal: AbortSignal.timeout(timeoutMs) });
      const value: unknown = await response.json();
      return response.ok ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /** Waits until it votes and can serve. Throws with the end of its log. */
  async ready(timeoutMs = 30_000): Promise<void> {
    await until(
      `${this.id} is ready`,
      async () => {
        const status = await this.status();
        if (status === undefined && !this.isRunning) throw new Error(`${this.id} ended at its start:\n${this.tail()}`);
        return status?.ready === true;
      },
      timeoutMs,
    );
  }

  /** Waits until its process has ended by itself. */
  async ended(timeoutMs: number): Promise<void> {
    await until(`${this.id} ends`, () => !this.isRunning, timeoutMs);
  }

  tail(lines = 6): string {
    return this.log().trim().split('\n').slice(-lines).join('\n');
  }
}

/** Something that a scenario promises did not come about in its time. */
export class LateError extends Error {
  override name = 'LateError';
}

/** Polls until `holds`; for what other processes do, which no event tells. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number,
  everyMs = pollMs,
): Promise<void> {
  for (const deadline = performance.now() + timeoutMs; !(await holds()); ) {
    if (performance.now() > deadline) throw new LateError(`not within ${timeoutMs} ms: ${what}`);
    await pause(everyMs);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
