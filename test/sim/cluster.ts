// A whole network of validators on one thread, from one plan: their stations, disks and clocks, the network between
// them, the clients before them and the witness over them.
import type { SnapshotConfig, TimerConfig } from '../../node/config.ts';
import type { DivergenceIncident } from '../../node/divergence.ts';
import { originOf } from '../../node/ledger/checkpoint.ts';
import { type CosignatureContradiction, type CosignedHead, cosignatureMessage } from '../../node/ledger/cosignature.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import type { Channel } from '../../node/network/transport.ts';
import { type BlockCommit, type CheckpointChange, type Snapshot, StoreError } from '../../node/store/store.ts';
import { AmnesiaWitness } from './amnesia-witness.ts';
import { Liar, truthfulHabits } from './byzantine.ts';
import { Chance } from './chance.ts';
import { WallClock } from './clock.ts';
import { type Consortium, consortiumOf, newDisk, noteKeyOf, voteSignerOf } from './consortium.ts';
import { Forger } from './forger.ts';
import { Hearing } from './hearing.ts';
import { checkHoldings } from './holdings.ts';
import { Jury } from './jury.ts';
import { Network } from './network.ts';
import { type Plan, shortWindowMs } from './plan.ts';
import { SharedWork } from './shared-work.ts';
import { repeatMs, type StationWatch, ValidatorStation } from './station.ts';
import { millisecond, second, Timeline } from './timeline.ts';
import { check, Violation } from './violation.ts';
import { blocksOf, Witness } from './witness.ts';
import { Workload } from './workload.ts';

export class Cluster implements StationWatch {
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly network: Network;
  readonly consortium: Consortium;
  readonly witness: Witness;
  readonly jury: Jury;
  readonly amnesia: AmnesiaWitness;
  readonly #hearing: Hearing;
  readonly workload: Workload;
  readonly stations: ValidatorStation[] = [];
  readonly faultyMax: number;
  /** The first thing that went wrong; nothing runs after it. */
  violation: string | undefined;
  /** Stations that clients may ask. */
  served: readonly ValidatorStation[] = [];
  readonly #chance: Chance;
  readonly #work = new SharedWork();

  constructor(plan: Plan, print?: (line: string) => void) {
    this.plan = plan;
    this.timeline = new Timeline(print);
    this.#chance = new Chance(plan.seed, 'cluster');
    this.network = new Network(this.timeline, new Chance(plan.seed, 'network'));
    this.network.quality = plan.links;
    this.consortium = consortiumOf(plan.validators, plan.realSignatures, plan.snapshots && shortWindowMs);
    this.faultyMax = plan.validators - plan.quorum;
    const { commit, genesis } = this.consortium;
    const { name, validators } = genesis;
    const faulty = [...plan.byzantine, ...plan.amnesiacs];
    const honest = new Set(validators.map((_, index) => index).filter((index) => !faulty.includes(index)));
    const { digest } = commit.head;
    this.witness = new Witness(digestBytes(digest), digest, validators, honest, this.#work, name);
    this.jury = new Jury({
      chainId: digestBytes(digest),
      validators,
      work: this.#work,
      canBeGuilty: (index) => this.#canBeGuilty(index),
      origin: plan.habits.has('junk') ? undefined : originOf({ ledger: name, chainId: digest }),
    });
    this.witness.mayFork = plan.isOverrun;
    this.#hearing = new Hearing(plan.quorum);
    this.amnesia = new AmnesiaWitness({ chainId: digestBytes(digest), validators, work: this.#work });
    const clientClock = new WallClock(this.timeline);
    this.workload = new Workload({
      consortium: this.consortium,
      chance: new Chance(plan.seed, 'workload'),
      timeline: this.timeline,
      stations: () => this.served.filter((each) => each.isUp()),
      nowMs: () => clientClock.now(),
      validityMs: plan.snapshots && (shortWindowMs * 3) / 4,
      broke: (error) => this.witness.fork === undefined && this.#failed(error),
    });
    for (let index = 0; index < plan.validators; index++) this.addStation(index);
    if (plan.habits.has('twins')) for (const index of plan.byzantine) this.addStation(index);
    for (const station of this.stations) if (plan.byzantine.includes(station.index)) this.#corrupt(station);
    this.served = this.honest();
  }

  addStation(index: number): ValidatorStation {
    const { plan, timeline, network, consortium } = this;
    const station = new ValidatorStation({
      station: this.stations.length,
      index,
      validator: `node-${index}`,
      validators: plan.validators,
      chainId: consortium.commit.head.digest,
      genesis: consortium.genesis,
      disk: newDisk(consortium, index),
      clock: new WallClock(timeline),
      timeline,
      network,
      chance: new Chance(plan.seed, `station ${this.stations.length}`),
      timers: timersOf(plan),
      snapshots: plan.snapshots ?? noSnapshots,
      work: this.#work,
      watch: this,
      ledger: consortium.genesis.name,
      sign: voteSignerOf(index),
      auditKey: noteKeyOf(index, 'audit'),
      logKey: noteKeyOf(index, 'log'),
    });
    this.stations.push(station);
    network.stations.push(station);
    station.parts.clock.repair(this.#chance.between(-100, 100));
    // An operator starts it again in the end, whatever killed it.
    station.onDeath = () => {
      const { lives } = station;
      timeline.after(this.#chance.between(100, 5_000) * millisecond, () => {
        if (lives === station.lives && !this.isRetired(station)) this.start(station);
      });
    };
    return station;
  }

  #corrupt(station: ValidatorStation): void {
    const { plan, consortium } = this;
    const { index, station: number } = station;
    const chance = new Chance(plan.seed, `liar ${number}`);
    const chainId = digestBytes(consortium.commit.head.digest);
    const forger = new Forger(index, chainId, plan.quorum, voteSignerOf(index), chance);
    const { habits, validators, proposalTimeoutMs } = plan;
    const origin = originOf({ ledger: consortium.genesis.name, chainId: consortium.commit.head.digest });
    const cosign = (head: CosignedHead): CosignedHead => {
      const signature = noteKeyOf(index, 'audit').sign(cosignatureMessage({ origin, ...head }, head.time));
      return { ...head, signature };
    };
    station.tamper = new Liar({ forger, chance, habits, validators, proposalTimeoutMs, cosign });
  }

  /** Stations that stay down whatever happens. */
  readonly retired = new Set<ValidatorStation>();

  /** Stations whose state was changed behind their backs, until they have healed. */
  readonly flipped = new Set<ValidatorStation>();

  /** Stations with a copy of a store that has started since; cosignatures that it holds it may repeat. */
  readonly rewound = new Set<ValidatorStation>();

  /** Stations that once had an empty folder beside their key. */
  readonly wiped = new Set<ValidatorStation>();

  isRetired(station: ValidatorStation): boolean {
    return this.retired.has(station);
  }

  start(station: ValidatorStation): void {
    if (this.isHonest(station)) this.#guarded(() => this.witness.restarts(station.index, heightOf(station)));
    try {
      station.start();
    } catch (error) {
      if (!(error instanceof StoreError)) return this.#failed(error);
      // It says so and does not start; the operator moves the folder away and makes a new one beside the key.
      this.broke(station, `the disk of a validator that lost nothing is refused: ${error.message}`);
      this.wipe(station);
      station.start();
    }
  }

  /** An empty folder beside an existing key: what was signed is not known any more. */
  wipe(station: ValidatorStation): void {
    const { disk } = station.parts;
    this.wiped.add(station);
    this.amnesia.exchanged(station);
    disk.restore({ ...newDisk(this.consortium, station.index).snapshot(), voteRecord: undefined });
  }

  /** It neither lies nor has lost what it wrote: whatever it does must be right. */
  isHonest({ index }: ValidatorStation): boolean {
    return !this.plan.byzantine.includes(index) && !this.plan.amnesiacs.includes(index);
  }

  #canBeGuilty(index: number): boolean {
    const lies = [...this.plan.habits].some((habit) => !truthfulHabits.includes(habit));
    return (this.plan.byzantine.includes(index) && lies) || this.plan.amnesiacs.includes(index);
  }

  /** Guilty of what one of these was shown, and not accused on the ledger; and evidence that waits. */
  unaccused(core: readonly ValidatorStation[]): string {
    const missing = this.jury.missing((finder) => {
      return core.some((each) => each.station === finder.station && lifeOf(each) === finder.life);
    });
    const waiting = core.filter(({ node }) => (node?.accusationsWaiting ?? 0) > 0).map(({ index }) => index);
    if (missing.length + waiting.length === 0) return '';
    return `no evidence against ${missing.join(' ') || 'some'}, waiting at ${waiting.join(' ') || 'none'}`;
  }

  honest(): ValidatorStation[] {
    return this.stations.filter((station) => this.isHonest(station));
  }

  /** The station of the primary of the highest view that an honest validator is in. */
  primaries(): number[] {
    // By what is on the disks: a whole status of each would cost a fifth of a run in which primaries are hunted.
    let best: { readonly station: ValidatorStation; readonly view: number } | undefined;
    for (const station of this.honest()) {
      const record = station.isUp() ? station.parts.disk.voteRecord() : undefined;
      const view = record === undefined ? -1 : this.#work.record(record).view;
      if (best === undefined || view > best.view) best = { station, view };
    }
    const primary = best?.station.node?.status().primary;
    return this.stations
      .filter(({ index }) => index === primary)
      .map(({ station }) => station)
      .slice(0, 1);
  }

  leaves(station: ValidatorStation, channel: Channel, bytes: Uint8Array): void {
    const isSilent = this.wiped.has(station) || (this.rewound.has(station) && channel !== 'checkpoints');
    if (isSilent) this.#guarded(() => this.witness.silent(station.index, channel, bytes));
    if (this.plan.amnesiacs.includes(station.index)) this.#guarded(() => this.amnesia.leaves(station, channel, bytes));
    if (!this.isHonest(station)) return;
    this.#guarded(() => this.#hearing.leaves(station, channel, bytes));
    this.#guarded(() => this.witness.leaves(station.index, channel, bytes, station.parts.disk));
    this.#guarded(() => this.jury.leaves(station.index, channel, bytes));
  }

  arrives(station: ValidatorStation, from: number, channel: Channel, bytes: Uint8Array): void {
    if (!this.isHonest(station)) return;
    this.#hearing.arrives(station, from, channel, bytes);
    const finder = { station: station.station, life: lifeOf(station), height: heightOf(station) + 1 };
    this.#guarded(() => this.jury.arrives(finder, from, channel, bytes));
  }

  handled(station: ValidatorStation, channel: Channel, bytes: Uint8Array): void {
    if (!this.plan.amnesiacs.includes(station.index)) return;
    this.#guarded(() => {
      this.amnesia.handled(station, channel, bytes);
      if (!this.wiped.has(station) && !this.rewound.has(station)) return;
      const mode = station.node?.status().mode;
      const hasVoice = mode === 'normal' || mode === 'changing';
      check(!hasVoice, `validator ${station.index} has an older disk than others know of, and a voice`);
    });
  }

  started(station: ValidatorStation): void {
    if (!this.plan.amnesiacs.includes(station.index)) return;
    this.#guarded(() => this.amnesia.started(station, this.wiped.has(station)));
  }

  committed(station: ValidatorStation, commit: BlockCommit, isInstalled = false): void {
    this.timeline.note(`${station.station} commits ${commit.head.height} ${commit.head.digest}`);
    // A validator that lies may follow the chain all the same, but is not held to it.
    if (this.plan.byzantine.includes(station.index)) return;
    this.#guarded(() => {
      if (!isInstalled) this.amnesia.committed(station, commit);
      const isNew = commit.head.height > this.witness.height;
      this.witness.committed(station.index, commit);
      if (isNew) this.jury.landed(commit.head.height, commit.entries);
    });
  }

  installed(station: ValidatorStation, snapshot: Snapshot): void {
    this.timeline.note(`${station.station} takes the snapshot of ${snapshot.head.height}`);
    if (this.plan.byzantine.includes(station.index)) return;
    for (const commit of blocksOf(snapshot)) this.committed(station, commit, true);
    this.#guarded(() => this.witness.installed(station.index, snapshot));
  }

  checkpointed(station: ValidatorStation, checkpoints: CheckpointChange): void {
    if (this.isHonest(station) && this.witness.fork === undefined)
      this.#guarded(() => this.witness.checkpoints.written(station.index, checkpoints));
  }

  contradicts(station: ValidatorStation, pair: CosignatureContradiction): void {
    if (this.plan.byzantine.includes(station.index)) return;
    const isHonest = !this.plan.byzantine.includes(pair.first.validator);
    this.#guarded(() => this.witness.checkpoints.accused(pair, isHonest));
  }

  acknowledged(station: ValidatorStation, id: Digest, index: number, height: number): void {
    if (!this.isHonest(station)) return;
    this.#guarded(() => this.witness.acknowledged(station.index, id, index, height));
    this.workload.settled(id, index);
  }

  diverged(station: ValidatorStation, { outcome, reason }: DivergenceIncident): void {
    this.timeline.note(`${station.station} ${outcome}: ${reason}`);
    if (!this.flipped.has(station)) this.broke(station, `its state differs, and nobody touched it: ${reason}`);
    else if (outcome === 'healed') this.flipped.delete(station);
    else if (outcome === 'not healed') this.broke(station, `it does not heal: ${reason}`);
  }

  /** What honest validators of a cluster that is overrun stopped on. */
  readonly incidents: string[] = [];

  incident(station: ValidatorStation, reason: string): void {
    if (!this.plan.isOverrun) return this.broke(station, `an incident: ${reason}`);
    if (!this.isHonest(station)) return;
    this.timeline.note(`${station.station} stops: ${reason}`);
    this.incidents.push(reason);
    this.retired.add(station);
  }

  broke(station: ValidatorStation, what: string): void {
    if (this.isHonest(station)) this.#failed(new Violation(`validator ${station.index}: ${what}`));
  }

  /** Limits that hold all the time, asked once a simulated second. */
  inspect(): void {
    for (const station of this.stations) if (station.tamper !== undefined) station.speakAgain();
    this.#guarded(() => {
      for (const station of this.honest()) {
        const { node, index } = station;
        if (node === undefined) continue;
        const mayBeSilent = this.incidents.length > 0;
        check(
          mayBeSilent || node.silence === undefined,
          `validator ${index} forgot nothing and is silenced: ${node.silence}`,
        );
        const { mempool, reason } = node.status();
        // [C1] One that lies makes nobody wait for a block that there is not; the next one may be under way.
        const best = Number(/^catching up: height \d+ of (\d+)/.exec(reason ?? '')?.[1] ?? 0);
        check(best <= this.witness.height + 1, `validator ${index} waits for block ${best}`);
        check(mempool.transactions <= 2_000, `validator ${index} holds ${mempool.transactions} transactions`);
      }
    });
  }

  /** That nothing grows without a limit in one validator of chance. */
  countHoldings(chance: Chance): void {
    const station = chance.pick(this.honest());
    if (station.node !== undefined) this.#guarded(() => checkHoldings(station, this.plan.validators));
  }

  async run(seconds: number, isDone: () => boolean = () => false): Promise<void> {
    await this.timeline.run(this.timeline.now + seconds * second, () => this.violation !== undefined || isDone());
    if (this.violation !== undefined) throw new Violation(this.violation);
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.violation ??=
      error instanceof Violation ? error.message : String(error instanceof Error ? error.stack : error);
  }
}

/** Of what it keeps in memory: gone when it dies, and when it takes a snapshot. */
function lifeOf({ lives, installs }: ValidatorStation): string {
  return `${lives}/${installs}`;
}

export function heightOf(station: ValidatorStation): number {
  return station.parts.disk.head().height;
}

/** A run is shorter than that. */
const noSnapshots: SnapshotConfig = { everyBlocks: 1_000_000, prune: false, keepBlocksMin: 1_000 };

function timersOf(plan: Plan): TimerConfig {
  return {
    tickMs: 50,
    proposalTimeoutMs: plan.proposalTimeoutMs,
    oldestTimeoutMs: 2 * plan.proposalTimeoutMs,
    statusIntervalMs: plan.statusIntervalMs,
    expiryIntervalMs: repeatMs,
    syncTimeoutMs: 5_000,
    stopTimeoutMs: 5_000,
  };
}
