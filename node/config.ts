// What an operator may tune: addresses, files, timers and this node's own limits, from a node.toml. Nothing here
// decides whether a block is valid (ledger/limits.ts and the consortium's parameters do), and no key stands in it.
import { isAbsolute, resolve } from 'node:path';
import { parse, stringify, TomlError } from 'smol-toml';
import { z } from 'zod';
import { closestName } from './closest-name.ts';

/** Says what is wrong, why it matters and what to do. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

const count = (initial: number, min: number, max: number) => z.int().min(min).max(max).default(initial);
const port = z.int().min(0).max(65_535);
const host = z.string().min(1).max(253);
const file = z.string().min(1).max(4096);

// The descriptions are the comments of the file that formatConfig writes.
const listen = z.strictObject({
  host: host.default('127.0.0.1').describe('address on which other validators reach this one (libp2p over TCP)'),
  port: port.describe('0 takes any free port, which the other validators then cannot know'),
});

const api = z.strictObject({
  host: host.default('127.0.0.1').describe('address of the HTTP API; put a TLS proxy in front of any but loopback'),
  port: port.describe('0 takes any free port'),
  connectionsMax: count(1_024, 1, 65_536).describe('open connections; a further one is closed at once'),
  bodyBytesMax: count(2_097_152, 32_768, 16_777_216).describe('largest request body'),
  bulkItemsMax: count(256, 1, 4_096).describe('most transactions of one bulk request'),
  waitersMax: count(4_096, 1, 65_536).describe('requests that may wait for finality at the same time'),
  waitTimeoutMsMax: count(30_000, 100, 300_000).describe('longest time that a request may wait for finality'),
  eventStreamsMax: count(64, 1, 4_096).describe('open streams of block events'),
  eventStallTimeoutMs: count(30_000, 100, 300_000).describe(
    'an event stream whose reader takes nothing for so long is cut',
  ),
  headersTimeoutMs: count(10_000, 100, 120_000).describe('time in which a request head must arrive'),
  requestTimeoutMs: count(30_000, 100, 300_000).describe('time in which a whole request must arrive'),
  keepAliveTimeoutMs: count(30_000, 100, 300_000).describe('how long an idle connection stays open'),
});

const timers = z.strictObject({
  tickMs: count(50, 5, 1_000).describe('one tick of the consensus core; its timeouts are rounded up to ticks'),
  proposalTimeoutMs: count(1_500, 50, 60_000).describe('no progress for this long while work waits: view change'),
  oldestTimeoutMs: count(3_000, 50, 120_000).describe(
    'the oldest transaction waits this long: view change (censorship)',
  ),
  statusIntervalMs: count(500, 20, 60_000).describe('how often status, and what waits, is sent to the others again'),
  expiryIntervalMs: count(1_000, 20, 60_000).describe('how often expired transactions leave the mempool'),
  syncTimeoutMs: count(5_000, 100, 120_000).describe('longest answer time of a peer that serves missing blocks'),
  stopTimeoutMs: count(10_000, 100, 120_000).describe(
    'time that an orderly stop may take before the process ends anyway',
  ),
});

const mempool = z.strictObject({
  transactionsMax: count(50_000, 1, 1_000_000).describe('transactions that may wait to be ordered'),
  bytesMax: count(134_217_728, 16_384, 4_294_967_296).describe('bytes of transactions that may wait'),
  memberShare: z
    .number()
    .min(0.05)
    .max(0.95)
    .default(0.25)
    .describe('part of either limit that one member may fill; each further one, of what the others left free'),
});

const snapshots = z.strictObject({
  everyBlocks: count(10_000, 10, 10_000_000).describe(
    'a snapshot of the state is made at each height that this divides; best the same on all validators',
  ),
  prune: z.boolean().default(false).describe('blocks that snapshots make needless are deleted; archives keep them'),
  keepBlocksMin: count(1_000, 1, 100_000_000).describe('blocks before a snapshot that stay in any case'),
  holdMs: count(3_600_000, 1_000, 604_800_000).describe(
    'a snapshot that a newcomer has begun to take, and the blocks after it, stay so long',
  ),
});

const settingsSchema = z.strictObject({
  validator: z.string().min(1).max(34).describe('id of this validator, as the genesis document has it'),
  genesisFile: file.default('genesis.json').describe('genesis document; a relative path begins at this file'),
  dataFolder: file.default('data').describe('the store (LMDB), made by `daybook node init`'),
  keyFile: file.default('validator.key').describe('seed of the validator; readable by its owner only'),
  openReads: z
    .boolean()
    .default(false)
    .describe('anyone who reaches the API may read accounts and transactions: for a devnet on loopback only'),
  freeSpaceBytesMin: count(268_435_456, 0, Number.MAX_SAFE_INTEGER).describe(
    'less free disk than this makes the node read-only',
  ),
  logLevel: z
    .enum(logLevels)
    .default('info')
    .describe(`one of ${logLevels.join(', ')}`),
  listen,
  api,
  timers: timers.prefault({}),
  mempool: mempool.prefault({}),
  snapshots: snapshots.prefault({}),
  peerKeys: z.record(z.string().min(1).max(34), z.string().regex(/^[0-9a-f]{64}$/)).default({}),
  peers: z.record(z.string().min(1).max(34), z.string().max(260)).default({}),
});

/** What a file must or may say; the rest has defaults. Paths and addresses as the file has them. */
export type NodeSettings = z.input<typeof settingsSchema>;
type Settings = z.output<typeof settingsSchema>;
export type ApiConfig = z.output<typeof api>;
export type TimerConfig = z.output<typeof timers>;
export type SnapshotConfig = z.output<typeof snapshots>;
export type MempoolConfig = z.output<typeof mempool>;

/** Every setting, with absolute paths and parsed addresses; `peers` names every other validator that the file does. */
export interface NodeConfig extends Omit<Settings, 'peers'> {
  readonly peers: ReadonlyMap<string, Address>;
}

/** Throws ConfigError. `folder` is where the file stands: its relative paths begin there. */
export function parseConfig(text: string, folder: string): NodeConfig {
  const parsed = settingsSchema.safeParse(parseToml(text), { reportInput: true });
  if (!parsed.success) throw new ConfigError(parsed.error.issues.map(issueText).join('\n'));
  const settings = parsed.data;
  const path = (name: string) => (isAbsolute(name) ? name : resolve(folder, name));
  const peers = new Map<string, Address>();
  for (const [id, address] of Object.entries(settings.peers)) {
    // One table may serve every validator's file: a line for oneself is not dialled.
    if (id !== settings.validator) peers.set(id, parseAddress(address, `peers.${id}`));
  }
  const config = {
    ...settings,
    genesisFile: path(settings.genesisFile),
    dataFolder: path(settings.dataFolder),
    keyFile: path(settings.keyFile),
    peers,
  };
  assertConsistent(config);
  return config;
}

/** `host:port`, an IPv6 host in brackets. Throws ConfigError naming `where`. */
export function parseAddress(text: string, where: string): Address {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})$/.exec(text);
  const number = Number(match?.[2]);
  if (match?.[1] === undefined || number < 1 || number > 65_535)
    throw new ConfigError(`${where} = "${text}" is no address. Write host:port, for example "10.0.0.2:7001".`);
  return { host: match[1].replace(/^\[|\]$/g, ''), port: number };
}

/** A commented node.toml: what `settings` says, and every other key commented out with its default. */
export function formatConfig(settings: NodeSettings): string {
  const shape = settingsSchema.shape;
  const {
    listen: listenShape,
    api: apiShape,
    timers: timersShape,
    mempool: mempoolShape,
    snapshots: snapshotsShape,
    peers,
    peerKeys,
    ...top
  } = shape;
  const lines = ['# A Daybook validator. Units stand in the names. Unknown keys are refused.', ''];
  lines.push(...keyLines(top, settings));
  lines.push('', '[listen]', ...keyLines(listenShape.shape, settings.listen));
  lines.push('', '[api]', ...keyLines(apiShape.shape, settings.api));
  lines.push('', '[timers]', ...keyLines(timersShape.unwrap().shape, settings.timers ?? {}));
  lines.push('', '[mempool]', ...keyLines(mempoolShape.unwrap().shape, settings.mempool ?? {}));
  lines.push('', '[snapshots]', ...keyLines(snapshotsShape.unwrap().shape, settings.snapshots ?? {}));
  lines.push('', '# validator id = "host:port"; a line for this validator itself is ignored', '[peers]');
  for (const [id, address] of Object.entries(settings.peers ?? {})) lines.push(stringify({ [id]: address }).trim());
  return `${lines.join('\n')}\n`;
}

function keyLines(shape: { readonly [key: string]: z.ZodType }, values: object): string[] {
  const given = new Map<string, unknown>(Object.entries(values));
  return Object.entries(shape).flatMap(([key, schema]) => {
    const value = given.get(key);
    const initial = schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined;
    const comment = `# ${schema.description ?? key}`;
    if (value !== undefined) return [comment, stringify({ [key]: value }).trim()];
    return initial === undefined ? [] : [comment, `# ${stringify({ [key]: initial }).trim()}`];
  });
}

function parseToml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? 'unreadable';
    throw new ConfigError(`line ${error.line}, column ${error.column}: ${reason}. The file must be TOML 1.0.`);
  }
}

function issueText(issue: z.core.$ZodIssue): string {
  const where = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path);
    return issue.keys
      .map((key) => {
        const near = closestName(key, known);
        const advice = near === undefined ? `The keys there are ${known.join(', ')}.` : `Did you mean ${near}?`;
        return `unknown key ${where === '' ? key : `${where}.${key}`}: a key without effect is refused. ${advice}`;
      })
      .join('\n');
  }
  if (issue.input === undefined) return `${where} is missing: the node cannot start without it. Add it to the file.`;
  return `${where} = ${JSON.stringify(issue.input)} is refused: ${issue.message}. Correct it, or remove it.`;
}

function knownKeys(path: readonly PropertyKey[]): string[] {
  const sections: { readonly [section: string]: object } = {
    listen: listen.shape,
    api: api.shape,
    timers: timers.shape,
    mempool: mempool.shape,
    snapshots: snapshots.shape,
  };
  return Object.keys(sections[String(path[0])] ?? settingsSchema.shape);
}

export function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(name);
}

function assertConsistent(config: NodeConfig): void {
  const { timers: times, api: http, snapshots: held } = config;
  if (times.proposalTimeoutMs < 4 * times.tickMs)
    throw new ConfigError(
      `timers.proposalTimeoutMs = ${times.proposalTimeoutMs} is under four ticks of ${times.tickMs} ms: ` +
        'every block would end in a view change. Raise it, or lower timers.tickMs.',
    );
  if (times.oldestTimeoutMs < times.proposalTimeoutMs)
    throw new ConfigError(
      `timers.oldestTimeoutMs = ${times.oldestTimeoutMs} is under timers.proposalTimeoutMs = ` +
        `${times.proposalTimeoutMs}: an honest primary would be replaced before it is late. Raise it.`,
    );
  if (held.holdMs < 10 * times.syncTimeoutMs)
    throw new ConfigError(
      `snapshots.holdMs = ${held.holdMs} is under ten answers of timers.syncTimeoutMs = ${times.syncTimeoutMs}: ` +
        'a snapshot would be gone before a newcomer on a slow link has fetched it. Raise it.',
    );
  if (config.openReads && !isLoopback(http.host))
    throw new ConfigError(
      `openReads = true with api.host = "${http.host}" would show every account to anyone who reaches that address. ` +
        'Remove openReads, or set api.host = "127.0.0.1".',
    );
}
