// The messages of PBFT and their bytes. What a field means is here; whether a message may be believed is checked by
// network/inbound.ts before the replica sees it (Verified), and what follows from it is the replica's to say.
import { type CommitCertificate, certificateSchema, type Signer, signerSchema } from '../ledger/certificate.ts';
import { DecodeError, decode, encode, type Value } from '../ledger/codec.ts';
import { type Evidence, evidenceSchema } from '../ledger/evidence.ts';
import { type Digest, digestOf, taggedHash } from '../ledger/hash.ts';
import { digest, signature } from '../ledger/identifiers.ts';
import { blockTransactionsMax, entryBytesMax, transactionBytesMax, validatorsMax } from '../ledger/limits.ts';
import { bytes, integer, list, literal, oneOf, option, record, type Schema, uint } from '../ledger/schema.ts';
import { type VoteKind, type VotePosition, voteKinds } from '../ledger/vote.ts';

/** What a validator votes on: the header's entry bytes, evidence if there is any [A3], the transactions in order. */
export interface Block {
  readonly header: Uint8Array;
  readonly evidence: Evidence | undefined;
  readonly transactions: readonly Uint8Array[];
}

interface Signed extends VotePosition {
  /** Index of the signer in the epoch's set. */
  readonly validator: number;
  readonly signature: Uint8Array;
}

export interface PrePrepare extends Signed {
  readonly type: 'pre-prepare';
  readonly block: Block;
}

export interface Vote extends Signed {
  readonly type: 'prepare' | 'commit';
}

/** [P2] A PrePrepare's signature and Prepares of other validators, a quorum together, ascending by index. */
export interface PreparedCertificate extends VotePosition {
  readonly prePrepare: Signer;
  readonly prepares: readonly Signer[];
}

/** The last block a validator has: at height 0 the chain's genesis, which needs no certificate. */
export interface Committed {
  readonly height: number;
  readonly digest: Digest;
  readonly certificate: CommitCertificate | undefined;
}

/** [V2] Asks for view `view`. Signs `committed.height` and the digest of everything below. */
export interface ViewChange {
  readonly type: 'view-change';
  readonly epoch: number;
  readonly view: number;
  readonly validator: number;
  readonly committed: Committed;
  readonly prepared: PreparedCertificate | undefined;
  readonly signature: Uint8Array;
}

/** [V4] A quorum of ViewChanges for one view, ascending by validator, and nothing else. */
export interface NewView {
  readonly type: 'new-view';
  readonly epoch: number;
  readonly view: number;
  readonly validator: number;
  readonly viewChanges: readonly ViewChange[];
  readonly signature: Uint8Array;
}

/** A signed position without its content: enough to show a validator what it once signed. */
export interface Heard extends Signed {
  readonly kind: VoteKind;
}

/** [C1] Where a validator stands. Not signed: the channel proves the sender, and nothing is decided by it alone. */
export interface Status {
  readonly type: 'status';
  readonly validator: number;
  readonly epoch: number;
  readonly view: number;
  readonly mode: Mode;
  readonly height: number;
  readonly logSize: number;
  /** [R2] The highest message that this sender holds from the receiver's key. */
  readonly heard: Heard | undefined;
}

/** [C3] The answer to a vote for a height that is committed here, and [E5] to a message of an epoch that is over. */
export interface CommittedNotice {
  readonly type: 'committed';
  readonly certificate: CommitCertificate;
  /** [E5] Of the epoch's last block: it names the next set. */
  readonly header?: Uint8Array | undefined;
}

/** A NewView of 100 validators has some 30,000 items. */
const messageItemsMax = 65_536;

/** What stands in its own validator's name. */
export type OwnMessage = PrePrepare | Vote | ViewChange | NewView | Status;

export const modes = ['normal', 'changing'] as const;
export type Mode = (typeof modes)[number];
export type Message = OwnMessage | CommittedNotice;

const index = integer(0, validatorsMax - 1);
const position = { epoch: uint, view: uint, height: uint, digest } as const;

export const blockSchema: Schema<Block> = record({
  header: bytes(1, entryBytesMax),
  evidence: option(evidenceSchema),
  transactions: list(bytes(1, transactionBytesMax), 0, blockTransactionsMax),
});

const signed = { ...position, validator: index, signature } as const;
const prePrepareWire = record({ kind: literal(0), ...signed, block: blockSchema });
const voteWire = record({ kind: literal(1), type: oneOf(['prepare', 'commit']), ...signed });
export const preparedSchema: Schema<PreparedCertificate> = record({
  ...position,
  prePrepare: signerSchema,
  prepares: list(signerSchema, 1, validatorsMax),
});
const committedSchema: Schema<Committed> = record({ height: uint, digest, certificate: option(certificateSchema) });
const viewChangeContent = record({ committed: committedSchema, prepared: option(preparedSchema) });
const viewChangeWire = record({
  kind: literal(2),
  epoch: uint,
  view: uint,
  validator: index,
  committed: committedSchema,
  prepared: option(preparedSchema),
  signature,
});
const newViewWire = record({
  kind: literal(3),
  epoch: uint,
  view: uint,
  validator: index,
  viewChanges: list(viewChangeWire, 1, validatorsMax),
  signature,
});
const heardSchema: Schema<Heard> = record({ kind: oneOf(voteKinds), ...signed });
const statusWire = record({
  kind: literal(4),
  validator: index,
  epoch: uint,
  view: uint,
  mode: oneOf(modes),
  height: uint,
  logSize: uint,
  heard: option(heardSchema),
});
const committedWire = record({
  kind: literal(5),
  certificate: certificateSchema,
  header: option(bytes(1, entryBytesMax)),
});

/** Of what is written more than once: into each vote record while it holds, and to every peer that needs it. */
const encodings = new WeakMap<Message, Uint8Array>();

interface EncodedStatus {
  readonly status: Status;
  readonly encoded: Uint8Array;
}

/** [C1] The last one with what it says was heard: as long as nothing happens each is like the one before. */
const statuses = new WeakMap<Heard, EncodedStatus>();

function encodeStatus(status: Status): Uint8Array {
  const { heard } = status;
  const last = heard && statuses.get(heard);
  if (last !== undefined && isSameStatus(last.status, status)) return last.encoded;
  const encoded = encode(writeMessage(status));
  if (heard !== undefined) statuses.set(heard, { status, encoded });
  return encoded;
}

function isSameStatus(a: Status, b: Status): boolean {
  const isSamePlace = a.epoch === b.epoch && a.view === b.view && a.mode === b.mode && a.height === b.height;
  return isSamePlace && a.validator === b.validator && a.logSize === b.logSize && a.heard === b.heard;
}

/** Nobody changes a message, nor its bytes. */
export function encodeMessage(message: Message): Uint8Array {
  if (message.type === 'status') return encodeStatus(message);
  const known = encodings.get(message);
  if (known !== undefined) return known;
  const encoded = encode(writeMessage(message));
  if (message.type !== 'pre-prepare') encodings.set(message, encoded);
  return encoded;
}

function writeMessage(message: Message): Value {
  switch (message.type) {
    case 'pre-prepare':
      return prePrepareWire.write({ ...message, kind: 0 });
    case 'prepare':
    case 'commit':
      return voteWire.write({ ...message, kind: 1 });
    case 'view-change':
      return viewChangeWire.write({ ...message, kind: 2 });
    case 'new-view':
      return newViewWire.write(wireOfNewView(message));
    case 'status':
      return statusWire.write({ ...message, kind: 4 });
    case 'committed':
      return committedWire.write({ kind: 5, certificate: message.certificate, header: message.header });
  }
}

function wireOfNewView(message: NewView) {
  const viewChanges = message.viewChanges.map((each) => ({ ...each, kind: 2 as const }));
  return { ...message, kind: 3 as const, viewChanges };
}

/** Form only: no signature, quorum or place is checked here. Throws DecodeError. */
export function decodeMessage(encoded: Uint8Array): Message {
  const value = decode(encoded, messageItemsMax);
  const kind = Array.isArray(value) ? (value as readonly Value[])[0] : undefined;
  switch (kind) {
    case 0:
      return { ...unkind(prePrepareWire.read(value)), type: 'pre-prepare' };
    case 1:
      return unkind(voteWire.read(value));
    case 2:
      return { ...unkind(viewChangeWire.read(value)), type: 'view-change' };
    case 3: {
      const fields = unkind(newViewWire.read(value));
      const viewChanges = fields.viewChanges.map((each) => ({ ...unkind(each), type: 'view-change' as const }));
      return { ...fields, type: 'new-view', viewChanges };
    }
    case 4:
      return { ...unkind(statusWire.read(value)), type: 'status' };
    case 5:
      return committedOf(unkind(committedWire.read(value)));
    default:
      throw new DecodeError('no message of a known kind');
  }
}

function committedOf({ certificate, header }: Omit<CommittedNotice, 'type'>): CommittedNotice {
  return { type: 'committed', certificate, ...(header === undefined ? {} : { header }) };
}

function unkind<T extends { kind: number }>({ kind: _, ...rest }: T): Omit<T, 'kind'> {
  return rest;
}

/** A hash of the whole message each, and asked for where it is checked and again where it is kept. */
const positions = new WeakMap<ViewChange | NewView, VotePosition>();

/** What a ViewChange signs: its last committed height and the digest of its content. */
export function viewChangePosition(message: Omit<ViewChange, 'signature'>): VotePosition {
  const content = encode(viewChangeContent.write(message));
  const digest = digestOf(taggedHash('daybook/view-change/v1', content));
  return { epoch: message.epoch, view: message.view, height: message.committed.height, digest };
}

/** What a NewView signs: the digest of its ViewChanges, signatures included; its height is their highest committed. */
export function newViewPosition(message: Omit<NewView, 'signature'>): VotePosition {
  const content = encode(message.viewChanges.map((each) => viewChangeWire.write({ ...each, kind: 2 })));
  const digest = digestOf(taggedHash('daybook/new-view/v1', content));
  const height = Math.max(...message.viewChanges.map((each) => each.committed.height));
  return { epoch: message.epoch, view: message.view, height, digest };
}

/** The position that a signed message's signature covers. */
export function positionOf(message: PrePrepare | Vote | ViewChange | NewView): VotePosition {
  if (message.type !== 'view-change' && message.type !== 'new-view') return message;
  let position = positions.get(message);
  if (position === undefined) {
    position = message.type === 'view-change' ? viewChangePosition(message) : newViewPosition(message);
    positions.set(message, position);
  }
  return position;
}
