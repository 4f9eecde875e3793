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
import { digestBytes, equalBytes } from '../../node/ledger/hash.ts';
import { deriveSeed, publicKeyOf, sign } from '../../node/ledger/signature.ts';
import { bodyOf, signTransaction, type Transaction } from '../../node/ledger/transaction.ts';
import type { AdmittedPeer, Channel, Receiver, Transport } from '../../node/network/transport.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';
import type { BlockCommit, Store, VoteChange } from '../../node/store/store.ts';
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

interface Machine {
  readonly validator: string;
  /** Names of seeds. */
  readonly keys: string[];
  networkKey: Uint8Array;
  admitted: Map<number, AdmittedPeer>;
}

function publicOf(key: string, purpose: 'vote' | 'network'): Uint8Array {
  return publicKeyOf(deriveSeed(seedOf(key), purpose));
}

export class MemoryCluster {
  readonly genesis: Genesis;
  readonly #snapshots: SnapshotConfig;
  /** Memory at first; another store may take a place before its validator starts. */
  readonly stores: Store[] = [];
  readonly nodes: (HealingNode | undefined)[] = [];
  readonly machines: Machine[] = [];
  readonly incidents: string[] = [];
  readonly contradictions: CosignatureContradiction[] = [];
  readonly divergences: DivergenceIncident[] = [];
  readonly chainId: Uint8Array;
  now = genesisTime + 1_000;
  losesCheckpoints = false;
  losesRequests = false;
  hasNoHints = false;
  /** Sees what is sent before anybody gets it. */
  onSend: (from: number, channel: Channel, bytes: Uint8Array) => void = () => {};
  /** What never arrives. */
  lose: (to: number, channel: Channel, bytes: Uint8Array) => boolean = () => false;
  onFailure: (error: unknown) => void = (error) => {
    throw error;
  };
  readonly #first: { readonly commit: BlockCommit; readonly vote: VoteChange };
  #frames: Frame[] = [];
  #references = 0;
  #sessions = 0;
  readonly #timers = new Set<{ readonly at: number; readonly work: () => void }>();
  readonly #cut = new Set<number>();
  readonly #apart = new Set<number>();

  constructor({ parameters, snapshots }: ClusterOptions = {}) {
    this.genesis = testGenesis(parameters);
    this.#snapshots = { everyBlocks: 1_000, prune: false, keepBlocksMin: 10, holdMs: 10_000, ...snapshots };
    const { commit } = genesisCommit(this.genesis, contracts);
    this.chainId = digestBytes(commit.head.digest);
    const vote = { record: encodeRecord(firstRecord()), putBodies: [], deleteBodies: [] };
    this.#first = { commit, vote };
    for (const { id } of this.genesis.validators) this.add(id, id);
  }

  /** A machine with an empty store and keys under these names: the present one's first. */
  add(validator: string, ...keys: string[]): number {
    const identity = { chainId: this.#first.commit.head.digest, validator, format: 1 };
    this.stores.push(new MemoryStore(identity, this.#first.commit, this.#first.vote));
    this.machines.push({ validator, keys, networkKey: publicOf(keys[0] ?? '', 'network'), admitted: new Map() });
    return this.nodes.push(undefined) - 1;
  }

  start(index: number): void {
    const store = this.stores[index];
    const machine = this.#machine(index);
    if (store === undefined) throw new Error(`no store ${index}`);
    const nameOf = (voteKey: Uint8Array) => machine.keys.find((key) => equalBytes(publicOf(key, 'vote'), voteKey));
    const noteKeyOf = (seed: Uint8Array) => ({ publicKey: publicKeyOf(seed), sign: (m: Uint8Array) => sign(m, seed) });
    const auditKeyOf = (key: string) => noteKeyOf(deriveSeed(seedOf(key), 'audit'));
    const node = new HealingNode({
      store,
      genesis: this.genesis,
      transport: this.#transport(index),
      genesisText: formatGenesis(this.genesis),
      name: this.genesis.name,
      chainId: store.identity.chainId,
      version: 'test',
      validator: machine.validator,
      sign: (message, voteKey) => sign(message, deriveSeed(seedOf(nameOf(voteKey) ?? ''), 'vote')),
      holds: (voteKey) => nameOf(voteKey) !== undefined,
      peerKeys: () => new Map(this.hasNoHints ? [] : this.machines.map((each) => [each.validator, each.networkKey])),
      heldKeys: () =>
        machine.keys.map((key) => ({ voteKey: publicOf(key, 'vote'), networkKey: publicOf(key, 'network') })),
      onKeys: ({ networkKey }) => {
        machine.networkKey = networkKey;
      },
      newSession: () => {
        this.#sessions += 1;
        return new Uint8Array(16).fill(this.#sessions);
      },
      auditKey: auditKeyOf(machine.keys[0] ?? ''),
      nextAuditKeys: () => machine.keys.slice(1).map(auditKeyOf),
      logKey: noteKeyOf(deriveSeed(seedOf(machine.validator), 'log')),
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
      loop: { ...realEventLoop, after: (delayMs, work) => this.#after(delayMs, work), monotonicMs: () => this.now },
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

  /** These reach each other and nobody else. */
  part(...indexes: readonly number[]): void {
    for (const index of indexes) this.#apart.add(index);
  }

  heal(): void {
    this.#cut.clear();
    this.#apart.clear();
  }

  transaction(by: Signer, method: string, args: Value, reference?: string): Transaction {
    return this.#signed(by, 'payments', method, args, reference);
  }

  governance(by: Signer, method: string, args: Value, reference?: string): Transaction {
    return this.#signed(by, 'consortium', method, args, reference);
  }

  #signed(by: Signer, contract: string, method: string, args: Value, name?: string): Transaction {
    const reference = name ?? `R${++this.#references}`;
    const { chainId } = this;
    const [member, validUntil] = [by.member, this.now + 3_600_000];
    const fields = { chainId, member, reference, validUntil, contract, method, args };
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
      for (const { from, to, channel, bytes } of frames) {
        const name = this.#isLinked(from, to) ? this.#numberOf(to, from) : undefined;
        if (name !== undefined && !this.lose(to, channel, bytes)) this.nodes[to]?.receive(name, channel, bytes);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #transport(self: number): Transport {
    const own = this.#machine(self);
    const frame = (to: number | undefined, channel: Channel, bytes: Uint8Array) => {
      if (to !== undefined) this.#frames.push({ from: self, to, channel, bytes });
    };
    const peers = () => [...own.admitted.keys()].filter((peer) => this.#isLinked(self, this.#behind(self, peer)));
    return {
      admit: (admitted) => {
        own.admitted = new Map(admitted.map((each) => [each.peer, each]));
      },
      start: async (_receiver: Receiver) => {},
      send: (to, channel, bytes) => {
        if (channel === 'checkpoints' && this.losesCheckpoints) return;
        this.onSend(self, channel, bytes);
        frame(this.#behind(self, to), channel, bytes);
      },
      broadcast: (channel, bytes) => {
        if (channel === 'checkpoints' && this.losesCheckpoints) return;
        this.onSend(self, channel, bytes);
        for (const { peer, isVoter } of own.admitted.values())
          if (isVoter) frame(this.#behind(self, peer), channel, bytes);
      },
      request: async (to, bytes) => {
        const machine = this.#behind(self, to);
        const from =
          machine !== undefined && !this.losesRequests && this.#isLinked(self, machine)
            ? this.#numberOf(machine, self)
            : undefined;
        const answer = from === undefined ? undefined : this.nodes[machine ?? -1]?.serve(from, bytes);
        if (answer === undefined) throw new Error('no answer');
        return answer;
      },
      peers,
      stop: async () => {},
    };
  }

  #machine(index: number): Machine {
    const machine = this.machines[index];
    if (machine === undefined) throw new Error(`no machine ${index}`);
    return machine;
  }

  /** The running machine that speaks under the network key of a peer. */
  #behind(self: number, peer: number): number | undefined {
    const key = this.#machine(self).admitted.get(peer)?.networkKey;
    const isIt = ({ networkKey }: Machine, at: number) =>
      this.nodes[at] !== undefined && key !== undefined && equalBytes(networkKey, key);
    const at = this.machines.findIndex(isIt);
    return at < 0 ? undefined : at;
  }

  /** What a machine calls another one; undefined where its gater refuses it. */
  #numberOf(machine: number, other: number): number | undefined {
    const { networkKey } = this.#machine(other);
    return [...this.#machine(machine).admitted.values()].find((each) => equalBytes(each.networkKey, networkKey))?.peer;
  }

  #isLinked(a: number, b: number | undefined): boolean {
    if (b === undefined || this.nodes[b] === undefined || this.#cut.has(a) || this.#cut.has(b)) return false;
    if (this.#apart.has(a) !== this.#apart.has(b)) return false;
    return this.#numberOf(a, b) !== undefined && this.#numberOf(b, a) !== undefined;
  }
}
