// A receipt that outlives this node: an entry as a C2SP tlog-proof under a stable checkpoint that covers it, the first
// one where that is near.
import { inclusionPath } from '../ledger/merkle.ts';
import { encodeReceiptExtra, formatProof } from '../ledger/tlog-proof.ts';
import type { Store } from '../store/store.ts';
import type { LedgerNode } from './ledger-node.ts';

/** Not every block has a checkpoint of its own [K5]; as many later ones are looked at before the newest serves. */
const heightsMax = 64;

/** Undefined while no stable checkpoint covers the entry. The entry must be held here. */
export function proofAt(node: LedgerNode, index: number): string | undefined {
  const { store } = node;
  const entry = store.entry(index);
  if (entry === undefined) return undefined;
  for (const height of heightsFor(store, index)) {
    const checkpoint = store.checkpoint(height);
    const note = node.checkpointAt(height, true);
    if (checkpoint === undefined || note === undefined || checkpoint.size <= index) continue;
    const path = inclusionPath((level, at) => store.node(level, at), index, checkpoint.size);
    const extra = encodeReceiptExtra(entry);
    return Buffer.from(formatProof({ extra, index, path, note })).toString('utf8');
  }
  return undefined;
}

/** Blocks that came while this node caught up, or with a snapshot, have no checkpoints, however many they are [K5]. */
function* heightsFor(store: Store, index: number): Iterable<number> {
  const first = heightOf(store, index);
  const last = Math.min(first + heightsMax, store.head().height);
  for (let height = first; height <= last; height++) yield height;
  yield store.lastCheckpoint()?.height ?? 0;
}

/** Of the block whose entries, its header among them, hold `index`; by halving the heights that are held. */
function heightOf(store: Store, index: number): number {
  let low = store.base().height + 1;
  let high = store.head().height;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((store.block(middle)?.headerIndex ?? 0) < index) low = middle + 1;
    else high = middle;
  }
  return low;
}
