// A block as the API shows it: where it stands in the log, its header entry and the certificate.
import { assert } from '../ledger/assert.ts';
import { certificateSchema } from '../ledger/certificate.ts';
import { decodeHeader } from '../ledger/entry.ts';
import { encodeAs } from '../ledger/schema.ts';
import type { Store } from '../store/store.ts';
import { toBase64 } from './base64.ts';

export interface BlockView {
  readonly height: number;
  readonly digest: string;
  readonly firstIndex: number;
  readonly headerIndex: number;
  readonly timestamp: number;
  /** Without the lines of batches. */
  readonly transactions: number;
  readonly header: string;
  readonly certificate: string;
}

/** Undefined where there is no block; the genesis entry is none, it has neither header nor certificate. */
export function blockView(store: Store, height: number): BlockView | undefined {
  const row = height < 1 ? undefined : store.block(height);
  if (row === undefined) return undefined;
  const entries = store.entries(row.firstIndex, row.headerIndex + 1);
  const header = entries.pop();
  const certificate = store.certificate(height);
  assert(header !== undefined && certificate !== undefined, 'a block is stored with its header and certificate');
  return {
    height,
    digest: row.digest,
    firstIndex: row.firstIndex,
    headerIndex: row.headerIndex,
    timestamp: decodeHeader(header).timestamp,
    // An entry is a CBOR array of up to 23 items: one byte of head, then its kind as one byte (ledger/entry.ts).
    transactions: entries.filter((entry) => entry[1] === 1).length,
    header: toBase64(header),
    certificate: toBase64(encodeAs(certificateSchema, certificate)),
  };
}
