// What makes a message believable, the nested ones of a view change too: every signature in it, and all that can be
// judged without the receiver's own state. Cheap fields go before signatures; one bad part condemns the whole message.
import {
  type Committed,
  type CommittedNotice,
  type Message,
  type NewView,
  type PrePrepare,
  type PreparedCertificate,
  positionOf,
  type ViewChange,
} from '../consensus/messages.ts';
import { certificateProblem, type SignatureCheck, signersProblem } from '../ledger/certificate.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeHeader, headerDigest } from '../ledger/entry.ts';
import { type Digest, digestOf, equalBytes } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { verify } from '../ledger/signature.ts';
import { quorumOf, type ValidatorSet } from '../ledger/validators.ts';
import type { VoteKind, VotePosition } from '../ledger/vote.ts';

/** Under what a message is judged: the chain, and the set of the epoch. */
export interface Jurisdiction {
  readonly chainId: Uint8Array;
  readonly epoch: number;
  readonly validators: ValidatorSet;
  /** [E4] The block that the epoch begins after; genesis if absent. */
  readonly base?: { readonly height: number; readonly digest: Digest } | undefined;
  /** Of signatures; one that remembers may stand here. */
  readonly check?: SignatureCheck;
}

/** What is wrong with a message, whoever of the epoch receives it. */
export function messageProblem(message: Message, under: Jurisdiction): string | undefined {
  switch (message.type) {
    case 'pre-prepare':
      return prePrepareProblem(message, under);
    case 'prepare':
    case 'commit':
      return signatureProblem(message.type, message, message.validator, message.signature, under);
    case 'view-change':
      return viewChangeProblem(message, under);
    case 'new-view':
      return newViewProblem(message, under);
    case 'status': {
      const { heard } = message;
      return heard && signatureProblem(heard.kind, heard, heard.validator, heard.signature, under);
    }
    case 'committed':
      return (
        noticeProblem(message, under) ??
        certificateProblem(message.certificate, under.chainId, under.validators, under.check)
      );
  }
}

function baseOf({ base, chainId }: Jurisdiction): { readonly height: number; readonly digest: Digest } {
  return base ?? { height: 0, digest: digestOf(chainId) };
}

/** [E5] A header must name another set than this epoch's. */
function noticeProblem({ header, certificate }: CommittedNotice, under: Jurisdiction): string | undefined {
  if (certificate.height <= baseOf(under).height) return `a certificate for height ${certificate.height}`;
  if (header === undefined) return undefined;
  const named = headerOf(header);
  if (named === undefined) return 'no header';
  if (named.height !== certificate.height || headerDigest(header) !== certificate.digest)
    return 'a certificate of another block';
  if (named.epoch !== under.epoch || named.height <= baseOf(under).height) return `a header of epoch ${named.epoch}`;
  return equalBytes(named.validatorSetHash, named.nextValidatorSetHash) ? 'a header that changes nothing' : undefined;
}

function headerOf(encoded: Uint8Array): Header | undefined {
  try {
    return decodeHeader(encoded);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function prePrepareProblem(message: PrePrepare, under: Jurisdiction): string | undefined {
  const { view, validator, digest, block } = message;
  if (validator !== view % under.validators.length) return `validator ${validator} is not the primary of view ${view}`;
  if (headerDigest(block.header) !== digest) return 'the header has another digest';
  return signatureProblem('pre-prepare', message, validator, message.signature, under);
}

export function signatureProblem(
  kind: VoteKind,
  position: VotePosition,
  validator: number,
  signature: Uint8Array,
  under: Jurisdiction,
): string | undefined {
  return signersProblem(kind, under.chainId, position, [{ validator, signature }], under.validators, checkOf(under));
}

/** [P2] [Q2] A quorum of distinct signers, the primary's PrePrepare counting as its Prepare. */
export function preparedProblem(prepared: PreparedCertificate, under: Jurisdiction): string | undefined {
  const { epoch, view, prePrepare, prepares } = prepared;
  const { size } = quorumOf(under.validators.length);
  if (epoch !== under.epoch) return `a prepared certificate of epoch ${epoch}`;
  const primary = view % under.validators.length;
  if (prePrepare.validator !== primary) return `validator ${prePrepare.validator} is not the primary of view ${view}`;
  if (prepares.length !== size - 1) return `${prepares.length} Prepares where there must be ${size - 1}`;
  if (prepares.some(({ validator }) => validator === primary)) return 'the primary prepares its own proposal';
  return (
    signersProblem('prepare', under.chainId, prepared, prepares, under.validators, checkOf(under)) ??
    signatureProblem('pre-prepare', prepared, primary, prePrepare.signature, under)
  );
}

/** [V2] [V3] Everything but whether this replica wants it. */
export function viewChangeProblem(message: ViewChange, under: Jurisdiction): string | undefined {
  const { epoch, view, validator, committed, prepared } = message;
  if (epoch !== under.epoch) return `a ViewChange of epoch ${epoch}`;
  if (view === 0) return 'a ViewChange for view 0';
  if (validator >= under.validators.length) return `no validator ${validator}`;
  if (prepared !== undefined) {
    if (prepared.height !== committed.height + 1)
      return `prepared at height ${prepared.height} after committed height ${committed.height}`;
    if (prepared.view >= view) return `prepared in view ${prepared.view}, not below view ${view}`;
  }
  return (
    committedFormProblem(committed, under) ??
    signatureProblem('view-change', positionOf(message), validator, message.signature, under) ??
    (committed.certificate &&
      certificateProblem(committed.certificate, under.chainId, under.validators, under.check)) ??
    (prepared && preparedProblem(prepared, under))
  );
}

/** [E4] The base needs no certificate: everyone of the epoch has it. Any other block needs its own. */
function committedFormProblem(committed: Committed, under: Jurisdiction): string | undefined {
  const { height, digest, certificate } = committed;
  const base = baseOf(under);
  if (height < base.height) return `height ${height}, which is of an epoch before`;
  if (height === base.height) {
    if (certificate !== undefined) return `a certificate for height ${height}`;
    return digest === base.digest ? undefined : `height ${height} of another chain`;
  }
  if (certificate === undefined) return `no certificate for height ${height}`;
  if (certificate.epoch !== under.epoch) return `a commit certificate of epoch ${certificate.epoch}`;
  if (certificate.height !== height || certificate.digest !== digest) return 'a certificate for another block';
  return undefined;
}

/** [V4] Exactly a quorum of valid ViewChanges for this view, ascending by validator, under the primary's signature. */
export function newViewProblem(message: NewView, under: Jurisdiction): string | undefined {
  const { epoch, view, validator, viewChanges } = message;
  if (epoch !== under.epoch) return `a NewView of epoch ${epoch}`;
  if (view === 0) return 'a NewView for view 0';
  if (validator !== view % under.validators.length) return `validator ${validator} is not the primary of view ${view}`;
  const { size } = quorumOf(under.validators.length);
  if (viewChanges.length !== size) return `${viewChanges.length} ViewChanges where a quorum is exactly ${size}`;
  let previous = -1;
  for (const each of viewChanges) {
    if (each.validator <= previous) return 'ViewChanges are not ascending';
    if (each.epoch !== epoch || each.view !== view) return 'a ViewChange for another view';
    previous = each.validator;
  }
  const problem = signatureProblem('new-view', positionOf(message), validator, message.signature, under);
  if (problem !== undefined) return problem;
  for (const each of viewChanges) {
    const inner = viewChangeProblem(each, under);
    if (inner !== undefined) return `the ViewChange of validator ${each.validator}: ${inner}`;
  }
  return undefined;
}

function checkOf(under: Jurisdiction): SignatureCheck {
  return under.check ?? verify;
}
