// What a validator finds in its store when it starts: whether the vote record is what this key signed last [R1, R3].
import { type Block, blockSchema } from './consensus/messages.ts';
import { decodeRecord, firstRecord, type VoteRecord } from './consensus/record.ts';
import type { Digest } from './ledger/hash.ts';
import { decodeAs } from './ledger/schema.ts';
import type { Store } from './store/store.ts';

/** The stored record; a missing or contradicting one means that this validator may have forgotten votes [R3]. */
export function voteRecordOf(store: Store, epoch: number): { record: VoteRecord; amnesia: string | undefined } {
  const stored = store.voteRecord();
  const { height } = store.head();
  if (stored === undefined) return { record: firstRecord(height + 1, epoch), amnesia: 'the vote record is missing' };
  const record = decodeRecord(stored);
  if (record.epoch !== epoch)
    return {
      record: firstRecord(height + 1, epoch),
      amnesia: `the vote record is of epoch ${record.epoch}, the chain is in ${epoch}`,
    };
  const amnesia =
    record.height === height + 1
      ? undefined
      : `the vote record is for height ${record.height}, the chain has ${height}`;
  return { record: { ...record, height: height + 1 }, amnesia };
}

/** Bodies that the record's votes are for. */
export function bodiesOf(store: Store, record: VoteRecord): Map<Digest, Block> {
  const bodies = new Map<Digest, Block>();
  for (const digest of record.bodies) {
    const encoded = store.body(digest);
    if (encoded !== undefined) bodies.set(digest, decodeAs(blockSchema, encoded));
  }
  return bodies;
}
