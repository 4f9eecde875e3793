// A whole network of validators on one thread, from one plan: their stations, disks and clocks, the network between
// them, the clients before them and the witness over them.
import type { DivergenceIncident } from '../../node/divergence.ts';
import { originOf } from '../../node/ledger/checkpoint.ts';
import type { CosignatureContradiction } from '../../node/ledger/cosignature.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import type { Channel } from '../../node/network/transport.ts';
import { type BlockCommit, type CheckpointChange, type Snapshot, StoreError } from '../../node/store/store.ts';
import { AmnesiaWitness } from './amnesia-witness.ts';
import { Chance } from './chance.ts';
import { Claims } from './claims.ts';
import { WallClock } from './clock.ts';
import { type Consortium, consortiumOf, newDisk } from './consortium.ts';
import { Epochs, validatorName } from './epochs.ts';
import { Gate } from './gate.ts';
import { truthfulHabits } from './habits.ts';
import { Hearing } from './hearing.ts';
import { Hints } from './hints.ts';
import { checkHoldings } from './holdings.ts';
import { Jury } from './jury.ts';
import { MachineKeys } from './keys.ts';
import { liarOf } from './liars.ts';
import { checkLogStart } from './log-starts.ts';
import { Losses } from './losses.ts';
import { Network } from './network.ts';
import { type Plan, shortWindowMs, validityMsOf } from './plan.ts';
import { noSnapshots, timersOf } from './settings.ts';
import { SharedWork } from './shared-work.ts';
import { type StationWatch, ValidatorStation } from './station.ts';
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
  readonly #claims: Claims;
  readonly workload: Workload;
  readonly clientClock: WallClock;
  readonly stations: ValidatorStation[] = [];
  readonly epochs: Epochs;
  readonly hints: Hints;
  /** By machine. */
  readonly keys: MachineKeys[] = [];
  /** Where validators change. */
  readonly gate: Gate<ValidatorStation> | undefined;
  /** Machines that vote now, and those that may once what the members have sent is enacted. */
  machinesToBe: () => readonly number[] = () => this.epochs.latest.machines;
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
    const governed = plan.faults.has('membership');
    const windowMs = plan.snapshots && shortWindowMs;
    this.consortium = consortiumOf({ ...plan, windowMs, governed });
    this.gate = governed ? new Gate((from, to) => this.network.isLinked(from.station, to.station)) : undefined;
    const { commit, genesis } = this.consortium;
    const { name, validators } = genesis;
    const { digest } = commit.head;
    this.epochs = new Epochs(validators, digest);
    this.hints = new Hints(plan, this.epochs, () => this.served);
    const isHonest = (machine: number) => this.isHonest({ index: machine });
    this.witness = new Witness(digestBytes(digest), digest, this.epochs, isHonest, this.#work, name);
    this.jury = new Jury({
      chainId: digestBytes(digest),
      epochs: this.epochs,
      work: this.#work,
      canBeGuilty: (index) => this.#canBeGuilty(index),
      origin: plan.habits.has('junk') || governed ? undefined : originOf({ ledger: name, chainId: digest }),
    });
    this.losses = new Losses(this.epochs);
    this.witness.mayFork = plan.isOverrun;
    this.clientClock = new WallClock(this.timeline);
    this.#hearing = new Hearing(this.epochs, this.#work);
    this.#claims = new Claims(this.epochs, this.stations, (each) => this.isHonest(each));
    this.amnesia = new AmnesiaWitness({ chainId: digestBytes(digest), validators, work: this.#work });
    this.workload = new Workload({
      consortium: this.consortium,
      chance: new Chance(plan.seed, 'workload'),
      timeline: this.timeline,
      stations: () => this.served.filter((each) => each.isUp()),
      votes: ({ index }) => this.epochs.latest.machines.includes(index),
      nowMs: () => this.clientClock.now(),
      validityMs: validityMsOf(plan),
      broke: (error) => this.witness.fork === undefined && this.#failed(error),
    });
    for (let index = 0; index < plan.validators; index++) this.addStation(index);
    if (plan.habits.has('twins')) for (const index of plan.byzantine) this.addStation(index);
    for (const station of this.stations)
      if (plan.byzantine.includes(station.index)) station.tamper = liarOf(this, station);
  }

  addStation(index: number): ValidatorStation {
    const { plan, timeline, network, consortium, gate } = this;
    const keys = this.keys[index] ?? new MachineKeys(index);
    this.keys[index] = keys;
    const station = new ValidatorStation({
      station: this.stations.length,
      index,
      validator: validatorName(index),
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
      sharesWork: plan.sharesWork,
      watch: this,
      ledger: consortium.genesis.name,
      keys,
      gate,
      peerKeys: () => this.hints.of(station),
    });
    gate?.add(station, keys.networkKey);
    this.hints.setUp(station);
    this.stations.push(station);
    network.stations.push(station);
    this.served = this.honest();
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

  /** Stations that stay down whatever happens. */
  readonly retired = new Set<ValidatorStation>();

  /** Stations whose state was changed behind their backs, until they have healed. */
  readonly flipped = new Set<ValidatorStation>();

  /** Stations with a copy of a store that has started since; cosignatures that it holds it may repeat. */
  readonly rewound = new Set<ValidatorStation>();

  /** Stations that once had an empty folder beside their key. */
  readonly wiped = new Set<ValidatorStation>();

  readonly losses: Losses;

  isRetired(station: ValidatorStation): boolean {
    return this.retired.has(station);
  }

  start(station: ValidatorStation): void {
    if (this.isHonest(station)) {
      this.#guarded(() => this.witness.restarts(station.index, heightOf(station)));
      this.hints.finishKeys(station);
    }
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
    this.losses.forgets(station);
    this.wiped.add(station);
    this.amnesia.exchanged(station);
    disk.restore({ ...newDisk(this.consortium, station.index).snapshot(), voteRecord: undefined });
  }

  /** It neither lies nor has lost what it wrote: whatever it does must be right. */
  isHonest({ index }: Pick<ValidatorStation, 'index'>): boolean {
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
    let best: { readonly station: ValidatorStation; readonly epoch: number; readonly view: number } | undefined;
    for (const station of this.honest()) {
      const stored = station.isUp() ? station.parts.disk.voteRecord() : undefined;
      const { epoch, view } = stored === undefined ? { epoch: 0, view: -1 } : this.#work.record(stored);
      const isLater = best === undefined || epoch > best.epoch || (epoch === best.epoch && view > best.view);
      if (isLater) best = { station, epoch, view };
    }
    const status = best?.station.node?.status();
    const primary = status && this.epochs.machineOf(status.primary, status.epoch);
    return this.stations
      .filter(({ index }) => index === primary)
      .map(({ station }) => station)
      .slice(0, 1);
  }

  leaves(station: ValidatorStation, channel: Channel, bytes: Uint8Array): void {
    const { losses, witness } = this;
    const isSilent = this.wiped.has(station) || (this.rewound.has(station) && channel !== 'checkpoints');
    const isLost = (epoch: number) => losses.isLost(station, epoch);
    if (isSilent) this.#guarded(() => witness.silent(station.index, channel, bytes, isLost));
    if (this.#isWatched(station)) this.#guarded(() => this.amnesia.leaves(station, channel, bytes));
    const isClaimed = this.gate !== undefined && !this.plan.byzantine.includes(station.index);
    if (isClaimed) this.#guarded(() => this.#claims.leaves(station, channel, bytes));
    if (!this.isHonest(station)) return this.#noteSigned(station, channel, bytes);
    this.#guarded(() => this.#hearing.leaves(station, channel, bytes));
    this.#guarded(() => this.witness.leaves(station.index, channel, bytes, station.parts.disk));
    this.#guarded(() => this.jury.leaves(station.index, channel, bytes));
  }

  /** Of one that may forget it. */
  #noteSigned(station: ValidatorStation, channel: Channel, bytes: Uint8Array): void {
    if (this.gate === undefined || station.tamper !== undefined || channel === 'checkpoints') return;
    if (channel === 'transactions') return;
    const message = this.#work.decode(bytes);
    if (message.type === 'status' || message.type === 'committed') return;
    const isOwn = this.epochs.machineOf(message.validator, message.epoch) === station.index;
    if (isOwn) this.losses.signs(station, message.epoch);
  }

  arrives(station: ValidatorStation, from: number, channel: Channel, bytes: Uint8Array): void {
    if (!this.isHonest(station)) return;
    this.#hearing.arrives(station, from, channel, bytes);
    const height = heightOf(station) + 1;
    const { number: epoch } = this.epochs.at(height);
    const finder = { station: station.station, life: lifeOf(station), height, epoch };
    this.#guarded(() => this.jury.arrives(finder, from, channel, bytes));
  }

  /** It loses its disk in a run of one epoch: in a later one it may speak again under another key [E7]. */
  #isWatched({ index }: ValidatorStation): boolean {
    return this.gate === undefined && this.plan.amnesiacs.includes(index);
  }

  handled(station: ValidatorStation, channel: Channel, bytes: Uint8Array): void {
    if (this.gate !== undefined && this.rewound.has(station)) this.#guarded(() => this.losses.checkVoice(station));
    if (!this.#isWatched(station)) return;
    this.#guarded(() => {
      this.amnesia.handled(station, channel, bytes);
      if (!this.wiped.has(station) && !this.rewound.has(station)) return;
      const mode = station.node?.status().mode;
      const hasVoice = mode === 'normal' || mode === 'changing';
      check(!hasVoice, `validator ${station.index} has an older disk than others know of, and a voice`);
    });
  }

  started(station: ValidatorStation): void {
    if (!this.#isWatched(station)) return;
    this.#guarded(() => this.amnesia.started(station, this.wiped.has(station)));
  }

  committed(station: ValidatorStation, commit: BlockCommit, isInstalled = false): void {
    this.timeline.note(`${station.station} commits ${commit.head.height} ${commit.head.digest}`);
    // A validator that lies may follow the chain all the same, but is not held to it.
    if (this.plan.byzantine.includes(station.index)) return;
    this.#guarded(() => {
      if (!isInstalled && this.gate === undefined) this.amnesia.committed(station, commit);
      const isNew = commit.head.height > this.witness.height;
      this.witness.committed(station.index, commit);
      if (!isInstalled) this.witness.moved(station.index, commit, station.parts.disk);
      if (isNew) this.jury.landed(commit.head.height, commit.entries);
    });
  }

  installed(station: ValidatorStation, snapshot: Snapshot): void {
    this.timeline.note(`${station.station} takes the snapshot of ${snapshot.head.height}`);
    if (this.plan.byzantine.includes(station.index)) return;
    for (const commit of blocksOf(snapshot)) this.committed(station, commit, true);
    this.#guarded(() => {
      this.witness.installed(station.index, snapshot);
      checkLogStart(station.index, this.witness.blocks, snapshot);
    });
  }

  checkpointed(station: ValidatorStation, checkpoints: CheckpointChange): void {
    if (this.isHonest(station) && this.witness.fork === undefined)
      this.#guarded(() => this.witness.checkpoints.written(station.index, checkpoints));
  }

  contradicts(station: ValidatorStation, pair: CosignatureContradiction): void {
    if (this.plan.byzantine.includes(station.index)) return;
    const canBeGuilty = (machine: number) => this.plan.byzantine.includes(machine);
    this.#guarded(() => this.witness.checkpoints.accused(pair, canBeGuilty));
  }

  acknowledged(station: ValidatorStation, id: Digest, index: number, height: number): void {
    if (!this.isHonest(station)) return;
    this.#guarded(() => this.witness.acknowledged(station.index, id, index, height));
    this.workload.settled(id, index);
  }

  diverged(station: ValidatorStation, { outcome, reason }: DivergenceIncident): void {
    this.timeline.note(`${station.station} ${outcome}: ${reason}`);
    if (!this.flipped.has(station)) this.broke(station, `its state differs, and nobody touched it: ${reason}`);
    else if (outcome === 'healed') this.#healed(station);
    else if (outcome === 'not healed') this.broke(station, `it does not heal: ${reason}`);
  }

  #healed(station: ValidatorStation): void {
    this.flipped.delete(station);
    this.#guarded(() => checkLogStart(station.index, this.witness.blocks, startOf(station)));
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

  /** [E8] Who is removed answers until a quorum of those that vote now has what it has. */
  released(station: ValidatorStation): void {
    const { machines, quorum, from, number } = this.epochs.at(heightOf(station) + 1);
    const have = machines.filter((machine) => {
      return this.stations.some(
        (each) => each.index === machine && (!this.isHonest(each) || heightOf(each) + 1 >= from),
      );
    });
    if (have.length < quorum) this.broke(station, `it may be stopped, and ${have.length} have come to epoch ${number}`);
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
        check(this.plan.isOverrun || best <= this.witness.height + 1, `validator ${index} waits for block ${best}`);
        check(mempool.transactions <= 2_000, `validator ${index} holds ${mempool.transactions} transactions`);
      }
    });
  }

  /** That nothing grows without a limit in one validator of chance. */
  countHoldings(chance: Chance): void {
    const station = chance.pick(this.honest());
    if (station.node !== undefined)
      this.#guarded(() => checkHoldings(station, Math.max(this.plan.validators, this.stations.length)));
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

function startOf({ parts: { disk } }: ValidatorStation) {
  return { base: disk.base(), head: disk.head() };
}
