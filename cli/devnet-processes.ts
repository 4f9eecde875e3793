// A devnet's processes: the `node start` that an operator would run, one for each validator. Only processes whose pid
// and start time were recorded are ever signalled.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requestNode } from './client.ts';
import { isRunning, validatorNamed } from './devnet-control.ts';
import {
  apiUrl,
  createDevnet,
  type DevnetPlan,
  type DevnetState,
  type DevnetValidator,
  readDevnet,
  removeUnfinished,
  validatorIds,
  validatorPathsOf,
  writeAddresses,
  writeDevnet,
  writeProcess,
} from './devnet-files.ts';
import { CliError } from './exit-codes.ts';
import { releaseLock, takeLock } from './file-lock.ts';
import { areFree, freePorts } from './free-ports.ts';
import { type HomePaths, readSettings } from './home.ts';
import { checkIssued } from './issuance.ts';
import { isAlive, markOf, type ProcessMark, signalProcess } from './process-alive.ts';

const mainFile = fileURLToPath(new URL('./main.js', import.meta.url));
const readyTimeoutMs = 30_000;
const stopTimeoutMs = 12_000;
const pollMs = 25;
const attemptsMax = 4;

/** Whose end is the validators' end: this process by a channel, another by its mark, or nobody's. */
export type Keeper = 'channel' | 'nobody' | ProcessMark;

export interface StartOptions extends DevnetPlan {
  readonly keeper: Keeper;
}

export interface StartedDevnet {
  readonly state: DevnetState;
  readonly isNew: boolean;
  /** Resolves when every validator that was started here has ended. */
  readonly ended: Promise<void>;
}

/** Makes the chain if the home has none, starts the validators and waits until all are ready. */
export async function startDevnet(paths: HomePaths, options: StartOptions): Promise<StartedDevnet> {
  mkdirSync(paths.folder, { recursive: true });
  const lock = join(paths.folder, 'devnet.lock');
  takeLock(lock, `the devnet in ${paths.folder}`);
  try {
    return await startLocked(paths, options);
  } finally {
    releaseLock(lock);
  }
}

async function startLocked(paths: HomePaths, options: StartOptions): Promise<StartedDevnet> {
  const before = readDevnet(paths);
  if (before?.validators.some(({ process: mark }) => mark !== undefined && isAlive(mark)))
    throw new CliError(
      'failed',
      `a devnet runs in ${paths.folder} already`,
      '`daybook devnet status` shows it, `daybook devnet down` ends it.',
    );
  removeUnfinished(paths);
  if (before === undefined && existsSync(paths.genesis) && readSettings(paths).demoPassphrase === undefined)
    throw new CliError('usage', `${paths.folder} is the home of a chain that is no devnet`, 'Use another --home.');
  const isNew = !existsSync(paths.genesis);
  if (isNew) await createDevnet(paths, options);
  else checkIssued(paths, options.issuance);
  const ids = before?.validators.map(({ id }) => id) ?? validatorIds(options.validators);
  for (let attempt = 1; ; attempt++) {
    const state = await addressed(ids, attempt === 1 ? before : undefined);
    await writeAddresses(paths, state);
    const children = state.validators.map((validator) => launch(paths, validator, options.keeper));
    const launcher = options.keeper === 'channel' ? markOf(process.pid) : undefined;
    const validators = state.validators.map((each, i) => ({ ...each, process: markOf(children[i]?.pid ?? 0) }));
    const running = { launcher, validators };
    writeDevnet(paths, running);
    const ended = Promise.all(children.map(ending)).then(() => undefined);
    try {
      await ready(paths, running);
      return { state: running, isNew, ended };
    } catch (error) {
      await stopValidators(validators);
      const isRace = error instanceof CliError && error.code === 'port-in-use';
      if (!isRace || attempt >= attemptsMax) throw error;
    }
  }
}

/** Last time's ports if they are free, so that addresses stay; otherwise new ones. */
async function addressed(ids: readonly string[], before: DevnetState | undefined): Promise<DevnetState> {
  const known = before?.validators ?? [];
  const isKept =
    known.length === ids.length && (await areFree(known.flatMap(({ apiPort, peerPort }) => [apiPort, peerPort])));
  if (isKept) return { launcher: undefined, validators: known };
  const ports = await freePorts(2 * ids.length);
  const validators = ids.map((id, i) => {
    return { id, apiPort: ports[2 * i] ?? 0, peerPort: ports[2 * i + 1] ?? 0, process: undefined };
  });
  return { launcher: undefined, validators };
}

/** Starts one `node start`, in a process group of its own so that a terminal's Ctrl-C reaches the launcher alone. */
function launch(paths: HomePaths, { id }: DevnetValidator, keeper: Keeper): ChildProcess {
  const files = validatorPathsOf(paths, id);
  const args = [mainFile, 'node', 'start', '--config', files.config];
  if (keeper === 'channel') args.push('--parent-channel');
  else if (keeper !== 'nobody') args.push('--parent', `${keeper.pid}:${keeper.start}`);
  writeFileSync(files.log, '');
  const log = openSync(files.log, 'a');
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: keeper === 'channel' ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
  });
  closeSync(log);
  if (keeper !== 'channel') child.unref();
  return child;
}

function ending(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
}

/** Starts one validator again and waits until it is ready. */
export async function startValidator(paths: HomePaths, state: DevnetState, id: string): Promise<DevnetState> {
  const validator = validatorNamed(state, id);
  if (validator.process !== undefined) await stopValidators([validator]);
  const hasLauncher = state.launcher !== undefined && isAlive(state.launcher);
  const child = launch(paths, validator, hasLauncher ? (state.launcher ?? 'nobody') : 'nobody');
  const started = { ...validator, process: markOf(child.pid ?? 0) };
  const validators = state.validators.map((each) => (each.id === id ? started : each));
  const next = { ...state, validators };
  writeProcess(paths, id, started.process);
  const isAlone = !state.validators.some((each) => each.id !== id && isRunning(each));
  await ready(paths, { ...next, validators: [started] }, isAlone ? aloneAdvice : '');
  return next;
}

const aloneAdvice =
  ' No other validator runs, and one alone is no quorum: `daybook devnet down`, then `daybook devnet up`.';

async function ready(paths: HomePaths, state: DevnetState, advice = ''): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  await Promise.all(
    state.validators.map(async (validator) => {
      for (;;) {
        const reason = await unreadyReason(validator);
        if (reason === undefined) return;
        if (validator.process === undefined || !isAlive(validator.process)) throw endedEarly(paths, validator);
        if (Date.now() > deadline)
          throw new CliError(
            'timeout',
            `${validator.id} is not ready after ${readyTimeoutMs / 1_000} s: ${reason}`,
            `Its log is ${validatorPathsOf(paths, validator.id).log}.${advice}`,
          );
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    }),
  );
}

/** Why it is not ready, in its own words where it answers; undefined once it is. */
async function unreadyReason(validator: DevnetValidator): Promise<string | undefined> {
  try {
    await requestNode(apiUrl(validator), 'GET', '/readyz', { timeoutMs: 2_000 });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function endedEarly(paths: HomePaths, { id }: DevnetValidator): CliError {
  const { log } = validatorPathsOf(paths, id);
  const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
  const isRace = /EADDRINUSE|in use/.test(text);
  const last = text.trim().split('\n').slice(-5).join('\n');
  return new CliError(
    'failed',
    `${id} ended at its start:\n${last}`,
    `Its log is ${log}.`,
    isRace ? 'port-in-use' : undefined,
  );
}

/** SIGTERM, and SIGKILL for what has not ended in time; returns when all have ended. */
export async function stopValidators(validators: readonly DevnetValidator[]): Promise<void> {
  const marks = validators.flatMap(({ process: mark }) => (mark === undefined ? [] : [mark]));
  for (const mark of marks) signalProcess(mark, 'SIGTERM');
  await Promise.all(marks.map((mark) => gone(mark, stopTimeoutMs)));
  for (const mark of marks) signalProcess(mark, 'SIGKILL');
  await Promise.all(marks.map((mark) => gone(mark, stopTimeoutMs)));
}

/** Waits until a recorded process has ended; false if it has not in time. */
export async function gone(mark: ProcessMark, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (isAlive(mark)) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return true;
}

/** Ends whatever the home's devnet.json records. */
export async function stopDevnet(paths: HomePaths): Promise<void> {
  const state = readDevnet(paths);
  if (state === undefined) return;
  await stopValidators(state.validators);
  const validators = state.validators.map((validator) => ({ ...validator, process: undefined }));
  writeDevnet(paths, { launcher: undefined, validators });
}
