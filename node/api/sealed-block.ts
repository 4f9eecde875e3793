// A block's header and certificate as the API gives them, kept for a while: every receipt and event of it shows them.
import { assert } from '../ledger/assert.ts';
import { toBase64 } from '../ledger/base64.ts';
import { certificateSchema } from '../ledger/certificate.ts';
import { decodeHeader } from '../ledger/entry.ts';
import { encodeAs } from '../ledger/schema.ts';
import type { BlockRow, Store } from '../store/store.ts';

export interface SealedBlock {
  /** As the header says: without the header itself. */
  readonly logSize: number;
  readonly timestamp: number;
  /** The header entry. */
  readonly header: string;
  readonly certificate: string;
}

const keptMax = 256;
const kept = new WeakMap<Store, Map<number, SealedBlock>>();

/** Of a block that is durable, which therefore never changes. */
export function sealedBlock(store: Store, { height, headerIndex }: BlockRow): SealedBlock {
  let blocks = kept.get(store);
  if (blocks === undefined) {
    blocks = new Map();
    kept.set(store, blocks);
  }
  const known = blocks.get(height);
  if (known !== undefined) return known;
  const header = store.entry(headerIndex);
  const certificate = store.certificate(height);
  assert(header !== undefined && certificate !== undefined, 'a block is stored with its header and certificate');
  const { logSize, timestamp } = decodeHeader(header);
  const sealed = {
    logSize,
    timestamp,
    header: toBase64(header),
    certificate: toBase64(encodeAs(certificateSchema, certificate)),
  };
  blocks.set(height, sealed);
  for (const old of blocks.keys()) {
    if (blocks.size <= keptMax) break;
    blocks.delete(old);
  }
  return sealed;
}
