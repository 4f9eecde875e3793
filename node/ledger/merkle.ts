// The log's Merkle tree: RFC 6962 2.1 hashing, proofs and their checks as in RFC 9162 2.1.3 and 2.1.4. No storage here:
// a HashReader gives the hashes of complete subtrees, and Frontier says which of them an append completes.

import { assert } from './assert.ts';
import { emptyHash, equalBytes, hashBytes, nodeHash } from './hash.ts';

/** A complete subtree of 2^level leaves, the index-th of its level: it holds leaves index * 2^level and on. */
export interface CompleteSubtree {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

/** The hash of a complete subtree, undefined where it is not held. Level 0 are the leaf hashes. */
export type HashReader = (level: number, index: number) => Uint8Array | undefined;

/** A proof asked for a hash that the reader does not have. */
export class MissingSubtreeError extends Error {
  override name = 'MissingSubtreeError';
  constructor(level: number, index: number) {
    super(`no hash of subtree ${index} of level ${level}`);
  }
}

/**
 * All that appending needs: the roots of the maximal complete subtrees, one for each 1 in the binary form of the size.
 */
export class Frontier {
  #size: number;
  /** Largest subtree first. */
  readonly #peaks: Uint8Array[];

  private constructor(size: number, peaks: Uint8Array[]) {
    this.#size = size;
    this.#peaks = peaks;
  }

  static empty(): Frontier {
    return new Frontier(0, []);
  }

  /** The number of peaks must fit the size. */
  static fromHashes(size: number, peaks: readonly Uint8Array[]): Frontier {
    assert(isIndex(size) && peaks.length === onesOf(size), `${peaks.length} peaks are not those of ${size} leaves`);
    assert(
      peaks.every((peak) => peak.length === hashBytes),
      'a peak is a hash',
    );
    return new Frontier(size, [...peaks]);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a leaf; each subtree that it completes, the leaf itself first, is added to `completed`. */
  append(leaf: Uint8Array, completed?: CompleteSubtree[]): void {
    assert(leaf.length === hashBytes, 'a leaf hash is a hash');
    let hash = leaf;
    let index = this.#size;
    let level = 0;
    completed?.push({ level, index, hash });
    while (index % 2 === 1) {
      const left = this.#peaks.pop();
      assert(left !== undefined, 'a peak for each 1 in the size');
      hash = nodeHash(left, hash);
      index = (index - 1) / 2;
      level++;
      completed?.push({ level, index, hash });
    }
    this.#peaks.push(hash);
    this.#size++;
  }

  root(): Uint8Array {
    return foldPeaks(this.#peaks);
  }

  clone(): Frontier {
    return new Frontier(this.#size, [...this.#peaks]);
  }

  /** The peaks, largest subtree first. */
  toHashes(): Uint8Array[] {
    return [...this.#peaks];
  }
}

/** Every complete subtree that appending the leaves creates: what a store must add. The frontier stays as it is. */
export function completedNodes(frontier: Frontier, newLeaves: Iterable<Uint8Array>): CompleteSubtree[] {
  const after = frontier.clone();
  const completed: CompleteSubtree[] = [];
  for (const leaf of newLeaves) after.append(leaf, completed);
  return completed;
}

export function rootOf(leafHashes: Iterable<Uint8Array>): Uint8Array {
  const frontier = Frontier.empty();
  for (const leaf of leafHashes) frontier.append(leaf);
  return frontier.root();
}

/** The root that the log had at this size. Throws MissingSubtreeError, like the paths below. */
export function rootAt(reader: HashReader, size: number): Uint8Array {
  assert(isIndex(size), `no tree of ${size} leaves`);
  return size === 0 ? emptyHash() : rangeHash(reader, 0, size);
}

/** The frontier that the log had at this size. */
export function frontierAt(reader: HashReader, size: number): Frontier {
  assert(isIndex(size), `no tree of ${size} leaves`);
  const peaks: Uint8Array[] = [];
  for (let begin = 0; begin < size; ) {
    const width = largestPower(size - begin);
    peaks.push(rangeHash(reader, begin, begin + width));
    begin += width;
  }
  return Frontier.fromHashes(size, peaks);
}

/** RFC 6962 2.1.1: PATH(index, D[size]), from the leaf's sibling up. */
export function inclusionPath(reader: HashReader, index: number, size: number): Uint8Array[] {
  assert(isIndex(index) && isIndex(size) && index < size, `no leaf ${index} among ${size}`);
  const path: Uint8Array[] = [];
  let begin = 0;
  let end = size;
  while (end - begin > 1) {
    const middle = begin + splitPoint(end - begin);
    if (index < middle) {
      path.push(rangeHash(reader, middle, end));
      end = middle;
    } else {
      path.push(rangeHash(reader, begin, middle));
      begin = middle;
    }
  }
  return path.reverse();
}

/** RFC 6962 2.1.2: PROOF(from, D[to]). Empty where from is 0 or equals to. */
export function consistencyPath(reader: HashReader, from: number, to: number): Uint8Array[] {
  assert(isIndex(from) && isIndex(to) && from <= to, `no proof from ${from} to ${to} leaves`);
  if (from === 0 || from === to) return [];
  const path: Uint8Array[] = [];
  let begin = 0;
  let end = to;
  while (end !== from) {
    const middle = begin + splitPoint(end - begin);
    if (from <= middle) {
      path.push(rangeHash(reader, middle, end));
      end = middle;
    } else {
      path.push(rangeHash(reader, begin, middle));
      begin = middle;
    }
  }
  // The verifier knows the old root; any other subtree that ends at `from` it must be given.
  if (begin > 0) path.push(rangeHash(reader, begin, end));
  return path.reverse();
}

/** RFC 9162 2.1.3.2. False for anything malformed. */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isIndex(index) || !isIndex(size) || index >= size || !areHashes([leaf, root, ...path])) return false;
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && equalBytes(hash, root);
}

/**
 * RFC 9162 2.1.4.2. False for anything malformed. Everything is consistent with the empty tree, whose root is that of
 * no leaves and whose proof is empty (C2SP tlog-witness starts there).
 */
export function verifyConsistency(
  from: number,
  to: number,
  path: readonly Uint8Array[],
  fromRoot: Uint8Array,
  toRoot: Uint8Array,
): boolean {
  if (!isIndex(from) || !isIndex(to) || from > to || !areHashes([fromRoot, toRoot, ...path])) return false;
  if (from === to) return path.length === 0 && equalBytes(fromRoot, toRoot) && (from > 0 || isEmptyRoot(fromRoot));
  if (from === 0) return path.length === 0 && isEmptyRoot(fromRoot);
  let at = from - 1;
  let last = to - 1;
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  // Where the old tree is one complete subtree its root is the first node, and the proof leaves it out.
  const [first, ...rest] = at === 0 ? [fromRoot, ...path] : path;
  if (first === undefined) return false;
  let older = first;
  let newer = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)];
    } else {
      newer = nodeHash(newer, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && equalBytes(older, fromRoot) && equalBytes(newer, toRoot);
}

/** MTH of leaves begin (inclusive) to end, where begin is a place at which the tree splits. */
function rangeHash(reader: HashReader, begin: number, end: number): Uint8Array {
  const peaks: Uint8Array[] = [];
  for (let at = begin; at < end; ) {
    const width = largestPower(end - at);
    const level = Math.log2(width);
    const hash = reader(level, at / width);
    if (hash === undefined) throw new MissingSubtreeError(level, at / width);
    peaks.push(hash);
    at += width;
  }
  return foldPeaks(peaks);
}

function foldPeaks(peaks: readonly Uint8Array[]): Uint8Array {
  const last = peaks.at(-1);
  if (last === undefined) return emptyHash();
  let hash = last;
  for (let i = peaks.length - 2; i >= 0; i--) hash = nodeHash(peaks[i] ?? last, hash);
  return hash;
}

// Bit operators would cut at 32 bits, and a log may outgrow them: sizes are halved and doubled as numbers.

function half(value: number): number {
  return Math.floor(value / 2);
}

/** The largest power of two that is at most n. */
function largestPower(n: number): number {
  let power = 1;
  while (power * 2 <= n) power *= 2;
  return power;
}

/** The largest power of two below n, where RFC 6962 splits n leaves. */
function splitPoint(n: number): number {
  return largestPower(n - 1);
}

function onesOf(n: number): number {
  let ones = 0;
  for (let rest = n; rest > 0; rest = half(rest)) ones += rest % 2;
  return ones;
}

function isIndex(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

function areHashes(values: readonly Uint8Array[]): boolean {
  return values.every((value) => value.length === hashBytes);
}

function isEmptyRoot(root: Uint8Array): boolean {
  return equalBytes(root, emptyHash());
}
