// What a run draws from its seed before it begins: how large the cluster is, which classes of faults there are and how
// strong (swarm testing: most runs leave most faults out, so that the others come through), and who may be faulty.
import type { SnapshotConfig } from '../../node/config.ts';
import { quorumOf } from '../../node/ledger/validators.ts';
import { Chance } from './chance.ts';
import { type Habit, habits, lateHabits, ownHabits } from './habits.ts';
import { goodLinks, type LinkQuality } from './network.ts';

export const faultClasses = [
  'loss',
  'delay',
  'reorder',
  'duplicate',
  'replay',
  'partition',
  'crash',
  'effect-crash',
  'crash-all',
  'pause',
  'slow-disk',
  'disk-error',
  'clock',
  'amnesia',
  'byzantine',
] as const;
/** Drawn apart, after all else, so that the seeds of before stay what they are. */
export const lateFaultClasses = ['hunt', 'overrun', 'bit-flip'] as const;
/** Each from chances of its own. */
const loneFaultClasses = ['stragglers', 'thin', 'backup', 'unheard', 'crash-loop'] as const;
const loneChances = { stragglers: 0.1, thin: 0.05, backup: 0.05, unheard: 0.03, 'crash-loop': 0.05 };
/** Where validators change alone, each from chances of its own. */
const changeFaultClasses = ['rewind', 'untold'] as const;
const changeChance = 0.04;
export const ownFaultClasses = ['snapshots', 'membership', ...loneFaultClasses, ...changeFaultClasses] as const;
export type FaultClass =
  | (typeof faultClasses)[number]
  | (typeof lateFaultClasses)[number]
  | (typeof ownFaultClasses)[number];

export interface Plan {
  readonly seed: number;
  readonly validators: number;
  readonly quorum: number;
  readonly faults: ReadonlySet<FaultClass>;
  readonly links: LinkQuality;
  readonly realSignatures: boolean;
  /** What is the same for all receivers of the same bytes is done once; else each does all of it, as real nodes. */
  readonly sharesWork: boolean;
  /** More than f lie. */
  readonly isOverrun: boolean;
  /** Indexes that lie. With the next at most f, unless it is overrun. */
  readonly byzantine: readonly number[];
  readonly habits: ReadonlySet<Habit>;
  /** Indexes that lose what they wrote. */
  readonly amnesiacs: readonly number[];
  /** Seconds between two faults of the classes that come and go. */
  readonly faultEverySeconds: number;
  readonly proposalTimeoutMs: number;
  readonly statusIntervalMs: number;
  /** Seconds between two bursts of transactions. */
  readonly burstEverySeconds: number;
  readonly burstMax: number;
  readonly safetySeconds: number;
  readonly blocksMin: number;
  /** Clients send as much as gets through, for a few seconds after each outcome. */
  readonly isDense: boolean;
  /** Most transactions of one member in a block, where the founders agreed on few. */
  readonly memberMax: number | undefined;
  /** Snapshots are made, and what they make needless is forgotten. */
  readonly snapshots: SnapshotConfig | undefined;
}

export interface PlanLimits {
  readonly validators?: number | undefined;
  readonly faults?: readonly FaultClass[] | undefined;
  readonly habits?: readonly Habit[] | undefined;
  readonly safetySeconds?: number | undefined;
  readonly blocksMin?: number | undefined;
  readonly isDense?: boolean | undefined;
  readonly sharesWork?: boolean | undefined;
}

/** Of references, and of the validity of transactions, where old blocks are to be forgotten within a run. */
export const shortWindowMs = 12_000;

/** Of a transaction: all of a run, but where references are forgotten within it. */
export function validityMsOf({ snapshots }: Plan): number {
  return snapshots === undefined ? 20 * 3_600_000 : (shortWindowMs * 3) / 4;
}

function snapshotsOf(chance: Chance): SnapshotConfig {
  return { everyBlocks: chance.between(6, 12), prune: true, keepBlocksMin: chance.between(2, 4), holdMs: 30_000 };
}

/** What makes two blocks of one height where liars are enough. */
const forking: readonly Habit[] = ['equivocate', 'two-faced'];

/** Each from chances of its own. */
function ownHabitsOf(seed: number, faults: ReadonlySet<FaultClass>): Habit[] {
  if (!faults.has('byzantine')) return [];
  const chances = {
    hush: 0.1,
    'wrong-sets': 0.05,
    'wrong-base': 0.05,
    stray: 0.1,
    whisper: 0.1,
    'other-state': faults.has('snapshots') ? 0.2 : 0,
    'false-starts': faults.has('snapshots') ? 0.3 : 0,
  };
  return ownHabits.filter((habit) => new Chance(seed, `${habit} plan`).hits(chances[habit]));
}

/** Few enough that queues are longer. */
function memberMaxOf(seed: number): number | undefined {
  const chance = new Chance(seed, 'member plan');
  return chance.hits(0.1) ? chance.pick([2, 5, 20]) : undefined;
}

function tooMany(seed: number, validators: number, faulty: number): number[] {
  const all = Array.from({ length: validators }, (_, index) => index);
  return new Chance(seed, 'overrun').some(all, faulty + 1);
}

function drawLinks(chance: Chance, faults: ReadonlySet<FaultClass>): LinkQuality {
  const loss = chance.pick([0.01, 0.03, 0.1, 0.2, 0.3]);
  const delay = { latencyMs: chance.pick([2, 10, 50, 150]), jitterMs: chance.pick([10, 50, 200, 1_000]) };
  const [duplicate, replay] = [chance.pick([0.01, 0.05, 0.2]), chance.pick([0.005, 0.02, 0.1])];
  return {
    ...(faults.has('delay') ? delay : goodLinks),
    loss: faults.has('loss') ? loss : 0,
    duplicate: faults.has('duplicate') ? duplicate : 0,
    replay: faults.has('replay') ? replay : 0,
    reorder: faults.has('reorder'),
    proposalMs: 0,
  };
}

function compatible(drawn: readonly FaultClass[]): Set<FaultClass> {
  const faults = new Set(drawn);
  // Where transactions are valid for seconds only, a clock that is wrong by an hour leaves nothing to order.
  if (faults.has('snapshots')) faults.delete('clock');
  // Their checks know one set of validators.
  if (faults.has('membership')) for (const fault of loneFaultClasses) faults.delete(fault);
  // Two chains after a fork would have two sets for one epoch.
  if (faults.has('overrun')) faults.delete('membership');
  if (!faults.has('membership')) for (const fault of changeFaultClasses) faults.delete(fault);
  // One of them exchanges that disk, or what the other knows of it is wrong.
  if (faults.has('rewind')) faults.delete('amnesia');
  return faults;
}

/** The draws are the same whatever the limits leave out, so that a seed stays itself while it is made smaller. */
export function drawPlan(seed: number, limits: PlanLimits = {}): Plan {
  const chance = new Chance(seed, 'plan');
  const size = chance.pick([4, 4, 4, 4, 5, 6, 7, 7]);
  const validators = limits.validators ?? size;
  const late = new Chance(seed, 'late plan');
  const drawn: FaultClass[] = faultClasses.filter((fault) => chance.hits(fault === 'byzantine' ? 0.5 : 0.33));
  drawn.push(...lateFaultClasses.filter((fault) => late.hits(fault === 'hunt' ? 0.15 : 0.015)));
  const snapshots = new Chance(seed, 'snapshots plan');
  if (snapshots.hits(0.15)) drawn.push('snapshots');
  if (new Chance(seed, 'membership plan').hits(0.15)) drawn.push('membership');
  drawn.push(...loneFaultClasses.filter((fault) => new Chance(seed, `${fault} plan`).hits(loneChances[fault])));
  drawn.push(...changeFaultClasses.filter((fault) => new Chance(seed, `${fault} in membership`).hits(changeChance)));
  // Lies matter most where views change.
  if (drawn.includes('byzantine') && !drawn.includes('partition') && chance.hits(0.7)) drawn.push('partition');
  const faults = compatible(limits.faults ?? drawn);
  const has = (fault: FaultClass) => faults.has(fault);
  const links = drawLinks(chance, faults);
  const { faulty, size: quorum } = quorumOf(validators);
  const bad = chance.some(
    Array.from({ length: validators }, (_, index) => index),
    chance.between(1, faulty),
  );
  const liars = bad.filter(() => chance.hits(0.7));
  const drawnHabits: Habit[] = chance.some(habits, chance.between(1, 6));
  if (has('snapshots')) drawnHabits.push(...lateHabits.filter(() => snapshots.hits(0.5)));
  drawnHabits.push(...ownHabitsOf(seed, faults));
  const isOverrun = has('overrun');
  const canForget = has('amnesia') || has('backup') || has('rewind');
  const isDense = (limits.isDense ?? late.hits(0.03)) && !canForget;
  // Where a copy is to be restored somebody must be there who may.
  const forgetful = has('rewind') ? liars.filter((index) => index !== bad[0]) : liars;
  const drawnLiars = canForget ? forgetful : bad;
  // Dense work takes long to simulate: the first primary lies, so that the time is well spent.
  const byzantine = has('byzantine') ? (isDense ? [0] : drawnLiars) : [];
  const realSignatures = chance.hits(0.03);
  const plan: Plan = {
    seed,
    validators,
    quorum,
    faults,
    links,
    realSignatures,
    sharesWork: limits.sharesWork ?? !realSignatures,
    isOverrun,
    byzantine: isOverrun ? tooMany(seed, validators, faulty) : byzantine,
    habits: new Set(limits.habits ?? (isOverrun ? [...drawnHabits, ...forking] : drawnHabits)),
    amnesiacs: canForget && !isOverrun ? bad.filter((index) => !byzantine.includes(index)) : [],
    faultEverySeconds: chance.pick([1, 3, 6, 12]),
    proposalTimeoutMs: chance.pick([500, 1_500, 1_500]),
    statusIntervalMs: chance.pick([200, 500, 500]),
    burstEverySeconds: chance.pick([0.3, 1, 3, 6]),
    burstMax: chance.pick([1, 4, 12]),
    safetySeconds: limits.safetySeconds ?? chance.pick([15, 30, 90]),
    blocksMin: limits.blocksMin ?? 30,
    isDense,
    memberMax: memberMaxOf(seed),
    snapshots: has('snapshots') ? snapshotsOf(snapshots) : undefined,
  };
  // Over long links what a block waits for takes more than a tick.
  const isFar = isDense && !has('delay') && !has('thin') && new Chance(seed, 'far links').hits(0.4);
  if (isFar) return { ...plan, links: { ...links, latencyMs: 40, jitterMs: 20 } };
  if (!has('thin')) return plan;
  const thin = new Chance(seed, 'thin links');
  // Proposals alone are slow, for everybody: a block is longer than a vote.
  return { ...plan, links: { ...links, proposalMs: thin.pick([0.3, 0.5, 0.65]) * plan.proposalTimeoutMs } };
}
