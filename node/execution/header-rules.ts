// What a header must say before its block is worth executing: everything but the roots, which only execution gives. The
// clock is not asked here; the driver compares a first proposal's timestamp with it.
import { type CommitCertificate, certificateProblem, certificateSchema } from '../ledger/certificate.ts';
import { type Digest, digestBytes, equalBytes } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { encodeAs } from '../ledger/schema.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import type { Head } from '../store/store.ts';

/** Rules of a block, by name, in the order in which they are checked. */
export const blockRules = [
  'header',
  'chain',
  'epoch',
  'height',
  'parent',
  'timestamp',
  'proposer',
  'validator-set',
  'last-commit',
  'limits',
  'evidence',
  'transaction',
  'log-size',
  'log-root',
  'state-root',
  'next-validator-set',
  'entries',
] as const;
export type BlockRule = (typeof blockRules)[number];

/** Why a block is invalid: the rule that it breaks, and a sentence for people. */
export interface BlockProblem {
  readonly rule: BlockRule;
  readonly detail: string;
}

export interface HeaderGround {
  readonly chainId: Uint8Array;
  readonly head: Head;
  /** Of the block's own height. */
  readonly epoch: number;
  readonly validators: ValidatorSet;
  readonly validatorSetHash: Digest;
  /** Those that certify the head. */
  readonly parentEpoch: number;
  readonly parentValidators: ValidatorSet;
  /** A certificate of the head that was found good already: the same bytes are not verified again. */
  readonly trusted: CommitCertificate | undefined;
}

export function headerProblem(header: Header, ground: HeaderGround): BlockProblem | undefined {
  const { head, validators, validatorSetHash } = ground;
  const setHash = digestBytes(validatorSetHash);
  const problem = (rule: BlockRule, detail: string): BlockProblem => ({ rule, detail });
  if (!equalBytes(header.chainId, ground.chainId)) return problem('chain', 'the block is of another chain');
  if (header.epoch !== ground.epoch)
    return problem('epoch', `epoch ${header.epoch} where this is epoch ${ground.epoch}`);
  if (header.height !== head.height + 1)
    return problem('height', `height ${header.height} does not follow ${head.height}`);
  if (!equalBytes(header.parent, digestBytes(head.digest))) return problem('parent', 'the parent is not the head');
  if (header.timestamp <= head.timestamp) return problem('timestamp', "the timestamp is not after the parent's");
  if (header.proposer >= validators.length) return problem('proposer', `there is no validator ${header.proposer}`);
  if (!equalBytes(header.validatorSetHash, setHash))
    return problem('validator-set', 'the validator set is not the one in force');
  const detail = lastCommitProblem(header.lastCommit, ground);
  return detail === undefined ? undefined : problem('last-commit', detail);
}

function lastCommitProblem(lastCommit: CommitCertificate | undefined, ground: HeaderGround): string | undefined {
  const { head, trusted } = ground;
  if (head.height === 0) return lastCommit === undefined ? undefined : 'a certificate where genesis has none';
  if (lastCommit === undefined) return 'the certificate of the parent is missing';
  const isForParent =
    lastCommit.epoch === ground.parentEpoch && lastCommit.height === head.height && lastCommit.digest === head.digest;
  if (!isForParent) return 'the certificate is not for the parent';
  const bytes = encodeAs(certificateSchema, lastCommit);
  if (trusted !== undefined && equalBytes(bytes, encodeAs(certificateSchema, trusted))) return undefined;
  return certificateProblem(lastCommit, ground.chainId, ground.parentValidators);
}
