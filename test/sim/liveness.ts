// What must happen, and by when: the bounds of docs/consensus.md, asked at every poll while nothing but liars stands in
// the way, and the phase in which a quorum of chance is healed and the rest stay dead.
import { Chance } from './chance.ts';
import { type Cluster, heightOf } from './cluster.ts';
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

export function boundsOf({ validators, quorum, proposalTimeoutMs: base, statusIntervalMs }: Plan): Bounds {
  const faulty = validators - quorum;
  const oldestTimeoutMs = 2 * base;
  return {
    // Nothing is lost in a calm, so nothing need be repeated.
    waitMs: (faulty + 1) * oldestTimeoutMs + faulty * base + slackMs / 2,
    healMs: (faulty + 2) * 8 * base + slackMs,
    throttleMs: 4 * base + slackMs,
    syncMs: 2 * statusIntervalMs + slackMs / 2,
  };
}

/** Healed and everything of before settled. */
export function liveWithinSeconds(plan: Plan): number {
  const { healMs, waitMs } = boundsOf(plan);
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
  readonly #began: number;
  readonly #height: number;
  readonly #behindSince = new Map<ValidatorStation, number>();
  #firstBlockAt: number | undefined;
  #throttledMs = 0;
  #throttledView = 0;

  constructor(cluster: Cluster, core: readonly ValidatorStation[]) {
    this.#cluster = cluster;
    this.#bounds = boundsOf(cluster.plan);
    this.#core = core;
    this.#began = cluster.timeline.now;
    this.#height = cluster.witness.height;
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
    this.#inspectFirstBlock();
    this.#inspectWaits();
    this.#inspectViews();
    this.#inspectThrottling();
    this.#inspectFloor();
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
    const { workload, plan } = this.#cluster;
    if (!plan.habits.has('throttle') || plan.byzantine.length === 0) return;
    const view = Math.max(...this.#core.map(({ node }) => node?.status().view ?? 0));
    if (view !== this.#throttledView) this.#throttledMs = 0;
    this.#throttledView = view;
    if (!plan.byzantine.includes(view % plan.validators)) return;
    const polledMs = pollSeconds * 1_000;
    this.#throttledMs = Math.max(0, this.#throttledMs + (workload.pending > 0 ? polledMs : -polledMs / 16));
    if (this.#throttledMs > this.#bounds.throttleMs)
      throw new Violation(`a primary that throttles stays: ${pictureOf(this.#cluster, this.#core)}`);
  }

  /** [T6] Where proposals take long, whoever makes them, the floor gives way once each has been primary. */
  #inspectFloor(): void {
    const { plan } = this.#cluster;
    const view = plan.faults.has('thin') ? Math.max(...this.#core.map(({ node }) => node?.status().view ?? 0)) : 0;
    if (this.#began < second * 10 && plan.byzantine.length === 0 && view > plan.validators)
      throw new Violation(`view ${view} of a network that is slow as a whole: ${pictureOf(this.#cluster, this.#core)}`);
  }

  /** [V10, C4] */
  #inspectViews(): void {
    const { timeline, plan } = this.#cluster;
    const faulty = Math.floor((plan.validators - 1) / 3);
    for (const station of this.#core) {
      const others = this.#core.filter((each) => each !== station).map(progressOf);
      const reached = others.sort((a, b) => b - a)[faulty] ?? 0;
      if (progressOf(station) >= reached) this.#behindSince.delete(station);
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
  const others = wholeOf(cluster).filter((each) => !present.includes(each.station));
  const core = chance.some(others.length >= plan.quorum ? others : wholeOf(cluster), plan.quorum);
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
  const back = rest.filter((each) => wholeOf(cluster).includes(each) && chance.hits(0.5));
  heal(cluster, [...core, ...back], chance);
  workload.burst(2);
  const awake = [...core, ...back];
  await settled(cluster, awake, calm);
  return { seconds, slowest: calm.slowest, awake };
}

/** Whose state needs no quorum of others to become right again. */
function wholeOf(cluster: Cluster): ValidatorStation[] {
  const { plan, flipped } = cluster;
  return cluster.honest().filter((each) => plan.snapshots === undefined || !flipped.has(each));
}

export function heal(cluster: Cluster, core: readonly ValidatorStation[], chance: Chance): void {
  cluster.network.heal();
  cluster.network.quality = goodLinks;
  cluster.served = core;
  cluster.timeline.note('heals');
  for (const station of core) {
    cluster.retired.delete(station);
    station.writeMsMax = 1;
    station.writeFails = 'none';
    station.boundariesLeft = Number.POSITIVE_INFINITY;
    station.parts.clock.repair(chance.between(-50, 50));
    station.resume();
    if (!station.isUp()) cluster.start(station);
  }
}

/** What waits at healing comes to its end while others' work goes on: nobody is passed over for ever [T4]. */
async function settledUnderLoad(
  cluster: Cluster,
  core: readonly ValidatorStation[],
  chance: Chance,
  calm: Calm,
): Promise<void> {
  const { workload, timeline, plan } = cluster;
  const waiting = workload.pendingIds();
  const end = timeline.now + liveWithinSeconds(plan) * second;
  const isSettled = () => ![...waiting].some((id) => workload.isPending(id));
  while (!isSettled()) {
    if (timeline.now >= end) throw new Violation(`passed over: ${pictureOf(cluster, core)}`);
    await calm.run(pollSeconds);
    if (workload.pending < 100) workload.burst(chance.between(1, 3));
    workload.retry();
  }
}

async function settled(cluster: Cluster, core: readonly ValidatorStation[], calm: Calm): Promise<void> {
  const { workload, timeline, plan } = cluster;
  const end = timeline.now + liveWithinSeconds(plan) * second;
  const isLevel = () => new Set(core.map(heightOf)).size === 1 && core.every(isLastBlockStable);
  const isSettled = () => workload.pending === 0 && isLevel() && cluster.unaccused(core) === '';
  while (!isSettled()) {
    if (timeline.now >= end) throw new Violation(`not settled: ${pictureOf(cluster, core)}`);
    await calm.run(pollSeconds);
    workload.retry();
    cluster.inspect();
  }
}

/** [K6] */
export function isLastBlockStable({ parts: { disk } }: ValidatorStation): boolean {
  return disk.lastCheckpoint()?.height === disk.head().height;
}

function pictureOf(cluster: Cluster, core: readonly ValidatorStation[]): string {
  const validators = core.map((station) => {
    const status = station.node?.status();
    const stable = station.parts.disk.lastCheckpoint()?.height;
    return `${station.index} at height ${heightOf(station)}, stable ${stable}, view ${status?.view} ${status?.mode}`;
  });
  return `${cluster.workload.pending} transactions wait; ${validators.join('; ')}; ${cluster.unaccused(core)}`;
}
