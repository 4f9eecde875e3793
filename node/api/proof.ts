// A receipt that outlives this node: an entry as a C2SP tlog-proof under the first stable checkpoint that covers it.
import { inclusionPath } from '../ledger/merkle.ts';
import { encodeReceiptExtra, formatProof } from '../ledger/tlog-proof.ts';
import type { Store } from '../store/store.ts';
import type { LedgerNode } from './ledger-node.ts';

/** Not every block has a checkpoint of its own; as many later ones are looked at. */
const heightsMax = 64;

/** Undefined while no stable checkpoint covers the entry. The entry must be held here. */
export function proofAt(node: LedgerNode, index: number): string | undefined {
  const { store } = node;
  const entry = store.entry(index);
  if (entry === undefined) return undefined;
  const first = heightOf(store, index);
  const last = Math.min(first + heightsMax, store.head().height);
  for (let height = first; height <= last; height++) {
    const checkpoint = store.checkpoint(height);
    const note = node.checkpointAt(height, true);
    if (checkpoint === undefined || note === undefined) continue;
    const path = inclusionPath((level, at) => store.node(level, at), index, checkpoint.size);
    const extra = encodeReceiptExtra(entry);
    return Buffer.from(formatProof({ extra, index, path, note })).toString('utf8');
  }
  return undefined;
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
