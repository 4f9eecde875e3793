// Keeps a snapshot on offer and forgets what it makes needless: begins one at fixed heights, so that all validators
// offer the same, writes it in steps between other work, and then prunes in steps, if the operator wants that.
import type { StateTree } from '../execution/state-tree.ts';
import { decodeHeader } from '../ledger/entry.ts';
import { decodeAs } from '../ledger/schema.ts';
import type { Head, Store } from '../store/store.ts';
import { manifestSchema } from './manifest.ts';
import { OfferWriter, type SetFrom } from './offer.ts';
import { baseHeightFor, pruningStep } from './pruner.ts';

export interface SnapshotSettings {
  /** A snapshot is made at each height that this divides. */
  readonly everyBlocks: number;
  /** Blocks below an older snapshot's base are deleted. */
  readonly prune: boolean;
  /** Blocks that stay in any case, before the height of a snapshot. */
  readonly keepBlocksMin: number;
}

export interface KeeperParts {
  readonly store: Store;
  readonly settings: SnapshotSettings;
  /** What execution knows of the head. */
  now(): {
    readonly head: Head;
    readonly tree: StateTree;
    readonly sets: readonly SetFrom[];
    readonly windowMs: number;
  };
  /** The last height that a stable checkpoint covers. */
  stableHeight(): number;
  /** Does the work a little later, with other work in between. */
  soon(work: () => void): void;
}

/** Offers that are kept: a peer that began with the last but one can end. */
const offersMax = 2;

export class SnapshotKeeper {
  readonly #parts: KeeperParts;
  #writer: OfferWriter | undefined;
  #isStopped = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    // An offer without a manifest is what an earlier process began and did not end.
    for (const height of parts.store.partHeights('offered'))
      if (this.manifest(height) === undefined) parts.store.dropParts('offered', height);
  }

  /** [S1] Called after each commit, with the store at that height. */
  onBlock(height: number): void {
    const { store, settings } = this.#parts;
    if (this.#isStopped || height % settings.everyBlocks !== 0 || this.#writer !== undefined) return;
    const { head, tree, sets, windowMs } = this.#parts.now();
    const baseHeight = baseHeightFor(store, head, windowMs, settings.keepBlocksMin);
    this.#writer = new OfferWriter({ store, head, tree, sets, baseHeight });
    this.#parts.soon(() => this.#write());
  }

  /** The newest snapshot that a stable checkpoint covers. */
  newest(): { readonly height: number; readonly manifest: Uint8Array } | undefined {
    const stable = this.#parts.stableHeight();
    for (const height of this.#parts.store.partHeights('offered').reverse()) {
      const manifest = height <= stable ? this.manifest(height) : undefined;
      if (manifest !== undefined) return { height, manifest };
    }
    return undefined;
  }

  manifest(height: number): Uint8Array | undefined {
    return this.#parts.store.part({ area: 'offered', height, kind: 'manifest', first: 0, second: 0 });
  }

  piece(height: number, chunk: number, piece: number): Uint8Array | undefined {
    return this.#parts.store.part({ area: 'offered', height, kind: 'piece', first: chunk, second: piece });
  }

  stop(): void {
    this.#isStopped = true;
    this.#writer?.abandon();
    this.#writer = undefined;
  }

  #write(): void {
    const writer = this.#writer;
    if (writer === undefined || this.#isStopped) return;
    if (!writer.step()) return this.#parts.soon(() => this.#write());
    this.#writer = undefined;
    const { store } = this.#parts;
    for (const height of store.partHeights('offered').slice(0, -offersMax)) store.dropParts('offered', height);
    this.#prune();
  }

  /** [S5] Up to the base of the oldest snapshot on offer: whoever takes it finds the blocks that follow. */
  #prune(): void {
    const { store, settings, stableHeight } = this.#parts;
    if (!settings.prune || this.#isStopped || this.#writer !== undefined) return;
    const heights = store.partHeights('offered');
    const [oldest] = heights;
    if (oldest === undefined || heights.length < offersMax || oldest > stableHeight()) return;
    const manifest = this.manifest(oldest);
    const step = manifest === undefined ? undefined : pruningStep(store, baseHeightOf(manifest));
    if (step === undefined) return;
    store.prune(step);
    this.#parts.soon(() => this.#prune());
  }
}

function baseHeightOf(manifest: Uint8Array): number {
  const { base } = decodeAs(manifestSchema, manifest);
  return base === undefined ? 0 : decodeHeader(base.header).height;
}
