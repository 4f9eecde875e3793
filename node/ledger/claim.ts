// A validator's word that one of its starts is the present one: the number of the start and the random sessions of the
// latest ones, signed by the vote key. Two claims of which neither knows the other tell an older copy of a store, or a
// second process, from the first (rule R5).
import { DecodeError } from './decode-error.ts';
import { equalBytes } from './hash.ts';
import { hash, signature } from './identifiers.ts';
import { bytes, decodeAs, encodeAs, integer, list, record, type Schema } from './schema.ts';
import { taggedMessage } from './tagged.ts';

export interface Started {
  readonly start: number;
  readonly session: Uint8Array;
}

export interface Claim {
  /** Starts of this store so far, from 1. */
  readonly start: number;
  /** Drawn at each start, the latest first. */
  readonly sessions: readonly Uint8Array[];
  /** One further back than these, for whoever holds its claim. */
  readonly earlier?: Started | undefined;
  readonly signature: Uint8Array;
}

export const sessionBytes = 16;
/** Starts that every claim knows of. */
export const sessionsMax = 32;
const start = integer(1, Number.MAX_SAFE_INTEGER);
const sessions = list(bytes(sessionBytes), 1, sessionsMax);
const earlier = record({ start, session: bytes(sessionBytes) });
const signedSchema = record({ chainId: hash, start, sessions });
const signedWithEarlier = record({ chainId: hash, start, sessions, earlier });
const plainClaim = record({ start, sessions, signature });
const claimWithEarlier = record({ start, sessions, earlier, signature });

/** Two forms, told apart by their length: most claims need no earlier start. */
export const claimSchema: Schema<Claim> = {
  write: (claim) =>
    claim.earlier === undefined
      ? plainClaim.write(claim)
      : claimWithEarlier.write({ ...claim, earlier: claim.earlier }),
  read: (value) => (Array.isArray(value) && value.length === 4 ? claimWithEarlier.read(value) : plainClaim.read(value)),
};

export function claimMessage(chainId: Uint8Array, claim: Omit<Claim, 'signature'>): Uint8Array {
  const signed = { ...claim, chainId };
  const record =
    claim.earlier === undefined
      ? encodeAs(signedSchema, signed)
      : encodeAs(signedWithEarlier, { ...signed, earlier: claim.earlier });
  return taggedMessage('daybook/claim/v1', record);
}

/** Undefined for bytes of no claim. */
export function readClaim(encoded: Uint8Array | undefined): Claim | undefined {
  try {
    return encoded === undefined ? undefined : decodeAs(claimSchema, encoded);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** Whether a claim is the other one, or says that its store has been through it: number and session are the same. */
export function knows(claim: Claim, other: Claim): boolean {
  const named = claim.earlier?.start === other.start ? claim.earlier.session : undefined;
  return isOf(other, claim.sessions[claim.start - other.start] ?? named);
}

/** Whether a claim is that of the start with this session. */
export function isOf(claim: Claim, session: Uint8Array | undefined): boolean {
  const [own] = claim.sessions;
  return own !== undefined && session !== undefined && equalBytes(own, session);
}
