// The authenticated state: a crit-bit tree over 32-byte keys, most significant bit first, hashed as ICS23's
// tendermintSpec. Its shape depends on the set of keys alone, so any order of changes gives one root. Immutable: an
// update shares all that it does not touch, so a block can be executed ahead and dropped for nothing. It holds no
// values and stores nothing; a restart builds it again from the state records.

import { assert } from '../ledger/assert.ts';
import { sha256Latin1 } from '../ledger/hash.ts';
import type { StateProof, StateWay } from '../ledger/state-proof.ts';

// Keys and hashes are latin1 texts of 32 characters (one byte each): 48 bytes of heap against 100 and more for a
// Uint8Array, compared without a loop, and what crypto.hash gives fastest.
type Bytes32 = string;

interface Leaf {
  readonly bit: 256;
  readonly key: Bytes32;
  readonly hash: Bytes32;
}

/** Exists only where both sides are non-empty: all keys below agree before `bit` and differ at it. */
interface Inner {
  readonly bit: number;
  /** Some key with the common prefix; perhaps one that is deleted by now, the prefix holds all the same. */
  readonly key: Bytes32;
  readonly hash: Bytes32;
  readonly left: Node;
  readonly right: Node;
}

type Node = Leaf | Inner;

/** A key's new value hash; undefined removes the key. */
export type StateChange = readonly [key: Uint8Array, valueHash: Uint8Array | undefined];

const emptyRoot: Bytes32 = sha256Latin1();

export class StateTree {
  static readonly empty = new StateTree(undefined);

  readonly #top: Node | undefined;

  private constructor(top: Node | undefined) {
    this.#top = top;
  }

  /** In any order; 1,000,000 entries take 4 to 5 s and 256 MB (bench/state-tree.ts). Of equal keys the last holds. */
  static fromEntries(entries: Iterable<readonly [key: Uint8Array, valueHash: Uint8Array]>): StateTree {
    return StateTree.empty.update(entries);
  }

  /**
   * All changes at once; each inner node on the way is hashed once: 10,000 changes of 1,000,000 keys take 100 ms. Of a
   * key given twice the last change holds.
   */
  update(changes: Iterable<StateChange>): StateTree {
    const sorted = sortChanges(changes);
    const top = sorted.keys.length === 0 ? this.#top : applied(this.#top, sorted, 0, sorted.keys.length, 0);
    return top === this.#top ? this : new StateTree(top);
  }

  /** SHA-256 of nothing for the empty tree. */
  get root(): Uint8Array {
    return toBytes(this.#top?.hash ?? emptyRoot);
  }

  /** Keys; each call walks the tree: 1,000,000 keys take some 30 ms. */
  get size(): number {
    let leaves = 0;
    const rest = this.#top === undefined ? [] : [this.#top];
    for (let node = rest.pop(); node !== undefined; node = rest.pop())
      if (isInner(node)) rest.push(node.left, node.right);
      else leaves++;
    return leaves;
  }

  /** Whether a key has this value hash; undefined: whether it is absent. */
  holds(key: Uint8Array, valueHash: Uint8Array | undefined): boolean {
    const wanted = toText(key);
    let node = this.#top;
    while (node !== undefined && isInner(node)) node = bitAt(wanted, node.bit) === 0 ? node.left : node.right;
    if (node === undefined || node.key !== wanted) return valueHash === undefined;
    return valueHash !== undefined && node.hash === leafHash(key, valueHash);
  }

  prove(key: Uint8Array): StateProof {
    const wanted = toText(key);
    const passed: Inner[] = [];
    let node = this.#top;
    while (node !== undefined && isInner(node)) {
      passed.push(node);
      node = bitAt(wanted, node.bit) === 0 ? node.left : node.right;
    }
    if (node === undefined) return { present: false };
    if (node.key === wanted) return { present: true, way: wayOf(passed, node) };
    // The leaf reached tells at which bit the key would branch off. Whatever hangs below that place lies on one side of
    // the key, so the nearest of it is one neighbour; the other is across the last turn the other way above.
    const branch = firstDifference(node.key, wanted, 0);
    const above = passed.filter((inner) => inner.bit < branch);
    const below = passed[above.length] ?? node;
    if (bitAt(wanted, branch) === 0) {
      const left = this.#beyond(above, wanted, 'left');
      return { present: false, ...(left && { left }), right: edgeWay(above, below, 'left') };
    }
    const right = this.#beyond(above, wanted, 'right');
    return { present: false, left: edgeWay(above, below, 'right'), ...(right && { right }) };
  }

  /** The nearest leaf on that side of all that hangs below the last of `above`. */
  #beyond(above: readonly Inner[], wanted: Bytes32, side: 'left' | 'right'): StateWay | undefined {
    const turn = above.findLastIndex((inner) => bitAt(wanted, inner.bit) === (side === 'left' ? 1 : 0));
    const inner = above[turn];
    if (inner === undefined) return undefined;
    return edgeWay(above.slice(0, turn + 1), inner[side], side === 'left' ? 'right' : 'left');
  }

  /**
   * The hash of the keys that begin with each byte, undefined where there are none: the chunks of a state snapshot,
   * each checked on arrival by building its own tree.
   */
  chunkRoots(): (Uint8Array | undefined)[] {
    const roots: (Uint8Array | undefined)[] = Array.from({ length: 256 }, () => undefined);
    const visit = (node: Node): void => {
      if (isInner(node) && node.bit < 8) {
        visit(node.left);
        visit(node.right);
      } else {
        roots[node.key.charCodeAt(0)] = toBytes(node.hash);
      }
    };
    if (this.#top !== undefined) visit(this.#top);
    return roots;
  }
}

/** The root of the whole from its 256 chunk roots. */
export function rootOfChunks(roots: readonly (Uint8Array | undefined)[]): Uint8Array {
  assert(roots.length === 256, 'a chunk for each first byte');
  let level = roots.map((root) => (root === undefined ? undefined : toText(root)));
  while (level.length > 1) {
    const upper: (Bytes32 | undefined)[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      upper.push(left === undefined ? right : right === undefined ? left : innerHash(left, right));
    }
    level = upper;
  }
  return toBytes(level[0] ?? emptyRoot);
}

interface SortedChanges {
  /** Ascending, each once. */
  readonly keys: readonly Bytes32[];
  /** The leaf that stands under the key afterwards. */
  readonly leaves: readonly (Leaf | undefined)[];
}

function sortChanges(changes: Iterable<StateChange>): SortedChanges {
  const last = new Map<Bytes32, Leaf | undefined>();
  for (const [keyBytes, valueHash] of changes) {
    const key = toText(keyBytes);
    last.set(key, valueHash === undefined ? undefined : { bit: 256, key, hash: leafHash(keyBytes, valueHash) });
  }
  // Texts compare by code unit, which is by byte here.
  const keys = [...last.keys()].sort((a, b) => (a < b ? -1 : 1));
  return { keys, leaves: keys.map((key) => last.get(key)) };
}

/** The node after changes from..to. They and the node's keys agree in all bits before `agreed`. */
function applied(
  node: Node | undefined,
  changes: SortedChanges,
  from: number,
  to: number,
  agreed: number,
): Node | undefined {
  if (from === to) return node;
  const { keys, leaves } = changes;
  const first = keys[from] as Bytes32;
  const final = keys[to - 1] as Bytes32;
  if (node === undefined) {
    if (to - from === 1) return leaves[from];
    return split(undefined, undefined, changes, from, to, firstDifference(first, final, agreed >> 3));
  }
  if (!isInner(node) && to - from === 1 && first === node.key) {
    const leaf = leaves[from];
    return leaf?.hash === node.hash ? node : leaf;
  }
  // The first bit at which the node's keys and the changes are not all alike.
  const low = node.key < first ? node.key : first;
  const high = node.key > final ? node.key : final;
  const bit = Math.min(node.bit, firstDifference(low, high, agreed >> 3));
  if (isInner(node) && bit === node.bit) return split(node, undefined, changes, from, to, bit);
  return split(undefined, node, changes, from, to, bit);
}

/**
 * The node that branches at `bit`: either `old` branches there already, or `moved` (whose keys all agree up to and with
 * that bit) goes to one side of it.
 */
function split(
  old: Inner | undefined,
  moved: Node | undefined,
  changes: SortedChanges,
  from: number,
  to: number,
  bit: number,
): Node | undefined {
  const middle = firstWithBit(changes.keys, from, to, bit);
  const movedLeft = moved !== undefined && bitAt(moved.key, bit) === 0;
  const left = applied(old?.left ?? (movedLeft ? moved : undefined), changes, from, middle, bit + 1);
  const right = applied(old?.right ?? (movedLeft ? undefined : moved), changes, middle, to, bit + 1);
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left === old?.left && right === old.right) return old;
  return { bit, key: left.key, hash: innerHash(left.hash, right.hash), left, right };
}

/** In sorted keys that agree before `bit`, the first that has it set. */
function firstWithBit(keys: readonly Bytes32[], from: number, to: number, bit: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bitAt(keys[middle] as Bytes32, bit) === 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isInner(node: Node): node is Inner {
  return node.bit !== 256;
}

/** Bit 0 is the most significant one of the first byte. */
function bitAt(key: Bytes32, bit: number): 0 | 1 {
  return ((key.charCodeAt(bit >> 3) >> (7 - (bit & 7))) & 1) as 0 | 1;
}

/** The first bit at which two keys differ, 256 if none. */
function firstDifference(a: Bytes32, b: Bytes32, fromByte: number): number {
  for (let i = fromByte; i < 32; i++) {
    const difference = a.charCodeAt(i) ^ b.charCodeAt(i);
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return 256;
}

function wayOf(passed: readonly Inner[], leaf: Leaf): StateWay {
  const steps = passed.map((inner) => {
    const onLeft = bitAt(leaf.key, inner.bit) === 0;
    return { sibling: toBytes(onLeft ? inner.right.hash : inner.left.hash), siblingIsLeft: !onLeft };
  });
  return { key: toBytes(leaf.key), steps: steps.reverse() };
}

/** The way of the outermost leaf on one side of a subtree that hangs below `above`. */
function edgeWay(above: readonly Inner[], subtree: Node, side: 'left' | 'right'): StateWay {
  const passed = [...above];
  let node = subtree;
  while (isInner(node)) {
    passed.push(node);
    node = node[side];
  }
  return wayOf(passed, node);
}

const leafBuffer = Buffer.alloc(67);
leafBuffer[1] = 32;
leafBuffer[34] = 32;

/** The same as stateLeafHash, into a buffer that is there already. */
function leafHash(key: Uint8Array, valueHash: Uint8Array): Bytes32 {
  assert(key.length === 32 && valueHash.length === 32, 'a state leaf is a 32-byte key and a 32-byte value hash');
  leafBuffer.set(key, 2);
  leafBuffer.set(valueHash, 35);
  return sha256Latin1(leafBuffer);
}

const innerBuffer = Buffer.alloc(65);
innerBuffer[0] = 1;

function innerHash(left: Bytes32, right: Bytes32): Bytes32 {
  innerBuffer.write(left, 1, 'latin1');
  innerBuffer.write(right, 33, 'latin1');
  return sha256Latin1(innerBuffer);
}

function toText(bytes: Uint8Array): Bytes32 {
  assert(bytes.length === 32, 'state keys and hashes are 32 bytes');
  return Buffer.from(bytes.buffer, bytes.byteOffset, 32).toString('latin1');
}

function toBytes(text: Bytes32): Uint8Array {
  const bytes = new Uint8Array(32);
  for (let i = 0; i < 32; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
