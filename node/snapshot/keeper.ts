// Keeps a snapshot on offer and forgets what it makes needless: begins one at fixed heights, so that all validators
// offer the same, writes it in steps between other work, and then prunes in steps, if the operator wants that.
import type { StateTree } from '../execution/state-tree.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeHeader, headerDigest } from '../ledger/entry.ts';
import { decodeAs } from '../ledger/schema.ts';
import type { Head, Store } from '../store/store.ts';
import { HeldOffers } from './held-offers.ts';
import { manifestBytesMax, manifestSchema, setLinksMax } from './manifest.ts';
import { OfferWriter, offeredManifest, type SetFrom } from './offer.ts';
import { baseHeightFor, pruningStep } from './pruner.ts';
import { StoredOffers } from './stored.ts';

export interface SnapshotSettings {
  /** A snapshot is made at each height that this divides. */
  readonly everyBlocks: number;
  /** Blocks below the base of every snapshot on offer are deleted. */
  readonly prune: boolean;
  /** Blocks that stay in any case, before the height of a snapshot. */
  readonly keepBlocksMin: number;
  /** [S6] How long a snapshot stays for a peer that was given its manifest. */
  readonly holdMs: number;
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
  /** Of a clock that never steps. */
  monotonicMs(): number;
  /** Tells the operator. */
  warn(text: string): void;
}

/** Offers that are kept in any case: where the newest is damaged, whoever heals here has another [R4]. */
const offersMin = 2;

export class SnapshotKeeper {
  readonly #parts: KeeperParts;
  readonly #offers: StoredOffers;
  readonly #held: HeldOffers;
  #writer: OfferWriter | undefined;
  #isStopped = false;
  /** [S1] For good: changes of the validators only become more. */
  #isBeyondManifest = false;

  constructor(parts: KeeperParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#offers = new StoredOffers(store, () => parts.stableHeight());
    this.#held = new HeldOffers(parts.settings.holdMs, () => parts.monotonicMs());
    // Without a manifest it is what an earlier process began and did not end. One from before a snapshot was taken [S4]
    // reaches back to blocks that are not here: whoever was given it could not end it.
    for (const height of store.partHeights('offered')) {
      const manifest = this.manifest(height);
      if (manifest === undefined || baseHeightOf(store, manifest) < store.base().height)
        store.dropParts('offered', height);
    }
    // Nobody takes what is behind it by now.
    for (const height of store.partHeights('staged'))
      if (height <= store.head().height) store.dropParts('staged', height);
    // [S1] Else nothing here could make a damaged state again until the next height that is due.
    if (store.base().height > 0 && store.partHeights('offered').length === 0) parts.soon(() => this.#begin());
  }

  /** [S1] Called after each commit, with the store at that height. */
  onBlock(height: number): void {
    if (height % this.#parts.settings.everyBlocks === 0) this.#begin();
  }

  #begin(): void {
    const { store, settings, stableHeight } = this.#parts;
    if (this.#isStopped || this.#isBeyondManifest || this.#writer !== undefined) return;
    if ((store.partHeights('offered').at(-1) ?? 0) > stableHeight()) return;
    const { head, tree, sets, windowMs } = this.#parts.now();
    const baseHeight = baseHeightFor(store, head, windowMs, settings.keepBlocksMin);
    const parts = { store, head, tree, sets, baseHeight };
    const manifest = offeredManifest(parts);
    if (manifest === undefined) return this.#giveUp(head.height, sets.length - 1);
    this.#writer = new OfferWriter(parts, manifest);
    this.#parts.soon(() => this.#write());
  }

  /** Every validator comes to it at the same height, so none may end of it. */
  #giveUp(height: number, changes: number): void {
    this.#isBeyondManifest = true;
    this.#parts.warn(
      `no snapshot is made of height ${height} or later: the validators have changed ${changes} times, and it holds ` +
        `${setLinksMax} changes and ${manifestBytesMax} bytes of them. Those on offer stay, and no more blocks are ` +
        'forgotten: give the disk room.',
    );
  }

  newest(): { readonly height: number; readonly manifest: Uint8Array } | undefined {
    return this.#offers.newest();
  }

  /** [S6] For a peer that asks for one: it finds the rest there for a while, unless the disk is damaged. */
  give(): Uint8Array | undefined {
    const newest = this.newest();
    return newest && (this.manifest(this.#held.give(newest.height)) ?? newest.manifest);
  }

  manifest(height: number): Uint8Array | undefined {
    return this.#offers.manifest(height);
  }

  piece(height: number, chunk: number, piece: number): Uint8Array | undefined {
    return this.#offers.piece(height, chunk, piece);
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
    this.#dropOlder();
    this.#prune(this.#needlessUpTo());
  }

  /** [S6] The newest and what is held stay, and at least two. */
  #dropOlder(): void {
    const { store } = this.#parts;
    const heights = store.partHeights('offered');
    const free = heights.filter((height) => !this.#held.isHeld(height));
    const stay = Math.max(1, offersMin - (heights.length - free.length));
    for (const height of free.slice(0, -stay)) store.dropParts('offered', height);
  }

  /** [S5] The last height that none of the snapshots on offer needs: whoever takes one finds the blocks that follow. */
  #needlessUpTo(): number {
    const { store, stableHeight } = this.#parts;
    const heights = store.partHeights('offered');
    if (heights.length < offersMin || (heights[0] ?? 0) > stableHeight()) return 0;
    return Math.min(...heights.map((height) => baseHeightOf(store, this.manifest(height))));
  }

  /** What is on offer meanwhile changes only by another writer, after which this begins anew. */
  #prune(last: number): void {
    const { store, settings } = this.#parts;
    if (!settings.prune || this.#isStopped || this.#writer !== undefined) return;
    const step = pruningStep(store, last);
    if (step === undefined) return;
    store.prune(step);
    this.#parts.soon(() => this.#prune(last));
  }
}

/** 0, which nothing is below, for a manifest that is not as it was written: what it says must forget no block. */
function baseHeightOf(store: Store, manifest: Uint8Array | undefined): number {
  if (manifest === undefined) return 0;
  try {
    const { base } = decodeAs(manifestSchema, manifest);
    const height = base === undefined ? 0 : decodeHeader(base.header).height;
    return base !== undefined && store.block(height)?.digest === headerDigest(base.header) ? height : 0;
  } catch (error) {
    if (error instanceof DecodeError) return 0;
    throw error;
  }
}
