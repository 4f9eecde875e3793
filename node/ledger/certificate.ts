// A commit certificate: a quorum of Commit signatures for one (epoch, view, height, digest). It is all that anyone
// needs to believe a block, and it is judged by the validator set of its own height.
import { digest, signature } from './identifiers.ts';
import { validatorsMax } from './limits.ts';
import { integer, list, record, type Schema, uint } from './schema.ts';
import { verify } from './signature.ts';
import { quorumOf, type ValidatorSet } from './validators.ts';
import { type VoteKind, type VotePosition, voteMessage } from './vote.ts';

/** One validator's signature in a certificate; `validator` is its index in the set. */
export const signerSchema = record({ validator: integer(0, validatorsMax - 1), signature });
export interface Signer {
  readonly validator: number;
  readonly signature: Uint8Array;
}

export interface CommitCertificate extends VotePosition {
  /** Exactly a quorum, ascending by validator index. */
  readonly signers: readonly Signer[];
}

export const certificateSchema: Schema<CommitCertificate> = record({
  epoch: uint,
  view: uint,
  height: uint,
  digest,
  signers: list(signerSchema, 1, validatorsMax),
});

/**
 * Decides whether a signature is the key's over the message; a caller may put one that remembers in `verify`'s place.
 */
export type SignatureCheck = typeof verify;

/** What is wrong with a set of signatures for one position, or undefined. Indexes first: they are cheap. */
export function signersProblem(
  kind: VoteKind,
  chainId: Uint8Array,
  position: VotePosition,
  signers: readonly Signer[],
  set: ValidatorSet,
  check: SignatureCheck = verify,
): string | undefined {
  let previous = -1;
  for (const { validator } of signers) {
    if (validator <= previous) return 'signers are not ascending';
    if (validator >= set.length) return `no validator ${validator}`;
    previous = validator;
  }
  const message = voteMessage(kind, chainId, position);
  for (const { validator, signature: bytes } of signers) {
    const member = set[validator];
    if (member === undefined || !check(message, bytes, member.voteKey))
      return `the ${kind} signature of ${member?.id ?? `validator ${validator}`} does not verify`;
  }
  return undefined;
}

/** What is wrong with a commit certificate under the set of its height, or undefined. */
export function certificateProblem(
  certificate: CommitCertificate,
  chainId: Uint8Array,
  set: ValidatorSet,
  check: SignatureCheck = verify,
): string | undefined {
  const { size } = quorumOf(set.length);
  if (certificate.signers.length !== size)
    return `${certificate.signers.length} signatures where a quorum is exactly ${size}`;
  return signersProblem('commit', chainId, certificate, certificate.signers, set, check);
}
