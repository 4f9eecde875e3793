// All starts of this store under a vote key, however many (rule R5): the latest 32 stand in the claim itself, each 32nd
// leaves a row of those up to it. So a store tells a claim of its own past from one of another store with its key.
import { type Claim, isOf, readClaim, sessionsMax } from './ledger/claim.ts';
import { type ClaimStore, type StartsRow, StoreError } from './store/store.ts';

type Claimed = Omit<Claim, 'signature'>;

/** What the next start claims. */
export function nextStart(store: ClaimStore, voteKey: Uint8Array, session: Uint8Array): Claimed {
  const last = readClaim(store.claim(voteKey));
  return { start: (last?.start ?? 0) + 1, sessions: [session, ...(last?.sessions ?? [])].slice(0, sessionsMax) };
}

/**
 * What is to be durable together with that claim; undefined if the rows have it. Throws StoreError where the latest of
 * them is damaged: this start would count on what is not there.
 */
export function rowFor(store: ClaimStore, voteKey: Uint8Array, claimed: Claimed): StartsRow | undefined {
  const { start, sessions } = claimed;
  const back = start % sessionsMax;
  const last = start - back;
  if (last === 0 || (back > 0 && store.starts(voteKey, last) !== undefined)) return undefined;
  // Where an earlier version has counted there is no row before, and this claim says all that is known.
  const since = store.starts(voteKey, last - sessionsMax)?.since ?? start - sessions.length + 1;
  return { last, sessions: sessions.slice(back), since };
}

/** Whether this store has been through another claim of its key. What cannot be read any more is not known. */
export function hasBeenThrough(store: ClaimStore, voteKey: Uint8Array, own: Claim, other: Claim): boolean {
  const back = own.start - other.start;
  if (back < sessionsMax) return isOf(other, own.sessions[back]);
  try {
    const newest = store.starts(voteKey, own.start - (own.start % sessionsMax));
    // By its number alone: no version has kept its session.
    if (newest !== undefined && other.start < newest.since) return true;
    const last = Math.ceil(other.start / sessionsMax) * sessionsMax;
    return isOf(other, store.starts(voteKey, last)?.sessions[last - other.start]);
  } catch (error) {
    if (error instanceof StoreError) return false;
    throw error;
  }
}
