// What must happen, and by when: the bounds of docs/consensus.md, asked at every poll while nothing but liars stands in
// the way, and the phase in which a quorum of chance is healed and the rest stay dead.
import { quorumOf } from '../../node/ledger/validators.ts';
import { Chance } from './chance.ts';
import { type Cluster, heightOf } from './cluster.ts';
import { drawCore, epochOf, isAdmitted, isLeftBehind, isVoter, wholeOf } from './core.ts';
import { goodLinks } from './network.ts';
import type { Plan } from './plan.ts';
import type { ValidatorStation } from './station.ts';
import { millisecond, second } from './timeline.ts';
import { Violation } from './violation.ts';

/** Messages under way, a block's execution, polls of the checker itself. */
const slackMs = 1_000;
const pollSeconds = 0.25;

export interface Bounds {
  /** From the word of an honest validator that it has a transaction to the block that holds it. */
  readonly waitMs: number;
  /** From the healing of a quorum to its first block, whatever went before. */
  readonly healMs: number;
  /** How long one primary may keep work waiting that it serves late [T5]. */
  readonly throttleMs: number;
  /** How long a validator stays below a view that f+1 others have asked for, or outside one that they have entered. */
  readonly syncMs: number;
}

export function boundsOf(
  { validators, quorum, proposalTimeoutMs: base, statusIntervalMs }: Plan,
  missing = validators - quorum,
): Bounds {
  const oldestTimeoutMs = 2 * base;
  return {
    // Nothing is lost in a calm, so nothing need be repeated.
    waitMs: (missing + 1) * oldestTimeoutMs + missing * base + slackMs / 2,
    healMs: (missing + 2) * 8 * base + slackMs,
    throttleMs: 4 * base + slackMs,
    syncMs: 2 * statusIntervalMs + slackMs / 2,
  };
}

/** Healed and everything of before settled. */
export function liveWithinSeconds(plan: Plan, missing?: number): number {
  const { healMs, waitMs } = boundsOf(plan, missing);
  return (healMs + 2 * waitMs) / 1_000;
}

/** The parts of their bounds that a run has taken. */
export interface Slowest {
  wait: number;
  heal: number;
}

/** From now on nothing is lost, and these stay up. */
export class Calm {
  readonly slowest: Slowest = { wait: 0, heal: 0 };
  readonly #cluster: Cluster;
  readonly #bounds: Bounds;
  readonly #core: readonly ValidatorStation[];
  readonly #isFromStart: boolean;
  readonly #began: number;
  readonly #height: number;
  #epoch: number;
  readonly #behindSince = new Map<ValidatorStation, number>();
  #firstBlockAt: number | undefined;
  #throttledMs = 0;
  #throttledView = 0;

  /** From the start on there are no faults before it: no view has failed yet, and nobody has stopped. */
  constructor(cluster: Cluster, core: readonly ValidatorStation[], isFromStart = false) {
    this.#cluster = cluster;
    this.#isFromStart = isFromStart;
    const bounds = boundsOf(cluster.plan, missingMaxOf(cluster));
    const syncMs = bounds.syncMs + cluster.hints.turnsMs(core);
    const comesMs = behindMs(cluster, core);
    // The set may change before whoever is behind has come, and a quorum of the next one may need it.
    const waitMs = bounds.waitMs + comesMs;
    this.#bounds = { ...bounds, syncMs, waitMs, healMs: bounds.healMs + comesMs };
    this.#core = core;
    this.#began = cluster.timeline.now;
    this.#height = cluster.witness.height;
    this.#epoch = cluster.epochs.latest.number;
    cluster.workload.trust();
  }

  /** Throws Violation. */
  async run(seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left -= pollSeconds) {
      await this.#cluster.run(Math.min(left, pollSeconds));
      this.#inspect();
    }
  }

  #inspect(): void {
    const { number } = this.#cluster.epochs.latest;
    if (number !== this.#epoch) for (const each of this.#core) tellKeys(this.#cluster, each);
    this.#epoch = number;
    this.#inspectFirstBlock();
    this.#inspectWaits();
    this.#inspectViews();
    this.#inspectThrottling();
    this.#inspectFloor();
    this.#inspectInnocence();
  }

  #inspectFirstBlock(): void {
    const { timeline, witness } = this.#cluster;
    if (this.#firstBlockAt !== undefined) return;
    const tookMs = (timeline.now - this.#began) / millisecond;
    this.slowest.heal = Math.max(this.slowest.heal, tookMs / this.#bounds.healMs);
    if (witness.height > this.#height) this.#firstBlockAt = timeline.now;
    else if (tookMs > this.#bounds.healMs) throw new Violation(`no block within ${this.#bounds.healMs} ms of healing`);
  }

  #inspectWaits(): void {
    const { workload, timeline } = this.#cluster;
    for (const { since, until } of workload.takeWaits()) {
      const waitedMs = (until - Math.max(since, this.#firstBlockAt ?? timeline.now)) / millisecond;
      this.slowest.wait = Math.max(this.slowest.wait, waitedMs / this.#bounds.waitMs);
      if (waitedMs > this.#bounds.waitMs)
        throw new Violation(`an admitted transaction waits ${waitedMs} ms: ${pictureOf(this.#cluster, this.#core)}`);
    }
  }

  /** [T5] Work waits most of the time under a primary that delays each proposal: that must not go on for long. */
  #inspectThrottling(): void {
    const { workload, plan, epochs } = this.#cluster;
    if (!plan.habits.has('throttle') || plan.byzantine.length === 0) return;
    // [T3] After a healing timeouts may be 8 B until the first block, which has a bound of its own.
    if (this.#firstBlockAt === undefined && !this.#isFromStart) return;
    const statuses = this.#core.map(({ node }) => node?.status());
    const view = Math.max(...statuses.map((each) => (each?.epoch === epochs.latest.number ? each.view : 0)));
    if (view !== this.#throttledView) this.#throttledMs = 0;
    this.#throttledView = view;
    if (!plan.byzantine.includes(epochs.machineOf(view % epochs.latest.machines.length, epochs.latest.number))) return;
    const polledMs = pollSeconds * 1_000;
    this.#throttledMs = Math.max(0, this.#throttledMs + (workload.pending > 0 ? polledMs : -polledMs / 16));
    if (this.#throttledMs > this.#bounds.throttleMs)
      throw new Violation(`a primary that throttles stays: ${pictureOf(this.#cluster, this.#core)}`);
  }

  /** [T6] Where proposals take long, whoever makes them, the floor gives way once each has been primary. */
  #inspectFloor(): void {
    const { plan } = this.#cluster;
    const view = plan.faults.has('thin') ? Math.max(...this.#core.map(({ node }) => node?.status().view ?? 0)) : 0;
    if (this.#isFromStart && plan.byzantine.length === 0 && view > plan.validators)
      throw new Violation(`view ${view} of a network that is slow as a whole: ${pictureOf(this.#cluster, this.#core)}`);
  }

  /** [C4, T5] Where nothing is wrong, or a liar tells all but the primary of transactions, nobody is replaced. */
  #inspectInnocence(): void {
    const { habits, faults, byzantine } = this.#cluster.plan;
    const isTrue = byzantine.length === 0 || [...habits].join() === 'whisper';
    if (!this.#isFromStart || faults.has('thin') || !isTrue) return;
    const view = Math.max(...this.#core.map(({ node }) => node?.status().view ?? 0));
    if (view > 0) throw new Violation(`an honest primary is replaced: ${pictureOf(this.#cluster, this.#core)}`);
  }

  /** [V10, C4] Of those who have come to the epoch in force. Who heals says nothing meanwhile [R4]. */
  #inspectViews(): void {
    const { timeline, epochs, gate } = this.#cluster;
    const { number, faulty, machines, quorum } = epochs.latest;
    const hasCome = ({ index, node }: ValidatorStation) => machines.includes(index) && node?.status().epoch === number;
    const speaks = this.#core.filter(({ node }) => node?.isHealing !== true);
    const here = speaks.filter((each) => gate === undefined || hasCome(each));
    if (here.length < quorum) return this.#behindSince.clear(); // nobody is heard by a quorum [R2]
    for (const station of this.#core) {
      const others = here.filter((each) => each !== station).map(progressOf);
      const reached = others.sort((a, b) => b - a)[faulty] ?? 0;
      if (!here.includes(station) || progressOf(station) >= reached) this.#behindSince.delete(station);
      else if (!this.#behindSince.has(station)) this.#behindSince.set(station, timeline.now);
      const behindMs = (timeline.now - (this.#behindSince.get(station) ?? timeline.now)) / millisecond;
      if (behindMs > this.#bounds.syncMs)
        throw new Violation(`validator ${station.index} stays behind: ${pictureOf(this.#cluster, this.#core)}`);
    }
  }
}

/** Views that it has asked for and views that it has entered. */
function progressOf({ node }: ValidatorStation): number {
  const status = node?.status();
  return 2 * (status?.view ?? 0) + (status?.mode === 'changing' ? 0 : 1);
}

/** True when nothing but liars stands in the way from the beginning: no frame is lost, and nobody stops. */
export function isCalm({ faults }: Plan): boolean {
  const harmless = ['byzantine', 'duplicate', 'replay', 'reorder', 'stragglers'];
  // Slow proposals are, as long as nobody makes them slower.
  if (!faults.has('byzantine')) harmless.push('thin');
  return [...faults].every((fault) => harmless.includes(fault));
}

/** `awake` are those that are healed and level in the end. */
export async function livenessPhase(
  cluster: Cluster,
): Promise<{ readonly seconds: number; readonly slowest: Slowest; readonly awake: readonly ValidatorStation[] }> {
  const { plan, workload, timeline } = cluster;
  const chance = new Chance(plan.seed, 'liveness');
  // Often without whoever is primary: then the healed wait for the timer that runs.
  const present = chance.hits(0.5) ? cluster.primaries() : [];
  const core = drawCore(cluster, present, chance);
  const rest = cluster.stations.filter((each) => !core.includes(each));
  heal(cluster, core, chance);
  for (const station of rest) {
    if (plan.byzantine.includes(station.index) && chance.hits(0.7)) continue; // goes on lying
    cluster.retired.add(station);
    station.crash('stays dead');
  }
  const began = timeline.now;
  const calm = new Calm(cluster, core);
  workload.burst(3);
  await settledUnderLoad(cluster, core, chance, calm);
  await settled(cluster, core, calm);
  const seconds = (timeline.now - began) / second;
  // Who comes back later catches up.
  const back = rest.filter((each) => wholeOf(cluster).includes(each) && chance.hits(0.5) && mayComeBack(cluster, each));
  heal(cluster, [...core, ...back], chance);
  workload.burst(2);
  const awake = [...core, ...back];
  await settled(cluster, awake, calm);
  return { seconds, slowest: calm.slowest, awake };
}

export function heal(cluster: Cluster, core: readonly ValidatorStation[], chance: Chance): void {
  cluster.network.heal();
  cluster.network.dropRequests();
  cluster.network.quality = goodLinks;
  cluster.served = core;
  cluster.timeline.note('heals');
  for (const station of core) {
    cluster.retired.delete(station);
    station.repairDisk();
    station.boundariesLeft = Number.POSITIVE_INFINITY;
    station.parts.clock.repair(chance.between(-50, 50));
    station.resume();
    tellKeys(cluster, station);
    if (!station.isUp()) cluster.start(station);
  }
}

/** [E8] */
function tellKeys(cluster: Cluster, station: ValidatorStation): void {
  if (!isLeftBehind(cluster, station)) return;
  station.crash('is told the present keys');
  const present = cluster.epochs.keyOf(station.index, cluster.epochs.latest.number);
  if (!cluster.hints.isUntold) station.parts.keys.forgetBefore(present);
  cluster.start(station);
}

/** Who was removed may stay down: nobody need admit it. */
function mayComeBack(cluster: Cluster, station: ValidatorStation): boolean {
  return cluster.gate === undefined || (isVoter(cluster, station) && !isLeftBehind(cluster, station));
}

/** What waits at healing comes to its end while others' work goes on: nobody is passed over for ever [T4]. */
async function settledUnderLoad(
  cluster: Cluster,
  core: readonly ValidatorStation[],
  chance: Chance,
  calm: Calm,
): Promise<void> {
  const { workload, timeline } = cluster;
  const waiting = workload.pendingIds();
  const end = timeline.now + settlesWithinMs(cluster, core) * millisecond;
  const isSettled = () => ![...waiting].some((id) => workload.isPending(id));
  while (!isSettled()) {
    if (timeline.now >= end) throw new Violation(`passed over: ${pictureOf(cluster, core)}`);
    await calm.run(pollSeconds);
    if (workload.pending < 100) workload.burst(chance.between(1, 3));
    workload.retry();
  }
}

async function settled(cluster: Cluster, core: readonly ValidatorStation[], calm: Calm): Promise<void> {
  const { workload, timeline } = cluster;
  const end = timeline.now + settlesWithinMs(cluster, core) * millisecond;
  const isStable = (each: ValidatorStation) => isLastBlockStable(each) || !isVoter(cluster, each);
  const voters = () => core.filter((each) => isVoter(cluster, each));
  const isAwaited = (each: ValidatorStation) => isVoter(cluster, each) || voters().some((by) => isAdmitted(each, by));
  const isLevel = () => new Set(core.filter(isAwaited).map(heightOf)).size === 1 && core.every(isStable);
  const isSettled = () => workload.pending === 0 && isLevel() && cluster.unaccused(core) === '';
  while (!isSettled()) {
    if (timeline.now >= end) throw new Violation(`not settled: ${pictureOf(cluster, core)}`);
    await calm.run(pollSeconds);
    workload.retry();
    cluster.inspect();
    // A quorum of an epoch that is over need not be there to cosign its last block: a later one covers it [K5].
    if (workload.pending === 0 && cluster.witness.height < cluster.epochs.latest.from && cluster.witness.height > 0)
      workload.burst(1);
  }
  for (const { node, index } of core)
    if (node?.silence !== undefined) throw new Violation(`validator ${index} is silenced [E7]: ${node.silence}`);
}

function settlesWithinMs(cluster: Cluster, core: readonly ValidatorStation[]): number {
  return liveWithinSeconds(cluster.plan, missingMaxOf(cluster)) * 1_000 + behindMs(cluster, core);
}

/** [E6] Whoever is behind comes through one epoch with each status that it hears, under a key that is known [E8]. */
export function behindMs(cluster: Cluster, core: readonly ValidatorStation[]): number {
  const epochs = core.map((each) => cluster.epochs.latest.number - epochOf(cluster, each).number);
  return Math.max(0, ...epochs) * (2 * cluster.plan.statusIntervalMs + cluster.hints.turnsMs(core));
}

/** Who may be missing of the set in force, or of the one that may follow. */
function missingMaxOf({ epochs, machinesToBe }: Cluster): number {
  const missing = [epochs.latest.machines, machinesToBe()].map(({ length }) => length - quorumOf(length).size);
  return Math.max(...missing);
}

/** [K6] */
export function isLastBlockStable({ parts: { disk } }: ValidatorStation): boolean {
  return disk.lastCheckpoint()?.height === disk.head().height;
}

function pictureOf(cluster: Cluster, core: readonly ValidatorStation[]): string {
  const validators = core.map((station) => {
    const status = station.node?.status();
    const stable = station.parts.disk.lastCheckpoint()?.height;
    const place = `epoch ${status?.epoch} view ${status?.view} ${status?.mode}`;
    return `${station.index} at height ${heightOf(station)}, stable ${stable}, ${place}`;
  });
  return `${cluster.workload.pending} transactions wait; ${validators.join('; ')}; ${cluster.unaccused(core)}`;
}
