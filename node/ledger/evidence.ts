// Evidence: two statements under one vote key that no honest validator signs both, restarts included (A1 and A2 of
// docs/consensus.md). It is the least by which anybody can judge it offline: the signed fields and both signatures;
// whose key it is, the validator set of its epoch says.
import { type SignatureCheck, signersProblem } from './certificate.ts';
import { digest, signature } from './identifiers.ts';
import { validatorsMax } from './limits.ts';
import { integer, literal, oneOf, record, type Schema, uint } from './schema.ts';
import type { ValidatorSet } from './validators.ts';
import { type VoteKind, type VotePosition, voteKinds } from './vote.ts';

/** Where a signed message stands within its epoch. */
export interface Place extends Omit<VotePosition, 'epoch'> {
  readonly kind: VoteKind;
}

export interface Statement extends Place {
  readonly signature: Uint8Array;
}

export interface Evidence {
  /** Of what: 0 is two votes. */
  readonly type: 0;
  readonly epoch: number;
  /** Index of the accused in the epoch's set. */
  readonly validator: number;
  /** By view, then height, kind and digest, so that a pair has one form. */
  readonly first: Statement;
  readonly second: Statement;
}

const statementSchema: Schema<Statement> = record({
  kind: oneOf(voteKinds),
  view: uint,
  height: uint,
  digest,
  signature,
});

export const evidenceSchema: Schema<Evidence> = record({
  type: literal(0),
  epoch: uint,
  validator: integer(0, validatorsMax - 1),
  first: statementSchema,
  second: statementSchema,
});

/** [A1] Whether no replica that follows the rules signs both, in one epoch and in whatever order. */
export function contradict(a: Place, b: Place): boolean {
  if (a.view !== b.view) {
    const [lower, higher] = a.view < b.view ? [openHeight(a), openHeight(b)] : [openHeight(b), openHeight(a)];
    return lower !== undefined && higher !== undefined && lower > higher;
  }
  const [asked, voted] = a.kind === 'view-change' ? [a, b] : [b, a];
  if (isVote(a) && isVote(b)) return a.height === b.height && a.digest !== b.digest;
  if (a.kind === b.kind) return a.height !== b.height || a.digest !== b.digest;
  return asked.kind === 'view-change' && isVote(voted) && voted.height <= asked.height;
}

function isVote({ kind }: Place): boolean {
  return kind === 'pre-prepare' || kind === 'prepare' || kind === 'commit';
}

/** The height that was open for the signer. A NewView names that of others. */
function openHeight(place: Place): number | undefined {
  if (place.kind === 'new-view') return undefined;
  return place.kind === 'view-change' ? place.height + 1 : place.height;
}

/** Two statements of one validator as evidence, in its one form. */
export function evidenceOf(epoch: number, validator: number, a: Statement, b: Statement): Evidence {
  const [first, second] = compare(a, b) <= 0 ? [a, b] : [b, a];
  return { type: 0, epoch, validator, first: statementOf(first), second: statementOf(second) };
}

function statementOf({ kind, view, height, digest, signature }: Statement): Statement {
  return { kind, view, height, digest, signature };
}

function compare(a: Place, b: Place): number {
  if (a.view !== b.view) return a.view - b.view;
  if (a.height !== b.height) return a.height - b.height;
  if (a.kind !== b.kind) return voteKinds.indexOf(a.kind) - voteKinds.indexOf(b.kind);
  return a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : 0;
}

/** [A2] What is wrong with evidence under the set of its epoch, or undefined. Signatures last: they cost the most. */
export function evidenceProblem(
  evidence: Evidence,
  chainId: Uint8Array,
  set: ValidatorSet,
  check?: SignatureCheck,
): string | undefined {
  const { epoch, validator, first, second } = evidence;
  if (validator >= set.length) return `no validator ${validator}`;
  if (compare(first, second) > 0) return 'the statements are not in order';
  if (!contradict(first, second)) return 'an honest validator may sign both';
  for (const { kind, signature: bytes, ...place } of [first, second]) {
    const signers = [{ validator, signature: bytes }];
    const problem = signersProblem(kind, chainId, { epoch, ...place }, signers, set, check);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
