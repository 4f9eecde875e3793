// A validator's word that one of its starts is the present one: the number of the start and a random session, signed by
// the vote key. Two claims of one key tell an older copy of a store, or a second process, from the first (rule R5).
import { hash, signature } from './identifiers.ts';
import { bytes, encodeAs, integer, record, type Schema } from './schema.ts';
import { taggedMessage } from './tagged.ts';

export interface Claim {
  /** Starts of this store so far, from 1. */
  readonly start: number;
  /** Drawn at the start. */
  readonly session: Uint8Array;
  readonly signature: Uint8Array;
}

export const sessionBytes = 16;
const start = integer(1, Number.MAX_SAFE_INTEGER);
const session = bytes(sessionBytes);
const signedSchema = record({ chainId: hash, start, session });
export const claimSchema: Schema<Claim> = record({ start, session, signature });

export function claimMessage(chainId: Uint8Array, claim: Omit<Claim, 'signature'>): Uint8Array {
  return taggedMessage('daybook/claim/v1', encodeAs(signedSchema, { ...claim, chainId }));
}
