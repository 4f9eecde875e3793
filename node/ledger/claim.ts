// A validator's word that one of its starts is the present one: the number of the start and the random sessions of the
// latest ones, signed by the vote key. Two claims of which neither knows the other tell an older copy of a store, or a
// second process, from the first (rule R5).
import { equalBytes } from './hash.ts';
import { hash, signature } from './identifiers.ts';
import { bytes, encodeAs, integer, list, record, type Schema } from './schema.ts';
import { taggedMessage } from './tagged.ts';

export interface Claim {
  /** Starts of this store so far, from 1. */
  readonly start: number;
  /** Drawn at each start, the latest first. */
  readonly sessions: readonly Uint8Array[];
  readonly signature: Uint8Array;
}

export const sessionBytes = 16;
/** Starts that a claim knows of: one that is further back counts by its number alone. */
export const sessionsMax = 32;
const start = integer(1, Number.MAX_SAFE_INTEGER);
const sessions = list(bytes(sessionBytes), 1, sessionsMax);
const signedSchema = record({ chainId: hash, start, sessions });
export const claimSchema: Schema<Claim> = record({ start, sessions, signature });

export function claimMessage(chainId: Uint8Array, claim: Omit<Claim, 'signature'>): Uint8Array {
  return taggedMessage('daybook/claim/v1', encodeAs(signedSchema, { ...claim, chainId }));
}

/** Whether a claim is the other one, or of a store that has been through it. */
export function knows(claim: Claim, other: Claim): boolean {
  const back = claim.start - other.start;
  if (back < 0) return false;
  const [theirs] = other.sessions;
  const own = claim.sessions[back];
  return own === undefined ? back >= sessionsMax : theirs !== undefined && equalBytes(own, theirs);
}
