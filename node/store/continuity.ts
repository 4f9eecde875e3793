// What every store asks of a block before it writes: it follows the head and its parts agree. Whoever built the block
// has checked it; a block that fails here is a bug of ours, so it stops the process.
import { assert } from '../ledger/assert.ts';
import { digestOf, leafHash } from '../ledger/hash.ts';
import type { BlockCommit, Head, StoreIdentity } from './store.ts';

/** In UTF-16 units, which take at most three bytes each. LMDB's own limit is 1,978 bytes with 4 KiB pages. */
export const statePathLengthMax = 512;

/** `previous` is undefined for the genesis block alone. */
export function assertFollows(previous: Head | undefined, commit: BlockCommit): void {
  const { head, block, entries, certificate } = commit;
  const height = previous === undefined ? 0 : previous.height + 1;
  assert(head.height === height, `block ${head.height} where ${height} is next`);
  assert(block.height === height && block.digest === head.digest, 'head and block row name one block');
  assert(block.firstIndex === (previous?.logSize ?? 0), 'a block begins where the log ends');
  assert(block.headerIndex === block.firstIndex + entries.length - 1, 'the header is the last entry of its block');
  assert(head.logSize === block.headerIndex + 1, 'the log ends with the header');
  assert(head.peaks.length === peakCount(head.logSize), 'one peak for each complete subtree of the log');
  // A key that is too long must not fail inside a transaction, where it would look like the disk's fault.
  for (const [path] of commit.writes) assert(path.length <= statePathLengthMax, 'a state path fits into a key');
  const last = entries.at(-1);
  assert(
    last !== undefined && digestOf(leafHash(last)) === head.digest,
    'the digest is the leaf hash of the header entry',
  );
  if (height === 0) assert(entries.length === 1, 'the genesis entry stands alone');
  else
    assert(
      certificate !== undefined && certificate.height === height && certificate.digest === head.digest,
      'a block comes with its own certificate',
    );
}

export function assertGenesis(identity: StoreIdentity, commit: BlockCommit): void {
  assertFollows(undefined, commit);
  assert(identity.chainId === commit.head.digest, 'the chainId is the leaf hash of the genesis entry');
}

/** Ones in the binary form of a size. Sizes go past 32 bits, so no bit operators. */
export function peakCount(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
