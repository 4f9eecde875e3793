// The auditor's own RFC 6962 tree: appends leaves, keeps the roots of the complete subtrees and gives the root. It
// shares nothing with the node's tree but the two hash functions, so that a bug there cannot hide itself here.
import { type Digest, digestOf, emptyHash, nodeHash } from '../ledger/hash.ts';

/** Called for each complete subtree, leaves (level 0) included, in the order in which they are completed. */
export type NodeListener = (level: number, hash: Uint8Array) => void;

export class Frontier {
  #size = 0;
  /** By level; present where the size has a bit. */
  readonly #peaks: (Uint8Array | undefined)[] = [];
  readonly #listener: NodeListener | undefined;

  constructor(listener?: NodeListener) {
    this.#listener = listener;
  }

  get size(): number {
    return this.#size;
  }

  /** Of the maximal complete subtrees, largest first. */
  get peaks(): Uint8Array[] {
    return this.#peaks.filter((peak) => peak !== undefined).reverse();
  }

  append(leaf: Uint8Array): void {
    let node = leaf;
    let level = 0;
    this.#listener?.(level, node);
    for (let left = this.#peaks[0]; left !== undefined; left = this.#peaks[level]) {
      node = nodeHash(left, node);
      this.#peaks[level] = undefined;
      level++;
      this.#listener?.(level, node);
    }
    this.#peaks[level] = node;
    this.#size++;
  }

  root(): Digest {
    let root: Uint8Array | undefined;
    for (const peak of this.#peaks) if (peak !== undefined) root = root === undefined ? peak : nodeHash(peak, root);
    return digestOf(root ?? emptyHash());
  }
}
