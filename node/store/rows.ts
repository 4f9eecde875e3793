// The forms of the stored records that are not plain bytes, as canonical CBOR. Certificates are stored in the ledger's
// own form. It loads no signature engine: the preflight's child reads the head with it and must start fast.
import { sessionBytes, sessionsMax } from '../ledger/claim.ts';
import { DecodeError } from '../ledger/codec.ts';
import { type Digest, digestBytes, digestOf } from '../ledger/hash.ts';
import { hash, name } from '../ledger/identifiers.ts';
import { batchLinesMax, timestampMax } from '../ledger/limits.ts';
import { bytes, decodeAs, encodeAs, integer, list, record, type Schema, uint } from '../ledger/schema.ts';
import { damaged, nodeKey, numberKey, seal, singleKey, unseal } from './keys.ts';
import type { BlockRow, Head, LogBase, ReferenceRow, StartsRow, StoreIdentity } from './store.ts';

/** The layout of keys and records. Another number in a folder means that another version wrote it. */
export const storeFormat = 1;

/** A 32-byte hash that is held as a Digest. */
const digest: Schema<Digest> = {
  write: (value) => digestBytes(value),
  read: (value) => digestOf(hash.read(value)),
};

export const identityRow: Schema<StoreIdentity> = record({ chainId: digest, validator: name, format: uint });
export const headRow: Schema<Head> = record({
  height: uint,
  digest,
  logSize: uint,
  timestamp: integer(0, timestampMax),
  peaks: list(hash, 1, 53),
  stateRoot: digest,
});
export const baseRow: Schema<LogBase> = record({ height: uint, digest, logSize: uint });
export const blockRow: Schema<BlockRow> = record({ height: uint, digest, firstIndex: uint, headerIndex: uint });
export const indexRow: Schema<number> = uint;
export const sessionRow: Schema<Uint8Array> = bytes(16);
export const startsRow: Schema<Omit<StartsRow, 'last'>> = record({
  since: uint,
  sessions: list(bytes(sessionBytes), 1, sessionsMax),
});

type ReferenceValue = Omit<ReferenceRow, 'member' | 'reference'>;
export const referenceRow: Schema<ReferenceValue> = record({
  index: uint,
  time: integer(0, timestampMax),
  transaction: digest,
  line: integer(0, batchLinesMax),
});

export function encodeRow<T>(key: Buffer, schema: Schema<T>, value: T): Buffer {
  return seal(key, encodeAs(schema, value));
}

/** Throws StoreError. The sum holds, so bytes of another form were written by another version or by a bug. */
export function decodeRow<T>(key: Buffer, schema: Schema<T>, value: Uint8Array): T {
  const payload = unseal(key, value);
  try {
    return decodeAs(schema, payload);
  } catch (error) {
    if (error instanceof DecodeError) throw damaged(key, `its bytes have another form (${error.message})`);
    throw error;
  }
}

/** The records that an opened store is checked by: those of the tip. The same ones are read by every start. */
export function tipKeys(head: Head): Buffer[] {
  const keys = [
    ...(['identity', 'session', 'vote', 'cosigned'] as const).map(singleKey),
    ...(['block', 'certificate'] as const).map((table) => numberKey(table, head.height)),
    numberKey('entry', head.logSize - 1),
  ];
  for (const size of [head.logSize - 1, head.logSize]) keys.push(...peakKeys(size));
  return keys;
}

function peakKeys(size: number): Buffer[] {
  const keys: Buffer[] = [];
  let rest = size;
  for (let level = 0; rest > 0; level++) {
    if (rest % 2 === 1) keys.push(nodeKey(level, rest - 1));
    rest = Math.floor(rest / 2);
  }
  return keys;
}
