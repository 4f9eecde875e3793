// Whether a store that was just opened agrees with itself at its tip. It reads a few dozen records, each of which
// checks its own sum; state records are checked by whoever rebuilds the state tree and compares its root with the
// head's.
import { DecodeError } from '../ledger/codec.ts';
import { decodeHeader } from '../ledger/entry.ts';
import { digestOf, equalBytes, leafHash } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { Frontier, frontierAt, type HashReader, MissingSubtreeError } from '../ledger/merkle.ts';
import type { Head, Store } from './store.ts';
import { StoreError } from './store.ts';

/** The head and what the tip holds disagree. */
export class InconsistentStore extends StoreError {
  override name = 'InconsistentStore';
}

/** Throws InconsistentStore, or StoreError where a record cannot be read. */
export function checkIntegrity(store: Store): void {
  const problem = attempt(store);
  if (problem === undefined) return;
  throw new InconsistentStore(
    `inconsistent store: ${problem}. Keep the node stopped and do not serve this folder; set it aside and let the ` +
      'node rebuild from its peers in a new one, under a rotated vote key.',
  );
}

function attempt(store: Store): string | undefined {
  try {
    return findProblem(store);
  } catch (error) {
    if (error instanceof MissingSubtreeError) return error.message;
    throw error;
  }
}

function findProblem(store: Store): string | undefined {
  const head = store.head();
  const block = store.block(head.height);
  if (block === undefined) return `there is no block row for height ${head.height}`;
  if (block.height !== head.height || block.digest !== head.digest || block.headerIndex + 1 !== head.logSize)
    return `the block row of height ${head.height} is not that of the head`;
  const last = store.entry(block.headerIndex);
  if (last === undefined) return `entry ${block.headerIndex}, the last header, is missing`;
  if (digestOf(leafHash(last)) !== head.digest) return 'the last header has another digest than the head';
  store.voteRecord();
  const wrong = head.height === 0 ? genesisProblem(store, head) : headerProblem(store, head, last);
  return wrong ?? peaksProblem(store, head) ?? cosignedProblem(store, head);
}

/** [K1] It moves with the block. An earlier version's folder, or a silenced validator's, has an older one or none. */
function cosignedProblem(store: Store, head: Head): string | undefined {
  const own = store.cosigned();
  if (own === undefined || own.size < head.logSize) return undefined;
  const root = digestOf(Frontier.fromHashes(head.logSize, head.peaks).root());
  return own.size === head.logSize && own.root === root ? undefined : 'its last cosignature is of another log';
}

function genesisProblem(store: Store, head: Head): string | undefined {
  if (head.digest !== store.identity.chainId) return 'the genesis entry is not the one that the chainId names';
  return head.logSize === 1 ? undefined : 'the log holds more than the genesis entry at height 0';
}

function headerProblem(store: Store, head: Head, encoded: Uint8Array): string | undefined {
  const header = decode(encoded);
  if (header === undefined) return 'the last entry of the head block is no header';
  if (header.height !== head.height || header.timestamp !== head.timestamp || header.logSize !== head.logSize - 1)
    return 'the last header has another height, time or log size than the head';
  if (digestOf(header.chainId) !== store.identity.chainId) return 'the last header is of another chain';
  if (digestOf(header.stateRoot) !== head.stateRoot) return 'the last header has another state root than the head';
  const certificate = store.certificate(head.height);
  if (certificate === undefined) return `there is no certificate for height ${head.height}`;
  if (certificate.height !== head.height || certificate.digest !== head.digest)
    return `the certificate of height ${head.height} is for another block`;
  const root = frontierAt(nodesOf(store), header.logSize).root();
  return equalBytes(root, header.logRoot) ? undefined : 'the tree nodes do not fold to the log root of the last header';
}

function peaksProblem(store: Store, head: Head): string | undefined {
  const peaks = frontierAt(nodesOf(store), head.logSize).toHashes();
  const same = peaks.every((peak, i) => {
    const kept = head.peaks[i];
    return kept !== undefined && equalBytes(peak, kept);
  });
  return same && peaks.length === head.peaks.length
    ? undefined
    : 'the peaks of the head are not those of the stored tree';
}

function nodesOf(store: Store): HashReader {
  return (level, index) => store.node(level, index);
}

function decode(encoded: Uint8Array): Header | undefined {
  try {
    return decodeHeader(encoded);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
