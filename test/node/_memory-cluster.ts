// Four whole validators in one process, over memory stores and a network of queues: everything but LMDB and libp2p.
// Ticks and delivery are by hand, so that a test waits for nothing.
import type { Parameters } from '../../contracts/consortium-state.ts';
import { contracts } from '../../contracts/registry.ts';
import type { Genesis } from '../../genesis/genesis.ts';
import { formatGenesis } from '../../genesis/genesis-text.ts';
import type { SnapshotConfig } from '../../node/config.ts';
import { encodeRecord, firstRecord } from '../../node/consensus/record.ts';
import type { DivergenceIncident } from '../../node/divergence.ts';
import { realEventLoop } from '../../node/event-loop.ts';
import { genesisCommit } from '../../node/execution/genesis-commit.ts';
import { HealingNode } from '../../node/healing-node.ts';
import type { Value } from '../../node/ledger/codec.ts';
import type { CosignatureContradiction } from '../../node/ledger/cosignature.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import { deriveSeed, publicKeyOf, sign } from '../../node/ledger/signature.ts';
import { bodyOf, signTransaction, type Transaction } from '../../node/ledger/transaction.ts';
import type { Channel, Receiver, Transport } from '../../node/network/transport.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';
import type { Store } from '../../node/store/store.ts';
import { genesisTime, type Signer, seedOf, testGenesis } from '../execution/_ledger.ts';

interface Frame {
  readonly from: number;
  readonly to: number;
  readonly channel: Channel;
  readonly bytes: Uint8Array;
}

export interface ClusterOptions {
  readonly parameters?: Partial<Parameters>;
  readonly snapshots?: Partial<SnapshotConfig>;
}

export class MemoryCluster {
  readonly genesis: Genesis;
  readonly #snapshots: SnapshotConfig;
  /** Memory at first; another store may take a place before its validator starts. */
  readonly stores: Store[] = [];
  readonly nodes: (HealingNode | undefined)[] = [];
  readonly incidents: string[] = [];
  readonly contradictions: CosignatureContradiction[] = [];
  readonly divergences: DivergenceIncident[] = [];
  readonly chainId: Uint8Array;
  now = genesisTime + 1_000;
  losesCheckpoints = false;
  losesRequests = false;
  /** Sees what is sent before anybody gets it. */
  onSend: (from: number, channel: Channel, bytes: Uint8Array) => void = () => {};
  /** What never arrives. */
  lose: (to: number, channel: Channel, bytes: Uint8Array) => boolean = () => false;
  onFailure: (error: unknown) => void = (error) => {
    throw error;
  };
  #frames: Frame[] = [];
  #references = 0;
  #sessions = 0;
  readonly #timers = new Set<{ readonly at: number; readonly work: () => void }>();
  readonly #cut = new Set<number>();

  constructor({ parameters, snapshots }: ClusterOptions = {}) {
    this.genesis = testGenesis(parameters);
    this.#snapshots = { everyBlocks: 1_000, prune: false, keepBlocksMin: 10, ...snapshots };
    const { commit } = genesisCommit(this.genesis, contracts);
    this.chainId = digestBytes(commit.head.digest);
    const vote = { record: encodeRecord(firstRecord()), putBodies: [], deleteBodies: [] };
    for (const { id } of this.genesis.validators) {
      this.stores.push(new MemoryStore({ chainId: commit.head.digest, validator: id, format: 1 }, commit, vote));
      this.nodes.push(undefined);
    }
  }

  start(index: number): void {
    const store = this.stores[index];
    const validator = this.genesis.validators[index];
    if (store === undefined || validator === undefined) throw new Error(`no validator ${index}`);
    const voteSeed = deriveSeed(seedOf(validator.id), 'vote');
    const auditSeed = deriveSeed(seedOf(validator.id), 'audit');
    const logSeed = deriveSeed(seedOf(validator.id), 'log');
    const node = new HealingNode({
      store,
      genesis: this.genesis,
      transport: this.#transport(index),
      genesisText: formatGenesis(this.genesis),
      name: this.genesis.name,
      chainId: store.identity.chainId,
      version: 'test',
      validator: validator.id,
      sign: (message) => sign(message, voteSeed),
      newSession: () => {
        this.#sessions += 1;
        return new Uint8Array(16).fill(this.#sessions);
      },
      auditKey: { publicKey: publicKeyOf(auditSeed), sign: (message) => sign(message, auditSeed) },
      logKey: { publicKey: publicKeyOf(logSeed), sign: (message) => sign(message, logSeed) },
      onContradiction: (pair) => this.contradictions.push(pair),
      timers: {
        tickMs: 50,
        proposalTimeoutMs: 500,
        oldestTimeoutMs: 2_000,
        statusIntervalMs: 100,
        expiryIntervalMs: 1_000,
        syncTimeoutMs: 1_000,
        stopTimeoutMs: 1_000,
      },
      mempool: { transactionsMax: 10_000, bytesMax: 100_000_000, memberShare: 0.5 },
      snapshots: this.#snapshots,
      loop: { ...realEventLoop, after: (delayMs, work) => this.#after(delayMs, work) },
      now: () => this.now,
      log: () => {},
      onFailure: (error) => this.onFailure(error),
      keepIncident: (incident) => this.divergences.push(incident),
      onIncident: (reason) => this.incidents.push(`${index}: ${reason}`),
    });
    this.nodes[index] = node;
    node.start();
  }

  /** As SIGKILL would: what is not in the store is gone. */
  kill(index: number): void {
    this.nodes[index]?.stop();
    this.nodes[index] = undefined;
  }

  cut(index: number): void {
    this.#cut.add(index);
  }

  heal(): void {
    this.#cut.clear();
  }

  transaction(by: Signer, method: string, args: Value, reference = `R${++this.#references}`): Transaction {
    const { chainId } = this;
    const [member, validUntil] = [by.member, this.now + 3_600_000];
    const fields = { chainId, member, reference, validUntil, contract: 'payments', method, args };
    return signTransaction(bodyOf(fields), by.seed, by.publicKey);
  }

  /** Ticks and deliveries until `done` or so many ticks have passed; answers with the ticks it took. */
  async run(done: () => boolean, ticksMax = 400): Promise<number> {
    for (let tick = 0; tick < ticksMax; tick++) {
      if (done()) return tick;
      this.now += 50;
      this.#ring();
      for (const node of this.nodes) node?.tick();
      await this.#settle();
    }
    throw new Error(`not done after ${ticksMax} ticks: ${JSON.stringify(this.nodes.map((each) => each?.status()))}`);
  }

  height(index: number): number {
    return this.stores[index]?.head().height ?? -1;
  }

  #after(delayMs: number, work: () => void): () => void {
    const timer = { at: this.now + delayMs, work };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  #ring(): void {
    for (const timer of this.#timers)
      if (timer.at <= this.now) {
        this.#timers.delete(timer);
        timer.work();
      }
  }

  async #settle(): Promise<void> {
    for (let quiet = 0; quiet < 2; ) {
      const frames = this.#frames;
      this.#frames = [];
      quiet = frames.length === 0 ? quiet + 1 : 0;
      for (const { from, to, channel, bytes } of frames)
        if (!this.#cut.has(from) && !this.#cut.has(to) && !this.lose(to, channel, bytes))
          this.nodes[to]?.receive(from, channel, bytes);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #transport(self: number): Transport {
    const all = this.stores.map((_, index) => index).filter((index) => index !== self);
    const send = (to: number, channel: Channel, bytes: Uint8Array) => {
      if (channel === 'checkpoints' && this.losesCheckpoints) return;
      this.onSend(self, channel, bytes);
      this.#frames.push({ from: self, to, channel, bytes });
    };
    const isLinked = (peer: number) => this.nodes[peer] !== undefined && !this.#cut.has(peer) && !this.#cut.has(self);
    return {
      start: async (_receiver: Receiver) => {},
      send,
      broadcast: (channel, bytes) => {
        for (const to of all) send(to, channel, bytes);
      },
      request: async (to, bytes) => {
        const answer = isLinked(to) && !this.losesRequests ? this.nodes[to]?.serve(self, bytes) : undefined;
        if (answer === undefined) throw new Error('no answer');
        return answer;
      },
      peers: () => all.filter(isLinked),
      stop: async () => {},
    };
  }
}
