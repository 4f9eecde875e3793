// The composition root: from a config to a running validator. The only file that names both adapters, LMDB and libp2p.
import './polyfill.ts';
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Logger, pino } from 'pino';
import { chainIdOf, type Genesis, GenesisError, genesisEntry } from '../genesis/genesis.ts';
import { parseGenesis } from '../genesis/genesis-text.ts';
import { AddressBook } from './address-book.ts';
import { type RunningApi, startApi } from './api/server.ts';
import type { NoteKey } from './checkpointing.ts';
import type { NodeConfig } from './config.ts';
import type { DivergenceIncident } from './divergence.ts';
import { realEventLoop } from './event-loop.ts';
import { HealingNode } from './healing-node.ts';
import { Keyring } from './keyring.ts';
import { type CommitCertificate, certificateSchema } from './ledger/certificate.ts';
import { sessionBytes } from './ledger/claim.ts';
import { type CosignatureContradiction, type CosignedHead, cosignedHeadSchema } from './ledger/cosignature.ts';
import { type Digest, digestBytes, toHex } from './ledger/hash.ts';
import { encodeAs } from './ledger/schema.ts';
import { publicKeyOf, sign } from './ledger/signature.ts';
import { Libp2pTransport } from './network/libp2p-transport.ts';
import { freeSpaceBytes } from './store/data-file.ts';
import { openLmdbStore } from './store/lmdb-opening.ts';
import { preflight } from './store/preflight.ts';
import type { Store } from './store/store.ts';
import { version } from './version.ts';

export interface RunningNode {
  readonly apiPort: number;
  readonly peerPort: number;
  /** Orderly: nothing signed is lost, nothing is left open. */
  stop(): Promise<void>;
}

interface Identity {
  readonly genesis: Genesis;
  readonly genesisText: string;
  readonly chainId: Digest;
  /** Read again for addresses that it does not have yet. */
  readonly configFile?: string | undefined;
  readonly keyring: Keyring;
}

/**
 * Throws ConfigError, GenesisError, ValidatorKeyError, StoreError or TransportError before anything is signed; each
 * says what to do. Afterwards a failure of the store ends the process: a retry after a failed write is unsafe.
 * `isSound` is a preflight of the data folder that was begun before.
 */
export async function startNode(
  config: NodeConfig,
  configFile?: string,
  isSound?: Promise<void>,
): Promise<RunningNode> {
  const identity = identityOf(config);
  await (isSound ?? preflight(config.dataFolder, true));
  const expected = { chainId: identity.chainId, validator: config.validator, toHeal: true };
  const store = await openLmdbStore(config.dataFolder, expected);
  try {
    return await startOn(store, config, { ...identity, configFile });
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function startOn(store: Store, config: NodeConfig, identity: Identity): Promise<RunningNode> {
  const log = pino({ level: config.logLevel, base: { validator: config.validator } }, pino.destination(2));
  const failed = (error: unknown) => {
    log.fatal({ error: error instanceof Error ? error.stack : error }, 'this validator ends; start it again');
    process.exit(1);
  };
  const transport = transportOf(config, identity, log);
  const node = nodeOf({ config, identity, store, transport, log, failed });
  const timers: NodeJS.Timeout[] = [];
  let api: RunningApi | undefined;
  const stop = async () => {
    for (const timer of timers) clearInterval(timer);
    node.stop();
    await api?.stop();
    await transport.stop();
  };
  try {
    await transport.start(node);
    node.start();
    timers.push(...startTimers(config, node));
    const onFailure = (error: unknown) => node.failed(error);
    api = await startApi(node, { ...config.api, openReads: config.openReads, onFailure });
  } catch (error) {
    await stop();
    throw error;
  }
  log.info({ apiPort: api.port, peerPort: transport.port, height: store.head().height }, 'running');
  return {
    apiPort: api.port,
    peerPort: transport.port,
    async stop() {
      await stop();
      await store.close();
      log.info('stopped');
    },
  };
}

function transportOf(config: NodeConfig, { chainId, keyring, configFile }: Identity, log: Logger): Libp2pTransport {
  const book = new AddressBook(config, configFile, (text, facts) => log.warn(facts, text));
  return new Libp2pTransport({
    chainId: digestBytes(chainId),
    networkSeed: keyring.networkSeed,
    addressOf: ({ validator }) => book.addressOf(validator),
    listen: config.listen,
  });
}

interface NodeGround {
  readonly config: NodeConfig;
  readonly identity: Identity;
  readonly store: Store;
  readonly transport: Libp2pTransport;
  readonly log: Logger;
  readonly failed: (error: unknown) => void;
}

function nodeOf({ config, identity, store, transport, log, failed }: NodeGround): HealingNode {
  const { genesis, genesisText, chainId, keyring } = identity;
  return new HealingNode({
    store,
    transport,
    genesis,
    genesisText,
    name: genesis.name,
    chainId,
    version,
    validator: config.validator,
    sign: (message, voteKey) => keyring.sign(message, voteKey),
    holds: (voteKey) => keyring.holds(voteKey),
    peerKeys: () => peerKeysOf(config),
    heldKeys: () => keyring.held(),
    onKeys: ({ voteKey }) => void transport.rekey(keyring.networkSeedOf(voteKey)).catch(failed),
    newSession: () => new Uint8Array(randomBytes(sessionBytes)),
    auditKey: noteKeyOf(keyring.auditSeeds()[0] ?? keyring.logSeed),
    nextAuditKeys: () => keyring.auditSeeds().slice(1).map(noteKeyOf),
    logKey: noteKeyOf(keyring.logSeed),
    timers: config.timers,
    mempool: config.mempool,
    snapshots: config.snapshots,
    loop: realEventLoop,
    now: Date.now,
    log: (level, text, facts) => log[level](facts ?? {}, text),
    onFailure: failed,
    onContradiction: (pair) => log.error(pairFacts(pair), 'a validator has cosigned two logs'),
    keepIncident: (incident) => keepIncident(config, log, incident),
    onIncident(reason, certificates) {
      // What shows it is kept beside the data; the process must say nothing more in this validator's name.
      const file = writeIncident(config, reason, certificates);
      log.fatal({ reason, file }, 'an incident: this validator stops');
      process.exit(1);
    },
  });
}

/** Whom to believe that they are reached; of what they say nothing is believed for it. */
function peerKeysOf({ peerKeys }: NodeConfig): Map<string, Uint8Array> {
  return new Map(Object.entries(peerKeys).map(([id, key]) => [id, Uint8Array.from(Buffer.from(key, 'hex'))]));
}

function noteKeyOf(seed: Uint8Array): NoteKey {
  return { publicKey: publicKeyOf(seed), sign: (message) => sign(message, seed) };
}

/** All that anybody needs to check it: the two cosignatures, in hex. */
function pairFacts({ first, second }: CosignatureContradiction): object {
  const shown = (each: CosignedHead) => toHex(encodeAs(cosignedHeadSchema, each));
  return { validator: first.validator, size: first.size, first: shown(first), second: shown(second) };
}

function startTimers(config: NodeConfig, node: HealingNode): NodeJS.Timeout[] {
  const { tickMs, expiryIntervalMs } = config.timers;
  const watch = () => node.setReadOnly(freeSpaceBytes(config.dataFolder) < config.freeSpaceBytesMin);
  watch();
  return [
    setInterval(() => node.tick(), tickMs),
    setInterval(() => node.tidyMempool(), expiryIntervalMs),
    setInterval(watch, expiryIntervalMs),
  ];
}

function identityOf(config: NodeConfig): Identity {
  const genesisText = readGenesisText(config.genesisFile);
  const genesis = genesisOf(genesisText, config.genesisFile);
  const chainId = chainIdOf(genesisEntry(genesis));
  return { genesis, genesisText, chainId, keyring: new Keyring(config.keyFile, config.validator) };
}

function genesisOf(text: string, file: string): Genesis {
  try {
    return parseGenesis(text);
  } catch (error) {
    if (!(error instanceof GenesisError)) throw error;
    throw new GenesisError(`${file}: ${error.message}. Copy the document from another validator.`);
  }
}

function readGenesisText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new GenesisError(`the genesis document ${file} cannot be read (${why}). Copy it from another validator.`);
  }
}

/** What shows that more than f validators lied or that this state differs: beside the data, never overwritten. */
function writeIncident(config: NodeConfig, reason: string, certificates: readonly CommitCertificate[]): string {
  const file = join(dirname(config.dataFolder), `incident-${Date.now()}.json`);
  const shown = certificates.map((each) => toHex(encodeAs(certificateSchema, each)));
  const incident = { time: new Date().toISOString(), validator: config.validator, reason, certificates: shown };
  writeFileSync(file, `${JSON.stringify(incident, undefined, 2)}\n`, { flag: 'wx' });
  return file;
}

/** Written when a divergence is noticed and again, in its place, when it is over. */
function keepIncident(config: NodeConfig, log: Logger, incident: DivergenceIncident): void {
  const file = join(dirname(config.dataFolder), `incident-${incident.noticedAt}.json`);
  const { noticedAt, healedAt, ...rest } = incident;
  const times = {
    time: new Date(noticedAt).toISOString(),
    ...(healedAt === undefined ? {} : { healed: new Date(healedAt).toISOString() }),
  };
  writeFileSync(`${file}.new`, `${JSON.stringify({ ...times, ...rest }, undefined, 2)}\n`);
  renameSync(`${file}.new`, file);
  log.warn({ file, outcome: incident.outcome }, 'what is known of the divergence is in this file');
}
