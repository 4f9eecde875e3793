// Evidence: two statements of one validator that no honest one signs both, restarts included (A1 and A2 of
// docs/consensus.md). It is the least by which anybody can judge it offline: the signed fields and both signatures;
// whose key it is, the validator set of its epoch says.
import { type SignatureCheck, signersProblem } from './certificate.ts';
import { originOf } from './checkpoint.ts';
import type { Value } from './codec.ts';
import { type CosignatureContradiction, contradictionProblem, secondsMax, type TimedSignature } from './cosignature.ts';
import { type Digest, digestOf } from './hash.ts';
import { digest, ledgerName, signature } from './identifiers.ts';
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

export interface VoteEvidence {
  readonly type: 0;
  readonly epoch: number;
  /** Index of the accused in the epoch's set. */
  readonly validator: number;
  /** By view, then height, kind and digest, so that a pair has one form. */
  readonly first: Statement;
  readonly second: Statement;
}

/** Two cosignatures [K7]: one size under one log's name, and two roots. */
export interface CosignatureEvidence {
  readonly type: 1;
  /** Whose set has the audit key that signed both. */
  readonly epoch: number;
  readonly validator: number;
  /** Of the ledger, as the origin of its checkpoints begins. */
  readonly name: string;
  readonly size: number;
  /** By root, so that a pair has one form. */
  readonly first: CosignedRoot;
  readonly second: CosignedRoot;
}

export interface CosignedRoot extends TimedSignature {
  readonly root: Digest;
}

export type Evidence = VoteEvidence | CosignatureEvidence;

const statementSchema: Schema<Statement> = record({
  kind: oneOf(voteKinds),
  view: uint,
  height: uint,
  digest,
  signature,
});

const accused = { epoch: uint, validator: integer(0, validatorsMax - 1) } as const;
const voteEvidence: Schema<VoteEvidence> = record({
  type: literal(0),
  ...accused,
  first: statementSchema,
  second: statementSchema,
});
const rootSchema: Schema<CosignedRoot> = record({ root: digest, time: integer(0, secondsMax), signature });
const cosignatureEvidence: Schema<CosignatureEvidence> = record({
  type: literal(1),
  ...accused,
  name: ledgerName,
  size: uint,
  first: rootSchema,
  second: rootSchema,
});

export const evidenceSchema: Schema<Evidence> = {
  write: (evidence) => (evidence.type === 0 ? voteEvidence.write(evidence) : cosignatureEvidence.write(evidence)),
  read(value) {
    const type = Array.isArray(value) ? (value as readonly Value[])[0] : undefined;
    return type === 1 ? cosignatureEvidence.read(value) : voteEvidence.read(value);
  },
};

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
export function evidenceOf(epoch: number, validator: number, a: Statement, b: Statement): VoteEvidence {
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

/** A pair of cosignatures as evidence, in its one form. */
export function cosignatureEvidenceOf(
  epoch: number,
  name: string,
  { first, second }: CosignatureContradiction,
): CosignatureEvidence {
  const { validator, size } = first;
  const [one, other] = first.root <= second.root ? [first, second] : [second, first];
  return { type: 1, epoch, validator, name, size, first: rootOf(one), second: rootOf(other) };
}

function rootOf({ root, time, signature }: CosignedRoot): CosignedRoot {
  return { root, time, signature };
}

/** [A2] What is wrong with evidence under the set of its epoch, or undefined. Signatures last: they cost the most. */
export function evidenceProblem(
  evidence: Evidence,
  chainId: Uint8Array,
  set: ValidatorSet,
  check?: SignatureCheck,
): string | undefined {
  if (evidence.validator >= set.length) return `no validator ${evidence.validator}`;
  return evidence.type === 0
    ? votesProblem(evidence, chainId, set, check)
    : cosignaturesProblem(evidence, chainId, set, check);
}

function cosignaturesProblem(
  { name, size, validator, first, second }: CosignatureEvidence,
  chainId: Uint8Array,
  set: ValidatorSet,
  check?: SignatureCheck,
): string | undefined {
  if (first.root > second.root) return 'the cosignatures are not in order';
  const origin = originOf({ ledger: name, chainId: digestOf(chainId) });
  const pair = { first: { validator, size, ...first }, second: { validator, size, ...second } };
  return contradictionProblem(origin, pair, set, check);
}

function votesProblem(
  { epoch, validator, first, second }: VoteEvidence,
  chainId: Uint8Array,
  set: ValidatorSet,
  check?: SignatureCheck,
): string | undefined {
  if (compare(first, second) > 0) return 'the statements are not in order';
  if (!contradict(first, second)) return 'an honest validator may sign both';
  for (const { kind, signature: bytes, ...place } of [first, second]) {
    const signers = [{ validator, signature: bytes }];
    const problem = signersProblem(kind, chainId, { epoch, ...place }, signers, set, check);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
