// The two Merkle trees as their definitions read, without any of the node's short cuts: RFC 6962 over the log, and the
// state tree over every record, built anew each time.
import { createHash } from 'node:crypto';
import { encode, type Value } from '../../node/ledger/codec.ts';

const sha = (...parts: Uint8Array[]): Uint8Array => {
  const engine = createHash('sha256');
  for (const part of parts) engine.update(part);
  return new Uint8Array(engine.digest());
};

export const leafOf = (entry: Uint8Array): Uint8Array => sha(Uint8Array.of(0), entry);
const innerOf = (left: Uint8Array, right: Uint8Array): Uint8Array => sha(Uint8Array.of(1), left, right);

/** The log's tree: complete subtrees, the largest first, merged as RFC 6962 section 2.1 splits them. */
export class LogTree {
  readonly #peaks: { readonly size: number; readonly hash: Uint8Array }[] = [];
  size = 0;

  append(entry: Uint8Array): void {
    let peak = { size: 1, hash: leafOf(entry) };
    for (let last = this.#peaks.at(-1); last?.size === peak.size; last = this.#peaks.at(-1)) {
      this.#peaks.pop();
      peak = { size: 2 * peak.size, hash: innerOf(last.hash, peak.hash) };
    }
    this.#peaks.push(peak);
    this.size++;
  }

  root(): Uint8Array {
    const hashes = this.#peaks.map(({ hash }) => hash);
    const last = hashes.pop() ?? sha();
    return hashes.reduceRight((right, left) => innerOf(left, right), last);
  }
}

interface Leaf {
  readonly key: Uint8Array;
  readonly hash: Uint8Array;
}

const tag = new TextEncoder().encode('daybook/state/v1');
const length32 = Uint8Array.of(0x20);

/** Key of `[contract, collection, key]`. */
export function stateRootOf(records: Iterable<readonly [place: readonly [string, string, string], Value]>): Uint8Array {
  const leaves: Leaf[] = [];
  for (const [place, value] of records) {
    const key = sha(tag, encode(place));
    leaves.push({ key, hash: sha(Uint8Array.of(0), length32, key, length32, sha(encode(value))) });
  }
  leaves.sort((a, b) => Buffer.compare(a.key, b.key));
  return leaves.length === 0 ? sha() : rootOf(leaves);
}

/** Split at the first bit in which the first and the last key differ: all between agree before it. */
function rootOf(leaves: readonly Leaf[]): Uint8Array {
  const [first, last] = [leaves[0], leaves.at(-1)];
  if (first === undefined || last === undefined) throw new Error('no leaves');
  if (leaves.length === 1) return first.hash;
  let bit = 0;
  while (bitOf(first.key, bit) === bitOf(last.key, bit)) bit++;
  const middle = leaves.findIndex(({ key }) => bitOf(key, bit) === 1);
  return innerOf(rootOf(leaves.slice(0, middle)), rootOf(leaves.slice(middle)));
}

function bitOf(key: Uint8Array, bit: number): number {
  return ((key[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
}
