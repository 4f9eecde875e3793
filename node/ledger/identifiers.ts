// The texts by which the ledger names things, as schemas. Members and accounts share one alphabet; names of contracts,
// methods and users another.
import { type Digest, digestBytes, digestOf } from './hash.ts';
import { identifierLengthMax, referenceLengthMax } from './limits.ts';
import { bytes, type Schema, text } from './schema.ts';

/** A member (a branch) or an account: 1-34 of A-Z, 0-9 and '-'. */
export const identifier: Schema<string> = text(1, identifierLengthMax, /^[A-Z0-9-]+$/);
/** A client's name for one operation, unique per member within the reference window (ISO 20022 end-to-end id). */
export const referenceText: Schema<string> = text(1, referenceLengthMax, /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/);
export const name: Schema<string> = text(1, 34, /^[a-z][a-z0-9.-]*$/);
/** First part of the origin of checkpoints: a name without scheme, like daybook.example. */
export const ledgerName: Schema<string> = text(1, 100, /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?:\/[a-z0-9.-]*[a-z0-9])*$/);
export const userName: Schema<string> = text(1, 34, /^[A-Za-z0-9][A-Za-z0-9.-]*$/);
export const currencyCode: Schema<string> = text(3, 3, /^[A-Z]{3}$/);

export const hash: Schema<Uint8Array> = bytes(32);
/** The same 32 bytes, held in memory as text that compares and serves as a key. */
export const digest: Schema<Digest> = { write: digestBytes, read: (value) => digestOf(hash.read(value)) };
export const publicKey: Schema<Uint8Array> = bytes(32);
export const signature: Schema<Uint8Array> = bytes(64);
