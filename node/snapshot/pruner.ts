// Which blocks a node may forget, and the step that forgets some of them. A block goes when a stable checkpoint covers
// it, the reference window is past it, and a snapshot that does not need it is on offer.
import { DivergedRecord } from '../execution/diverged-record.ts';
import { assert } from '../ledger/assert.ts';
import type { CommitCertificate } from '../ledger/certificate.ts';
import { decodeHeader } from '../ledger/entry.ts';
import { equalBytes } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { frontierAt } from '../ledger/merkle.ts';
import { peakNodes } from '../store/pruned-nodes.ts';
import type { Pruning, Store } from '../store/store.ts';
import { indexRowsOf } from './log-rows.ts';

/** Blocks of one step, so that votes wait no longer for it than for a block. */
export const pruneStepBlocks = 16;

type Log = Pick<Store, 'base' | 'block' | 'entry' | 'entries' | 'node'>;

export function headerAt(store: Pick<Store, 'block' | 'entry'>, height: number): Header {
  return decodeHeader(headerBytesAt(store, height));
}

/** [R4] Of a block that is held or that stays for its header: a store cannot know that one of those is lost. */
export function headerBytesAt(store: Pick<Store, 'block' | 'entry'>, height: number): Uint8Array {
  const row = store.block(height);
  const bytes = row === undefined ? undefined : store.entry(row.headerIndex);
  if (bytes === undefined) throw new DivergedRecord(`the header of height ${height} is missing`);
  return bytes;
}

/** The same of its certificate. */
export function certificateAt(store: Pick<Store, 'certificate'>, height: number): CommitCertificate {
  const certificate = store.certificate(height);
  if (certificate === undefined) throw new DivergedRecord(`the certificate of height ${height} is missing`);
  return certificate;
}

/**
 * The last height that a snapshot at `head` need not hold: every use of a reference within the window stays. At least
 * `keepBlocksMin` blocks stay, for those who are only a little behind.
 */
export function baseHeightFor(
  store: Log,
  head: { readonly height: number; readonly timestamp: number },
  windowMs: number,
  keepBlocksMin: number,
): number {
  const first = store.base().height;
  let [low, high] = [first, Math.max(first, head.height - Math.max(1, keepBlocksMin))];
  // Timestamps grow with height.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (head.timestamp - headerAt(store, middle).timestamp > windowMs) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The next step towards a base at `to`, or undefined when it is reached. */
export function pruningStep(store: Log, to: number): Pruning | undefined {
  const from = store.base();
  const last = Math.min(to, from.height + pruneStepBlocks);
  if (last <= from.height) return undefined;
  const kept = [last, ...(from.height > 0 && changesSet(headerAt(store, from.height)) ? [from.height] : [])];
  const transactions: Pruning['transactions'][number][] = [];
  const references: Pruning['references'][number][] = [];
  for (let height = from.height + 1; height <= last; height++) {
    const row = store.block(height);
    assert(row !== undefined, `block ${height} is held`);
    const header = headerAt(store, height);
    if (height < last && changesSet(header)) kept.push(height);
    const rows = indexRowsOf(store.entries(row.firstIndex, row.headerIndex), row.firstIndex, header.timestamp);
    transactions.push(...rows.transactions.map(([id]) => id));
    references.push(...rows.references);
  }
  const row = store.block(last);
  assert(row !== undefined, `block ${last} is held`);
  const base = { height: last, digest: row.digest, logSize: row.headerIndex + 1 };
  const hashes = frontierAt((level, index) => store.node(level, index), base.logSize).toHashes();
  return { base, peaks: peakNodes(base.logSize, hashes), kept, transactions, references };
}

export function changesSet({ validatorSetHash, nextValidatorSetHash }: Header): boolean {
  return !equalBytes(validatorSetHash, nextValidatorSetHash);
}
