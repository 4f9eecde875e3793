// Runs a validator until it is told to stop. It never creates a store. The only place in the command line that loads
// the node itself.
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ConfigError, type NodeConfig, parseConfig } from '../../node/config.ts';
import { preflight } from '../../node/store/preflight.ts';
import { ValidatorKeyError } from '../../node/validator-key.ts';
import { keepCompiled } from '../compile-cache.ts';
import { CliError } from '../exit-codes.ts';
import { readInput } from '../files.ts';
import { shownPath } from '../home.ts';
import { isAlive, type ProcessMark } from '../process-alive.ts';
import { type CommonOptions, Session } from '../session.ts';
import { isWhole, refuseHalf, validatorPaths } from '../validator-folder.ts';

interface Options extends CommonOptions {
  readonly config?: string;
  readonly parentChannel?: boolean;
  readonly parent?: string;
}

const parentPollMs = 500;

export async function run(options: Options, id?: string): Promise<void> {
  const session = new Session(options);
  const file = configFile(session, options, id);
  const config = readConfig(file);
  const parent = options.parent === undefined ? undefined : parseMark(options.parent);
  const stopping = told(options.parentChannel === true, parent);
  // In a process of its own, while this one loads the node.
  const isSound = preflight(config.dataFolder, true);
  isSound.catch(() => undefined); // reported by the start
  const { startNode } = await import('../../node/main.ts');
  const node = await startNode(config, file, isSound).catch((error: unknown) => {
    throw startProblem(error, config);
  });
  keepCompiled();
  session.output.note(
    `${config.validator}: API http://${config.api.host}:${node.apiPort}, peers ${config.listen.host}:${node.peerPort}`,
  );
  await stopping;
  // An orderly stop that hangs must not keep the process: what is durable is durable.
  setTimeout(() => process.exit(1), config.timers.stopTimeoutMs).unref();
  await node.stop();
  process.exit(0);
}

function configFile({ paths }: Session, options: Options, id: string | undefined): string {
  if (options.config !== undefined) return resolve(options.config);
  if (id === undefined)
    throw new CliError('usage', 'it is not said which validator', 'Name it, or give --config FILE.');
  const files = validatorPaths(paths.validators, id);
  if (!existsSync(files.config))
    throw new CliError(
      'usage',
      `there is no ${files.config}`,
      `Make the validator first: daybook node init ${id} --home ${shownPath(paths.folder)}`,
    );
  return files.config;
}

function readConfig(file: string): NodeConfig {
  const text = readInput(file).toString('utf8');
  let config: NodeConfig;
  try {
    config = parseConfig(text, dirname(file));
  } catch (error) {
    if (error instanceof ConfigError) throw new CliError('usage', `${file}: ${error.message}`);
    throw error;
  }
  const paths = validatorPaths(dirname(dirname(file)), config.validator);
  const own = { ...paths, key: config.keyFile, data: config.dataFolder };
  if (!isWhole(own)) refuseHalf(own);
  return config;
}

/** What the node itself says is complete; only the exit code and the port are ours to add. */
function startProblem(error: unknown, config: NodeConfig): unknown {
  if (!(error instanceof Error)) return error;
  if ('code' in error && error.code === 'EADDRINUSE')
    return new CliError(
      'failed',
      `a port is in use: ${error.message}`,
      `Change listen.port or api.port of ${config.validator}.`,
    );
  const isKnown = ['ConfigError', 'GenesisError', 'StoreError', 'TransportError'].includes(error.name);
  return isKnown || error instanceof ValidatorKeyError ? new CliError('failed', error.message) : error;
}

/** Resolves once somebody wants this process to end: a signal, or the end of the process that keeps it. */
function told(hasChannel: boolean, parent: ProcessMark | undefined): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
    if (hasChannel) {
      if (!process.connected) resolve();
      process.on('disconnect', () => resolve());
      // A listener alone would keep a process that refused to start.
      process.channel?.unref();
    }
    if (parent === undefined) return;
    const timer = setInterval(() => {
      if (!isAlive(parent)) resolve();
    }, parentPollMs);
    timer.unref();
  });
}

function parseMark(text: string): ProcessMark {
  const colon = text.indexOf(':');
  return { pid: Number(text.slice(0, colon)), start: text.slice(colon + 1) };
}
