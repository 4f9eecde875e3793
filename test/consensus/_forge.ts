// Signed messages of any validator, for tests that speak to one replica or lie to several. All of it verifies: what a
// validator with its own key may say, true or not.
import {
  type Committed,
  type CommittedNotice,
  type NewView,
  newViewPosition,
  type PrePrepare,
  type PreparedCertificate,
  type Status,
  type ViewChange,
  type Vote,
  viewChangePosition,
} from '../../node/consensus/messages.ts';
import type { CommitCertificate, Signer } from '../../node/ledger/certificate.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import { type VoteKind, type VotePosition, voteMessage } from '../../node/ledger/vote.ts';
import { chainId, genesis, makeBlock, signAs } from './_chain.ts';

export type Made = ReturnType<typeof makeBlock>;

/** Where a vote stands, in few letters: view 0 and height 1 unless said. */
export interface At {
  readonly epoch?: number;
  readonly view?: number;
  readonly height?: number;
}

export function blockOf(label: string, proposer = 0, parent: Digest = genesis.digest, height = 1): Made {
  return makeBlock({ height, parent, proposer, label });
}

function sign(kind: VoteKind, by: number, position: VotePosition): Uint8Array {
  return signAs(by)(voteMessage(kind, chainId, position));
}

function positionAt(digest: Digest, { epoch = 0, view = 0, height = 1 }: At): VotePosition {
  return { epoch, view, height, digest };
}

export function prePrepare(made: Made, at: At = {}, by = (at.view ?? 0) % 4): PrePrepare {
  const position = positionAt(made.digest, at);
  const signature = sign('pre-prepare', by, position);
  return { type: 'pre-prepare', ...position, validator: by, signature, block: made.block };
}

export function vote(type: Vote['type'], by: number, digest: Digest, at: At = {}): Vote {
  const position = positionAt(digest, at);
  return { type, ...position, validator: by, signature: sign(type, by, position) };
}

function signers(kind: VoteKind, by: readonly number[], position: VotePosition): Signer[] {
  return by.map((validator) => ({ validator, signature: sign(kind, validator, position) }));
}

export function certificate(digest: Digest, by: readonly number[], at: At = {}): CommitCertificate {
  const position = positionAt(digest, at);
  return { ...position, signers: signers('commit', by, position) };
}

export function committed(digest: Digest, by: readonly number[], at: At = {}): Committed {
  return { height: at.height ?? 1, digest, certificate: certificate(digest, by, at) };
}

/** `by` begins with the primary of the view. */
export function prepared(digest: Digest, by: readonly [number, ...number[]], at: At = {}): PreparedCertificate {
  const [primary, ...backups] = by;
  const position = positionAt(digest, at);
  const prePrepare = { validator: primary, signature: sign('pre-prepare', primary, position) };
  return { ...position, prePrepare, prepares: signers('prepare', backups, position) };
}

export function viewChange(
  by: number,
  view: number,
  has: { committed?: Committed; prepared?: PreparedCertificate | undefined } = {},
): ViewChange {
  const unsigned = {
    type: 'view-change' as const,
    epoch: 0,
    view,
    validator: by,
    committed: has.committed ?? genesis,
    prepared: has.prepared,
  };
  return { ...unsigned, signature: sign('view-change', by, viewChangePosition(unsigned)) };
}

export function newView(view: number, viewChanges: readonly ViewChange[], validators = 4): NewView {
  const validator = view % validators;
  const unsigned = { type: 'new-view' as const, epoch: 0, view, validator, viewChanges };
  return { ...unsigned, signature: sign('new-view', validator, newViewPosition(unsigned)) };
}

export function status(by: number, has: Partial<Status> = {}): Status {
  return {
    type: 'status',
    validator: by,
    epoch: 0,
    view: 0,
    mode: 'normal',
    height: 0,
    logSize: 0,
    heard: undefined,
    ...has,
  };
}

/** Of four validators: the NewView of 0, 1 and 2, who all bring the same. */
export function opening(view: number, has: Parameters<typeof viewChange>[2] = {}): NewView {
  const viewChanges = [0, 1, 2].map((by) => viewChange(by, view, has));
  return newView(view, viewChanges);
}

/** Of four validators: the certificate of 0, 1 and 2. */
export function notice(digest: Digest, at: At = {}): CommittedNotice {
  return { type: 'committed', certificate: certificate(digest, [0, 1, 2], at) };
}
