// A block as the API shows it: where it stands in the log, its header entry and the certificate.
import type { Value } from '../ledger/codec.ts';
import { decodeEntry } from '../ledger/entry.ts';
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
  /** Id of the validator that evidence in this block accuses. */
  readonly accused?: string;
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
  const entries = store.entries(firstIndex, headerIndex);
  const transactions = entries.filter((entry) => entry[1] === 1).length;
  const accused = accusedIn(entries[0]);
  return { height, digest, firstIndex, headerIndex, timestamp, transactions, ...accused, header, certificate };
}

/** Evidence is the first entry of its block, and its event ends with the id. */
function accusedIn(bytes: Uint8Array | undefined): { readonly accused?: string } {
  const entry = bytes?.[1] === 4 ? decodeEntry(bytes) : undefined;
  const payload = entry?.kind === 4 ? entry.events[0]?.payload : undefined;
  const id = Array.isArray(payload) ? (payload as readonly Value[])[1] : undefined;
  return typeof id === 'string' ? { accused: id } : {};
}
