// Which changes of the validators come next in a run: never so many that one block may not hold them, and never such
// that more than f of a set would be faulty, in whatever order they are enacted and whichever of them fail.
import { quorumOf } from '../../node/ledger/validators.ts';
import type { Chance } from './chance.ts';
import type { SetInForce } from './epochs.ts';

export interface PlannedChange {
  readonly kind: 'add' | 'rotate' | 'remove';
  readonly machine: number;
}

/** Who plays in a run. */
export interface Cast {
  readonly inForce: SetInForce;
  /** Number of the next machine that joins. */
  readonly next: number;
  /** Removed ones, which may come back under other keys. */
  readonly former: readonly number[];
  /** It lies, or forgets, or would know nobody among these that it can have blocks from. */
  isFaulty(machine: number, among: readonly number[]): boolean;
  /** Silenced: keys of their own bring them back [E7]. */
  readonly silenced: readonly number[];
}

const sizeMin = 4;
const sizeMax = 8;

/** The machines that vote once these changes are enacted. */
export function machinesAfter(machines: readonly number[], changes: readonly PlannedChange[]): number[] {
  const left = machines.filter(
    (machine) => !changes.some((each) => each.kind === 'remove' && each.machine === machine),
  );
  return [...left, ...changes.flatMap(({ kind, machine }) => (kind === 'add' ? [machine] : []))];
}

/** One proposal's, or nothing where the draw is one that the run cannot bear. */
export function drawChanges(cast: Cast, chance: Chance): readonly PlannedChange[] {
  const { inForce, silenced } = cast;
  const count = inForce.faulty > 1 && chance.hits(0.3) ? 2 : 1;
  const changes: PlannedChange[] = [];
  for (let i = 0; i < count; i++) {
    const drawn = drawChange(cast, changes, chance);
    if (isBearable(cast, [...changes, drawn])) changes.push(drawn);
  }
  const [silent] = silenced;
  if (silent === undefined || chance.hits(0.3)) return changes;
  return [{ kind: 'rotate', machine: silent }];
}

/** [E2] What no block may hold: one removed too many. Nothing where so few would be left that it fails for that. */
export function tooManyChanges({ machines, faulty }: SetInForce): readonly PlannedChange[] {
  const removed = machines.slice(0, faulty + 1);
  if (machines.length - removed.length < sizeMin) return [];
  return removed.map((machine) => ({ kind: 'remove', machine }));
}

function drawChange({ inForce, next, former }: Cast, before: readonly PlannedChange[], chance: Chance): PlannedChange {
  const kind = chance.pick(['add', 'rotate', 'rotate', 'remove', 'remove'] as const);
  const added = before.filter((each) => each.kind === 'add' && each.machine >= next).length;
  const machine = chance.pick(inForce.machines);
  const returning = former.length > 0 && chance.hits(0.4) ? chance.pick(former) : undefined;
  return { kind, machine: kind === 'add' ? (returning ?? next + added) : machine };
}

function isBearable({ inForce, isFaulty }: Cast, changes: readonly PlannedChange[]): boolean {
  const { machines } = inForce;
  if (new Set(changes.map(({ machine }) => machine)).size < changes.length) return false;
  return subsetsOf(changes).every((some) => {
    const after = machinesAfter(machines, some);
    if (after.length < sizeMin || after.length > sizeMax) return false;
    return after.filter((machine) => isFaulty(machine, after)).length <= quorumOf(after.length).faulty;
  });
}

function subsetsOf<T>(items: readonly T[]): T[][] {
  const subsets: T[][] = [[]];
  for (const item of items) subsets.push(...subsets.map((each) => [...each, item]));
  return subsets;
}
