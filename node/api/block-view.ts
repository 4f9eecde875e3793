// A block as the API shows it: where it stands in the log, its header entry and the certificate.
import type { Store } from '../store/store.ts';
import { sealedBlock } from './sealed-block.ts';

export interface BlockView {
  readonly height: number;
  readonly digest: string;
  readonly firstIndex: number;
  readonly headerIndex: number;
  readonly timestamp: number;
  /** Without the lines of batches; absent where the node keeps nothing of the block but its header. */
  readonly transactions?: number;
  readonly header: string;
  readonly certificate: string;
}

/** Undefined where there is no block; the genesis entry is none, it has neither header nor certificate. */
export function blockView(store: Store, height: number): BlockView | undefined {
  const row = height < 1 ? undefined : store.block(height);
  if (row === undefined) return undefined;
  const { digest, firstIndex, headerIndex } = row;
  const { timestamp, header, certificate } = sealedBlock(store, row);
  if (height <= store.base().height) return { height, digest, firstIndex, headerIndex, timestamp, header, certificate };
  // An entry is a CBOR array of up to 23 items: one byte of head, then its kind as one byte (ledger/entry.ts).
  const transactions = store.entries(firstIndex, headerIndex).filter((entry) => entry[1] === 1).length;
  return { height, digest, firstIndex, headerIndex, timestamp, transactions, header, certificate };
}
