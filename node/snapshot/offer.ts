// Puts a snapshot of this node's own state on offer: reads one view of the state in slices, while blocks go on, and
// writes the chunks as parts of the store. The manifest comes last; without it there is no offer.
import { DivergedRecord } from '../execution/diverged-record.ts';
import { stateKey, stateValueHash } from '../execution/state-path.ts';
import type { StateTree } from '../execution/state-tree.ts';
import { assert } from '../ledger/assert.ts';
import { decodeHeader } from '../ledger/entry.ts';
import { frontierAt } from '../ledger/merkle.ts';
import { encodeAs } from '../ledger/schema.ts';
import type { SetLink } from '../ledger/set-chain.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import type { Head, PartPlace, StatePath, StateView, Store } from '../store/store.ts';
import { chunkCount, PieceWriter } from './chunk.ts';
import { type Manifest, manifestBytesMax, manifestSchema, setLinksMax } from './manifest.ts';
import { certificateAt, headerBytesAt } from './pruner.ts';

/** Records of one step: a few milliseconds. */
const stepRecords = 2_000;

/** A validator set and the first height that it votes for. */
export interface SetFrom {
  readonly from: number;
  readonly validators: ValidatorSet;
}

export interface OfferParts {
  readonly store: Store;
  readonly head: Head;
  /** Of that head. */
  readonly tree: StateTree;
  /** Every set so far, that of genesis first. */
  readonly sets: readonly SetFrom[];
  /** The last height that the snapshot does not hold. */
  readonly baseHeight: number;
}

/** [S1] Undefined where the changes of the validators are more than one holds: no later head has one then, either. */
export function offeredManifest(parts: OfferParts): Uint8Array | undefined {
  if (parts.sets.length - 1 > setLinksMax) return undefined;
  const encoded = encodeAs(manifestSchema, manifestOf(parts));
  return encoded.length > manifestBytesMax ? undefined : encoded;
}

export class OfferWriter {
  readonly #store: Store;
  readonly #height: number;
  readonly #manifest: Uint8Array;
  readonly #view: StateView;
  readonly #tree: StateTree;
  #written = 0;
  readonly #chunks = Array.from({ length: chunkCount }, () => new PieceWriter());

  /** Takes its view of the state at once: it is that of `head`, which is the store's and of which the manifest is. */
  constructor({ store, head, tree }: OfferParts, manifest: Uint8Array) {
    this.#tree = tree;
    assert(store.head().digest === head.digest, 'an offer is made of the state that is there');
    this.#store = store;
    this.#height = head.height;
    this.#manifest = manifest;
    store.dropParts('offered', head.height);
    this.#view = store.stateView();
  }

  get height(): number {
    return this.#height;
  }

  /**
   * Writes some more; true when the snapshot is on offer. Throws DivergedRecord for a state that the root does not
   * cover: what is made of it would be refused everywhere, and blocks would be forgotten for it.
   */
  step(): boolean {
    const records = this.#view.next(stepRecords);
    if (records.length === 0) {
      this.#finish();
      return true;
    }
    const parts: (readonly [PartPlace, Uint8Array])[] = [];
    for (const [path, value] of records) {
      const key = stateKey(path);
      if (!this.#tree.holds(key, stateValueHash(value))) throw this.#diverged(`state record ${path}`, path);
      this.#written += 1;
      const chunk = key[0] ?? 0;
      const closed = this.#chunks[chunk]?.add(path, value);
      if (closed !== undefined) parts.push([this.#place('piece', chunk, closed[0]), closed[1]]);
    }
    if (parts.length > 0) this.#store.putParts(parts);
    return false;
  }

  /** For a node that stops in between. */
  abandon(): void {
    this.#view.close();
  }

  #finish(): void {
    this.#view.close();
    if (this.#written !== this.#tree.size) throw this.#diverged(`a state of ${this.#written} records`);
    const parts = this.#chunks.map((writer, chunk) => {
      const [number, piece] = writer.end();
      return [this.#place('piece', chunk, number), piece] as const;
    });
    this.#store.putParts([...parts, [this.#place('manifest'), this.#manifest]]);
  }

  #diverged(what: string, path?: StatePath): DivergedRecord {
    this.#view.close();
    const height = this.#height;
    return new DivergedRecord(`${what} is not the one that the state root of height ${height} covers`, path);
  }

  #place(kind: PartPlace['kind'], first = 0, second = 0): PartPlace {
    return { area: 'offered', height: this.#height, kind, first, second };
  }
}

function manifestOf({ store, head, tree, sets, baseHeight }: OfferParts): Manifest {
  const certificate = certificateAt(store, head.height);
  const header = headerBytesAt(store, head.height);
  const changes = sets.slice(1).map(({ from, validators }): SetLink => {
    return {
      header: headerBytesAt(store, from - 1),
      certificate: certificateAt(store, from - 1),
      next: validators,
    };
  });
  return { version: 1, header, certificate, roots: tree.chunkRoots(), base: baseAt(store, baseHeight), changes };
}

function baseAt(store: Store, height: number): Manifest['base'] {
  if (height === 0) return undefined;
  const header = headerBytesAt(store, height);
  const peaks = frontierAt((level, index) => store.node(level, index), decodeHeader(header).logSize + 1).toHashes();
  return { header, certificate: certificateAt(store, height), peaks };
}
