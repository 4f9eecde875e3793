// One validator's disk with the semantics that were measured of the real store: a write that returned is durable, a
// crash inside it leaves all of it or nothing, and a write that fails leaves either behind a process that must end. Old
// copies, an empty disk and damage are put in its place while the validator is down.

import { type MemoryImage, MemoryStore } from '../../node/store/memory-store.ts';
import type {
  BlockCommit,
  CheckpointChange,
  LogStart,
  PartPlace,
  Pruning,
  RepairedBlock,
  Snapshot,
  StartsRow,
  StateDifference,
  StatePath,
  VoteChange,
} from '../../node/store/store.ts';
import { StoreFailure } from '../../node/store/store.ts';

/** Ends whatever a validator is doing, as a signal that cannot be caught does. */
export class Crash extends Error {
  override name = 'Crash';
}

export type DiskFault = 'none' | 'lost' | 'kept';

export interface DiskWatch {
  /** An effect boundary: may throw Crash. */
  boundary(): void;
  /** Whether the next write fails, and what of it is on the disk then. */
  fault(): DiskFault;
  /** A write took effect. */
  written(): void;
  committed(commit: BlockCommit): void;
  checkpointed(checkpoints: CheckpointChange): void;
  /** Called while its iterables can still be read. */
  installed(snapshot: Snapshot): void;
  pruned(): void;
}

export class SimulatedDisk extends MemoryStore {
  watch: DiskWatch | undefined;
  /** MemoryStore commits, and begins, through persistVote: one write, not two. Undefined while it begins. */
  private isInside: boolean | undefined = false;

  override commit(commit: BlockCommit, vote: VoteChange, checkpoints?: CheckpointChange): void {
    this.#write(() => {
      super.commit(commit, vote);
      this.watch?.committed(commit);
      if (checkpoints !== undefined) this.persistCheckpoints(checkpoints);
    });
  }

  override persistVote(vote: VoteChange): void {
    if (this.isInside !== false) super.persistVote(vote);
    else this.#write(() => super.persistVote(vote));
  }

  override persistCheckpoints(checkpoints: CheckpointChange): void {
    if (this.isInside === false) return this.#write(() => this.persistCheckpoints(checkpoints));
    super.persistCheckpoints(checkpoints);
    this.watch?.checkpointed(checkpoints);
  }

  override putClaim(voteKey: Uint8Array, claim: Uint8Array, starts?: StartsRow): void {
    this.#write(() => super.putClaim(voteKey, claim, starts));
  }

  override prune(pruning: Pruning): void {
    this.#write(() => {
      super.prune(pruning);
      this.watch?.pruned();
    });
  }

  override putParts(parts: readonly (readonly [PartPlace, Uint8Array])[]): void {
    this.#write(() => super.putParts(parts));
  }

  override dropParts(area: PartPlace['area'], height: number): void {
    this.#write(() => super.dropParts(area, height));
  }

  override install(snapshot: Snapshot, vote: VoteChange): void {
    this.#write(() => {
      this.watch?.installed(snapshot);
      super.install(snapshot, vote);
    });
  }

  override markDivergence(mark: Uint8Array | undefined): void {
    this.#write(() => super.markDivergence(mark));
  }

  override repairBlock(block: RepairedBlock): number {
    let repaired = 0;
    this.#write(() => {
      repaired = super.repairBlock(block);
    });
    return repaired;
  }

  override repairStart(start: LogStart): number {
    let repaired = 0;
    this.#write(() => {
      repaired = super.repairStart(start);
    });
    return repaired;
  }

  override repairState(right: ReadonlyMap<StatePath, Uint8Array>): StateDifference[] {
    let differences: StateDifference[] = [];
    this.#write(() => {
      differences = super.repairState(right);
    });
    return differences;
  }

  override dropDamagedRows(): undefined {
    this.#write(() => super.dropDamagedRows());
  }

  #write(apply: () => void): void {
    const { watch } = this;
    watch?.boundary();
    const fault = watch?.fault() ?? 'none';
    if (fault !== 'lost') {
      this.isInside = true;
      try {
        apply();
      } finally {
        this.isInside = false;
      }
    }
    if (fault !== 'none') throw new StoreFailure('the simulated disk failed');
    watch?.written();
    watch?.boundary();
  }
}

/** One byte in a part of each snapshot on offer differs. */
export function withDamagedOffers(image: MemoryImage, at: number): MemoryImage {
  const parts = new Map(image.parts);
  // Most chunks of a state as small as the simulator's are empty, and nobody reads those.
  const offered = [...parts].filter(([, [place, bytes]]) => place.area === 'offered' && bytes.length > 16);
  for (const height of new Set(offered.map(([, [place]]) => place.height))) {
    const all = offered.filter(([, [place]]) => place.height === height);
    const [name, part] = all[at % all.length] ?? [];
    if (name !== undefined && part !== undefined) parts.set(name, [part[0], withFlippedBit(part[1], at)]);
  }
  return { ...image, parts };
}

/** One byte of the state differs from what was written. */
export function damaged(image: MemoryImage, at: number): MemoryImage {
  const state = new Map(image.state);
  const paths = [...state.keys()].sort();
  const path = paths[at % paths.length];
  const value = path === undefined ? undefined : state.get(path);
  if (path === undefined || value === undefined) return image;
  state.set(path, withFlippedBit(value, at));
  return { ...image, state };
}

function withFlippedBit(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at % copy.length] = (copy[at % copy.length] ?? 0) ^ 1;
  return copy;
}
