// The vote record: what a replica must not forget between signing and the block that supersedes it (rules D1-D4). The
// store keeps it as one value; the exact bytes of what was sent are in it, so that a restart repeats and never signs
// anew.
import type { CommitCertificate } from '../ledger/certificate.ts';
import { DecodeError } from '../ledger/codec.ts';
import type { Digest } from '../ledger/hash.ts';
import { digest, signature } from '../ledger/identifiers.ts';
import {
  bytes,
  decodeAs,
  encodeAs,
  list,
  literal,
  oneOf,
  option,
  record,
  type Schema,
  text,
  uint,
} from '../ledger/schema.ts';
import {
  decodeMessage,
  encodeMessage,
  type Mode,
  modes,
  type NewView,
  type PreparedCertificate,
  preparedSchema,
  type ViewChange,
  type Vote,
} from './messages.ts';

/** The PrePrepare that this validator vouched for in the record's view; its body is stored by digest. */
export interface AcceptedProposal {
  readonly view: number;
  readonly digest: Digest;
  readonly validator: number;
  readonly signature: Uint8Array;
}

export interface VoteRecord {
  readonly epoch: number;
  readonly view: number;
  readonly mode: Mode;
  /** The height that votes are for: the last committed one and one. */
  readonly height: number;
  readonly accepted: AcceptedProposal | undefined;
  readonly prepare: Vote | undefined;
  readonly commit: Vote | undefined;
  /** Of the highest view at this height. */
  readonly prepared: PreparedCertificate | undefined;
  /** The ViewChange for `view`, while it is the last one sent. */
  readonly viewChange: ViewChange | undefined;
  /** The NewView sent or accepted for `view`; none in view 0 and in a view entered by a commit certificate. */
  readonly newView: NewView | undefined;
  /** Whose bodies the store keeps beside this record. */
  readonly bodies: readonly Digest[];
  /** Why this key votes no more in this epoch, if it does not [R3]. */
  readonly silenced: string | undefined;
}

/** [L1] Bodies kept for one height. */
export const bodiesMax = 8;
export const reasonCharactersMax = 300;

const acceptedSchema: Schema<AcceptedProposal> = record({ view: uint, digest, validator: uint, signature });
const messageBytes = bytes(1, 1_048_576);
const recordSchema = record({
  version: literal(1),
  epoch: uint,
  view: uint,
  mode: oneOf(modes),
  height: uint,
  accepted: option(acceptedSchema),
  prepare: option(messageBytes),
  commit: option(messageBytes),
  prepared: option(preparedSchema),
  viewChange: option(messageBytes),
  newView: option(messageBytes),
  bodies: list(digest, 0, bodiesMax),
  silenced: option(text(1, reasonCharactersMax)),
});

/** The record of a validator that has signed nothing: made with its keys and its store, and with each epoch [E3]. */
export function firstRecord(height = 1, epoch = 0): VoteRecord {
  return {
    epoch,
    view: 0,
    mode: 'normal',
    height,
    accepted: undefined,
    prepare: undefined,
    commit: undefined,
    prepared: undefined,
    viewChange: undefined,
    newView: undefined,
    bodies: [],
    silenced: undefined,
  };
}

/**
 * [S4] The record when the block of a certificate is the last one here, however it came: what a commit would leave of
 * it (Core.advance).
 */
export function recordAfter(
  record: VoteRecord,
  { height, view }: CommitCertificate,
  epochAfter = record.epoch,
  isRekeyed = false,
): VoteRecord {
  const next = firstRecord(height + 1, epochAfter);
  // [E3, E7]
  if (epochAfter !== record.epoch) return { ...next, silenced: isRekeyed ? undefined : record.silenced };
  // [V9]
  const entered = view > record.view || (view === record.view && record.mode === 'changing');
  if (entered) return { ...next, epoch: record.epoch, view, silenced: record.silenced };
  const { epoch, mode, viewChange, newView, silenced } = record;
  return { ...next, epoch, view: record.view, mode, viewChange, newView, silenced };
}

export function encodeRecord(value: VoteRecord): Uint8Array {
  const bytesOf = (message: Vote | ViewChange | NewView | undefined) =>
    message === undefined ? undefined : encodeMessage(message);
  return encodeAs(recordSchema, {
    ...value,
    version: 1,
    prepare: bytesOf(value.prepare),
    commit: bytesOf(value.commit),
    viewChange: bytesOf(value.viewChange),
    newView: bytesOf(value.newView),
  });
}

/** Throws DecodeError, as `read` does. */
export function decodeRecord(encoded: Uint8Array, read: typeof decodeMessage = decodeMessage): VoteRecord {
  const { version: _, ...fields } = decodeAs(recordSchema, encoded);
  return {
    ...fields,
    prepare: ofType(read, fields.prepare, 'prepare') as Vote | undefined,
    commit: ofType(read, fields.commit, 'commit') as Vote | undefined,
    viewChange: ofType(read, fields.viewChange, 'view-change'),
    newView: ofType(read, fields.newView, 'new-view'),
  };
}

function ofType<T extends 'view-change' | 'new-view' | 'prepare' | 'commit'>(
  read: typeof decodeMessage,
  encoded: Uint8Array | undefined,
  type: T,
) {
  if (encoded === undefined) return undefined;
  const message = read(encoded);
  if (message.type !== type) throw new DecodeError(`a ${message.type} where a ${type} belongs`);
  return message as Extract<typeof message, { type: T }>;
}
