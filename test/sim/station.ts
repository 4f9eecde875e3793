// One running copy of a validator: the whole node of node/validator-node.ts over a simulated disk, network, clock and
// event loop. It takes one thing at a time, is busy while its disk writes, may stand still, and dies wherever it is
// told to: at any effect boundary, or inside a write.
import type { Genesis } from '../../genesis/genesis.ts';
import type { SnapshotConfig, TimerConfig } from '../../node/config.ts';
import { encodeRecord } from '../../node/consensus/record.ts';
import type { DivergenceIncident } from '../../node/divergence.ts';
import { HealingNode } from '../../node/healing-node.ts';
import type { CosignatureContradiction } from '../../node/ledger/cosignature.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import type { Channel, Transport } from '../../node/network/transport.ts';
import { type BlockCommit, type CheckpointChange, type Snapshot, StoreFailure } from '../../node/store/store.ts';
import type { Chance } from './chance.ts';
import type { WallClock } from './clock.ts';
import { Crash, type DiskFault, type SimulatedDisk } from './disk.ts';
import type { Gate } from './gate.ts';
import type { MachineKeys } from './keys.ts';
import type { Network, Station } from './network.ts';
import type { SharedWork } from './shared-work.ts';
import { HeldFrames, transportOf } from './station-transport.ts';
import type { Tamper } from './tamper.ts';
import { millisecond, type Timeline } from './timeline.ts';

export interface StationWatch {
  /** A frame is about to leave; what would survive a crash now is on the station's disk. */
  leaves(station: ValidatorStation, channel: Channel, bytes: Uint8Array): void;
  /** A frame reaches the node. */
  arrives(station: ValidatorStation, from: number, channel: Channel, bytes: Uint8Array): void;
  /** The node has dealt with that frame, and lives. */
  handled(station: ValidatorStation, channel: Channel, bytes: Uint8Array): void;
  /** It has read its disk, and nothing has come from others yet. */
  started(station: ValidatorStation): void;
  committed(station: ValidatorStation, commit: BlockCommit): void;
  checkpointed(station: ValidatorStation, checkpoints: CheckpointChange): void;
  /** A snapshot is about to take the place of all that it holds. */
  installed(station: ValidatorStation, snapshot: Snapshot): void;
  /** Told to clients: in a block that is durable here. */
  acknowledged(station: ValidatorStation, id: Digest, index: number, height: number): void;
  /** A node has found two cosignatures of one validator that contradict each other. */
  contradicts(station: ValidatorStation, pair: CosignatureContradiction): void;
  /** Its state was not the chain's: noticed, and told again when it is healed. */
  diverged(station: ValidatorStation, incident: DivergenceIncident): void;
  /** It was shown that more than f validators lie, and stops. */
  incident(station: ValidatorStation, reason: string): void;
  /** It says that nobody needs it any more. */
  released(station: ValidatorStation): void;
  /** Something that must not happen to an honest validator. */
  broke(station: ValidatorStation, what: string): void;
}

export interface StationParts {
  readonly station: number;
  readonly index: number;
  readonly validator: string;
  readonly validators: number;
  readonly chainId: Digest;
  readonly ledger: string;
  readonly genesis: Genesis;
  readonly disk: SimulatedDisk;
  readonly clock: WallClock;
  readonly timeline: Timeline;
  readonly network: Network;
  readonly chance: Chance;
  readonly timers: TimerConfig;
  readonly snapshots: SnapshotConfig;
  readonly watch: StationWatch;
  readonly work: SharedWork;
  readonly sharesWork: boolean;
  readonly keys: MachineKeys;
  /** Where keys change; elsewhere everybody admits everybody under the numbers of genesis. */
  readonly gate: Gate<ValidatorStation> | undefined;
  /** What its operator knows of the others' network keys when it starts [E8]. */
  peerKeys(): ReadonlyMap<string, Uint8Array>;
}

const inboxMax = 20_000;
const eventCost = 20;
/** How often what clients wait for is sent to all once more. */
export const repeatMs = 1_000;

export class ValidatorStation implements Station {
  readonly parts: StationParts;
  readonly station: number;
  readonly index: number;
  node: HealingNode | undefined;
  tamper: Tamper | undefined;
  /** Most of the time that one write takes. */
  writeMsMax = 1;
  writeFails: DiskFault = 'none';
  /** Effect boundaries that are left to live. */
  boundariesLeft = Number.POSITIVE_INFINITY;
  /** Called once when it has died. */
  onDeath: (() => void) | undefined;
  lives = 0;
  /** Snapshots taken: what was kept in memory before is gone, as with a new life. */
  installs = 0;
  prunings = 0;
  #busyUntil = 0;
  #pausedUntil = 0;
  #inbox: (() => void)[] = [];
  #isWoken = false;
  #cancelWaking: () => void = () => {};
  #waitingTimers = new Set<string>();
  readonly #held = new HeldFrames();

  constructor(parts: StationParts) {
    this.parts = parts;
    this.station = parts.station;
    this.index = parts.index;
    parts.disk.watch = {
      boundary: () => this.#boundary(),
      fault: () => {
        const fault = this.writeFails;
        this.writeFails = 'none';
        return fault;
      },
      written: () => this.#occupy(parts.chance.int(this.writeMsMax * millisecond) + 1),
      committed: (commit) => parts.watch.committed(this, commit),
      checkpointed: (checkpoints) => parts.watch.checkpointed(this, checkpoints),
      installed: (snapshot) => {
        this.installs += 1;
        parts.watch.installed(this, snapshot);
      },
      pruned: () => {
        this.prunings += 1;
      },
    };
  }

  isUp(): boolean {
    return this.node !== undefined;
  }

  /** Throws StoreError when what is on the disk is not what was written. */
  start(): void {
    const { timeline, timers, chance, disk, watch, gate, keys } = this.parts;
    const life = ++this.lives;
    gate?.speak(this, keys.networkKey);
    timeline.note(`${this.station} starts at height ${disk.head().height}`);
    this.#busyUntil = timeline.now;
    this.node = undefined;
    const node = this.#newNode(life);
    this.node = node;
    node.onBlock((block, transactions) => {
      if (life === this.lives) for (const [id, at] of transactions) watch.acknowledged(this, id, at, block.height);
    });
    this.#put(life, () => {
      node.start();
      if (life === this.lives) watch.started(this); // a write of its start may have failed
    });
    this.parts.network.join(this.station);
    this.#every(life, 'tick', timers.tickMs, chance.int(timers.tickMs * millisecond), () => node.tick());
    this.#every(life, 'tidy', timers.expiryIntervalMs, 0, () => node.tidyMempool());
  }

  crash(why: string): void {
    if (this.node === undefined) return;
    this.parts.timeline.note(`${this.station} dies: ${why}`);
    this.node.stop();
    this.node = undefined;
    this.lives += 1;
    this.#inbox = [];
    this.#waitingTimers.clear();
    this.#pausedUntil = 0;
    this.boundariesLeft = Number.POSITIVE_INFINITY;
    this.writeFails = 'none';
    this.onDeath?.();
  }

  /** A liar whose own node would be silent for what its key signed elsewhere [R3] is told to forget that. */
  speakAgain(): void {
    const { disk, work } = this.parts;
    const bytes = disk.voteRecord();
    const record = bytes === undefined ? undefined : work.record(bytes);
    if (this.node?.silence === undefined || record?.silenced === undefined) return;
    this.crash('speaks again');
    disk.restore({ ...disk.snapshot(), voteRecord: encodeRecord({ ...record, silenced: undefined }) });
  }

  /** Also for the write that is under way: a bound from now on cannot hold for one that takes seconds more. */
  repairDisk(): void {
    this.writeMsMax = 1;
    this.writeFails = 'none';
    this.#busyUntil = Math.min(this.#busyUntil, this.parts.timeline.now);
    this.#held.release();
  }

  pause(microseconds: number): void {
    this.#pausedUntil = this.parts.timeline.now + microseconds;
  }

  resume(): void {
    this.#pausedUntil = 0;
    this.#cancelWaking();
    this.#isWoken = false;
    this.#wake();
  }

  connected(machine: number): void {
    const peer = this.#numberOf(machine);
    if (peer !== undefined) this.#put(this.lives, () => this.node?.connected(peer));
  }

  /** The node's own number for another machine. */
  #numberOf(machine: number): number | undefined {
    const { gate } = this.parts;
    return gate === undefined ? machine : gate.numberOf(this, machine);
  }

  receive(from: number, channel: Channel, bytes: Uint8Array): void {
    const peer = this.#numberOf(from);
    if (peer === undefined) return;
    const seen = this.tamper === undefined ? bytes : this.tamper.incoming(from, channel, bytes);
    if (seen === undefined) return;
    this.#put(this.lives, () => {
      this.parts.watch.arrives(this, from, channel, seen);
      this.node?.receive(peer, channel, seen);
      this.parts.watch.handled(this, channel, seen);
    });
  }

  serve(from: number, request: Uint8Array, answered: (answer: Uint8Array | undefined) => void): void {
    const peer = this.#numberOf(from);
    if (peer === undefined) return answered(undefined);
    this.#put(this.lives, () => {
      const answer = this.node?.serve(peer, request);
      const given = this.tamper === undefined ? answer : this.tamper.answer(from, request, answer);
      if (given !== 'stalls') answered(given);
    });
  }

  /** Runs something of the outside, a client's request for one, when the node comes to it. */
  ask(work: (node: HealingNode) => void): void {
    this.#put(this.lives, () => {
      if (this.node !== undefined) work(this.node);
    });
  }

  #newNode(life: number): HealingNode {
    const { parts } = this;
    const { timeline, clock, keys, gate } = parts;
    const isThis = () => life === this.lives;
    const peerKeys = gate && parts.peerKeys();
    return new HealingNode({
      store: parts.disk,
      transport: this.#transport(life),
      genesis: parts.genesis,
      genesisText: '',
      name: parts.ledger,
      chainId: parts.chainId,
      version: 'simulated',
      validator: parts.validator,
      sign: (message, voteKey) => keys.sign(message, voteKey),
      ...(gate && {
        holds: (voteKey) => keys.holds(voteKey),
        heldKeys: () => keys.held,
        onKeys: ({ networkKey }) => gate.speak(this, networkKey),
        nextAuditKeys: () => keys.nextAuditKeys,
        ...(peerKeys && { peerKeys: () => peerKeys }),
      }),
      newSession: () => Uint8Array.from({ length: 16 }, () => parts.chance.int(256)),
      auditKey: keys.auditKey,
      logKey: keys.logKey,
      onContradiction: (pair) => {
        if (isThis()) parts.watch.contradicts(this, pair);
      },
      timers: parts.timers,
      mempool: { transactionsMax: 2_000, bytesMax: 8_000_000, memberShare: 0.5 },
      snapshots: parts.snapshots,
      loop: {
        soon: (work) => {
          timeline.unsettle();
          this.#put(life, () => {
            timeline.unsettle();
            work();
          });
        },
        after: (delayMs, work) =>
          timeline.after(delayMs * millisecond, () => {
            timeline.unsettle();
            if (isThis()) work();
          }),
        monotonicMs: () => timeline.now / millisecond,
      },
      now: () => clock.now(),
      log: (_, text) => {
        if (isThis() && text.includes('it may be stopped')) parts.watch.released(this);
      },
      ...(parts.sharesWork && { reader: parts.work, transactions: parts.work.transactions }),
      onFailure: (error) => {
        if (isThis()) this.#failed(error);
      },
      keepIncident: (incident) => {
        if (isThis()) parts.watch.diverged(this, incident);
      },
      onIncident: (reason) => {
        if (isThis()) parts.watch.incident(this, reason);
        this.crash('an incident');
      },
    });
  }

  #failed(error: unknown): void {
    const isMeant = error instanceof Crash || error instanceof StoreFailure;
    if (!isMeant) this.parts.watch.broke(this, error instanceof Error ? (error.stack ?? error.message) : String(error));
    this.crash(isMeant ? error.message : 'a failure');
  }

  #transport(life: number): Transport {
    const { gate, network, timeline, validators, watch } = this.parts;
    const others = Array.from({ length: validators }, (_, index) => index).filter((index) => index !== this.index);
    return transportOf({
      ...{ network, timeline, station: this, held: this.#held },
      isAlive: () => life === this.lives,
      busyUntil: () => this.#busyUntil,
      boundary: () => this.#boundary(),
      leaves: (channel, bytes) => watch.leaves(this, channel, bytes),
      tamper: () => this.tamper,
      admit: (peers) => gate?.admit(this, peers),
      voters: () => gate?.votersOf(this) ?? others,
      machineOf: (peer) => (gate === undefined ? peer : gate.machineOf(this, peer)),
      numberOf: (machine) => this.#numberOf(machine),
    });
  }

  /** Once in a while, and never twice in a row for what was missed meanwhile. */
  #every(life: number, name: string, intervalMs: number, phase: number, work: () => void): void {
    const { timeline } = this.parts;
    timeline.after(phase + intervalMs * millisecond, () => {
      if (life !== this.lives) return;
      if (!this.#waitingTimers.has(name)) {
        this.#waitingTimers.add(name);
        this.#put(life, () => {
          this.#waitingTimers.delete(name);
          work();
        });
      }
      this.#every(life, name, intervalMs, 0, work);
    });
  }

  #put(life: number, work: () => void): void {
    if (life !== this.lives || this.#inbox.length >= inboxMax) return;
    this.#inbox.push(work);
    this.#wake();
  }

  #freeAt(): number {
    return Math.max(this.#busyUntil, this.#pausedUntil, this.parts.timeline.now);
  }

  #wake(): void {
    if (this.#isWoken || this.#inbox.length === 0) return;
    this.#isWoken = true;
    this.#cancelWaking = this.parts.timeline.at(this.#freeAt(), () => {
      this.#isWoken = false;
      if (this.#freeAt() <= this.parts.timeline.now) this.#turn();
      this.#wake();
    });
  }

  #turn(): void {
    const work = this.#inbox.shift();
    if (work === undefined) return;
    this.#occupy(eventCost);
    try {
      work();
    } catch (error) {
      this.#failed(error);
    }
  }

  #occupy(microseconds: number): void {
    this.#busyUntil = Math.max(this.#busyUntil, this.parts.timeline.now) + microseconds;
  }

  #boundary(): void {
    this.boundariesLeft -= 1;
    if (this.boundariesLeft <= 0) {
      const left = new Crash('at an effect boundary');
      this.crash(left.message);
      throw left;
    }
  }
}
