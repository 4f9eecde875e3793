// Everything that goes into the replica and everything that comes out. Events are facts; effects are duties of the
// driver, performed in the order in which they stand.
import type { CommitCertificate } from '../ledger/certificate.ts';
import type { VoteEvidence } from '../ledger/evidence.ts';
import type { Digest } from '../ledger/hash.ts';
import type { Block, Heard, Message } from './messages.ts';
import type { VoteRecord } from './record.ts';

declare const verified: unique symbol;
/**
 * A message whose every signature, nested ones too, was checked under the set of its epoch. Minted by inbound.ts alone.
 */
export type Verified<T> = T & { readonly [verified]: true };

/** [E1] What follows from a block that changes the validator set: the next epoch, as far as votes go. */
export interface NextEpoch {
  readonly validators: number;
  /** Own index; -1 for who has no vote. */
  readonly self: number;
  /** Whether the own vote key is another one than in the epoch before. */
  readonly rekeyed: boolean;
  /** No quorum of it holds the claim of this start yet [R5]. */
  readonly unclaimed?: boolean | undefined;
}

export type Event =
  /** Time passed: config.tickMs of it. All timers are counts of these. */
  | { readonly type: 'tick' }
  | { readonly type: 'message'; readonly message: Verified<Message> }
  /**
   * What waits in the mempool, the latest word last: the driver hands on its own events in the order of their rise.
   * `oldest` names the round of what still counts for timers; another name is another round [T4]. `accused` names that
   * of evidence, which has a time of its own [A6].
   */
  | {
      readonly type: 'work';
      readonly waiting: boolean;
      readonly oldest: string | undefined;
      readonly accused?: string | undefined;
    }
  /** The answer to `propose`: a block that was executed here, or nothing when nothing admissible waits. */
  | {
      readonly type: 'proposal';
      readonly epoch: number;
      readonly view: number;
      readonly height: number;
      readonly proposed:
        | { readonly digest: Digest; readonly block: Block; readonly next?: NextEpoch | undefined }
        | undefined;
    }
  /** The answer to `validate`. `invalid` means that no honest primary proposes it. */
  | {
      readonly type: 'verdict';
      readonly epoch: number;
      readonly view: number;
      readonly height: number;
      readonly digest: Digest;
      readonly valid: boolean;
      readonly next?: NextEpoch | undefined;
    }
  /** A block after the last committed one that was fetched, whose certificate verifies and whose execution agrees. */
  | { readonly type: 'fetched'; readonly certificate: CommitCertificate; readonly next?: NextEpoch | undefined }
  /** The body behind a digest that `fetchBody` asked for; its header has that digest. */
  | { readonly type: 'body'; readonly height: number; readonly digest: Digest; readonly block: Block }
  /** There is a connection to this validator, after there was none. */
  | { readonly type: 'connected'; readonly peer: number }
  /** A certificate that was checked elsewhere: a block that was committed carries its parent's [A4]. */
  | { readonly type: 'shown'; readonly certificate: CommitCertificate }
  /** What a peer holds from this key, where its status does not count yet [R3, R5]. */
  | { readonly type: 'heard'; readonly from: number; readonly heard: Heard }
  /** The store is older than what this key has said, or the key runs twice: the reason names what shows it [R5]. */
  | { readonly type: 'rewound'; readonly reason: string }
  /** A `fetch` is over, whether blocks came or not: the height and the validators are those of the effect. */
  | { readonly type: 'fetchEnded'; readonly height: number; readonly from: readonly number[] }
  /** A `fetchBody` that nobody could answer. */
  | { readonly type: 'bodyMissing'; readonly height: number; readonly digest: Digest };

export type Effect =
  /** Durable before the effects after it begin: record whole, bodies put, bodies deleted. */
  | {
      readonly type: 'persist';
      readonly record: VoteRecord;
      readonly putBodies: readonly (readonly [Digest, Block])[];
      readonly deleteBodies: readonly Digest[];
    }
  | { readonly type: 'send'; readonly to: number; readonly message: Message }
  | { readonly type: 'broadcast'; readonly message: Message }
  /** [E8] To whoever follows without a vote. */
  | { readonly type: 'announce'; readonly message: Message }
  /** Build a block on the last committed one and answer with `proposal`. */
  | { readonly type: 'propose'; readonly epoch: number; readonly view: number; readonly height: number }
  /** Execute and compare roots; answer with `verdict`. Wall-clock checks only when `fresh`. */
  | {
      readonly type: 'validate';
      readonly epoch: number;
      readonly view: number;
      readonly height: number;
      readonly digest: Digest;
      readonly block: Block;
      readonly fresh: boolean;
    }
  /** Block, certificate and the moved record land in one transaction; nothing after it begins before. */
  | {
      readonly type: 'commit';
      readonly certificate: CommitCertificate;
      readonly record: VoteRecord;
      readonly deleteBodies: readonly Digest[];
      /** In the epoch of this block: whoever may have forgotten what it cosigned does not cosign it [K1]. */
      readonly silenced: boolean;
    }
  /** Get the blocks from `height` on with their certificates from one of these validators, beside other fetches. */
  | { readonly type: 'fetch'; readonly height: number; readonly from: readonly number[] }
  /** Get the body behind a prepared digest from one of these validators. */
  | { readonly type: 'fetchBody'; readonly height: number; readonly digest: Digest; readonly from: readonly number[] }
  /** [A4] Two messages of one validator that contradict each other: at most one a validator and epoch. */
  | { readonly type: 'evidence'; readonly evidence: VoteEvidence }
  /** This replica's record is not what it signed: it votes no more in this epoch. */
  | { readonly type: 'silence'; readonly reason: string }
  /** More than f validators lied: keep what shows it, tell the operator, stop. */
  | { readonly type: 'incident'; readonly reason: string; readonly certificates: readonly CommitCertificate[] };
