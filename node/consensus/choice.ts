// What a set of ViewChanges makes of the next view: the base that is committed, and the block that the height after it
// must have. Pure; everyone computes it from the same messages [V5].
import type { CommitCertificate } from '../ledger/certificate.ts';
import type { Committed, PreparedCertificate, ViewChange } from './messages.ts';

export interface Choice {
  readonly base: Committed;
  /** The prepared certificate whose block stands at base+1 in the new view. */
  readonly fixed: PreparedCertificate | undefined;
}

/** More than f validators lied: two certificates that cannot both be. */
export interface Contradiction {
  readonly reason: string;
  readonly certificates: readonly CommitCertificate[];
}

export function chooseFrom(viewChanges: readonly ViewChange[]): Choice | Contradiction {
  let base: Committed = { height: -1, digest: '' as Committed['digest'], certificate: undefined };
  for (const { committed } of viewChanges) {
    if (committed.height > base.height) base = committed;
    else if (committed.height === base.height && committed.digest !== base.digest)
      return {
        reason: `two blocks are certified at height ${base.height}`,
        certificates: [base.certificate, committed.certificate].filter((each) => each !== undefined),
      };
  }
  let fixed: PreparedCertificate | undefined;
  for (const { prepared } of viewChanges) {
    if (prepared === undefined || prepared.height !== base.height + 1) continue;
    if (fixed === undefined || prepared.view > fixed.view) fixed = prepared;
    else if (prepared.view === fixed.view && prepared.digest !== fixed.digest)
      return {
        reason: `two blocks are prepared at height ${prepared.height} in view ${prepared.view}`,
        certificates: [],
      };
  }
  return { base, fixed };
}

export function signersOf({ signers }: CommitCertificate): number[] {
  return signers.map(({ validator }) => validator);
}

/** Validators that hold the body behind a prepared certificate, if they are honest. */
export function holdersOf(prepared: PreparedCertificate): number[] {
  return [prepared.prePrepare, ...prepared.prepares].map(({ validator }) => validator);
}
