// Where a node keeps what must survive: the log, the state, index rows, certificates and the vote record. Reads are
// synchronous and see the last commit. A write that returns is durable; a write that throws ends the process.
import { FatalError } from '../ledger/assert.ts';
import type { CommitCertificate } from '../ledger/certificate.ts';
import type { CosignedHead, StableCheckpoint } from '../ledger/cosignature.ts';
import type { Digest } from '../ledger/hash.ts';

/** A state record's place: `contract/collection/key`; neither of the first two holds a '/'. */
export type StatePath = string;

export interface StateStore {
  get(path: StatePath): Uint8Array | undefined;
}

/** Where a (member, reference) was used last. `line` is 0 for a whole transaction, else the batch line's number. */
export interface ReferenceRow {
  readonly member: string;
  readonly reference: string;
  /** Log index of the transaction or line entry that holds the outcome. */
  readonly index: number;
  /** Block timestamp, UTC milliseconds: the reference window counts from here. */
  readonly time: number;
  /** Transaction id of the whole transaction, or of the batch that the line stood in. */
  readonly transaction: Digest;
  readonly line: number;
}

export interface ReferenceStore {
  reference(member: string, reference: string): ReferenceRow | undefined;
}

/** The last block that is durable here. At height 0 it is the genesis entry. */
export interface Head {
  readonly height: number;
  /** Leaf hash of the header entry; the chainId at height 0. */
  readonly digest: Digest;
  /** Entries in the log, the header included. */
  readonly logSize: number;
  /** Block timestamp; the genesis time at height 0. */
  readonly timestamp: number;
  /** Peaks of the log's Merkle tree, largest subtree first. */
  readonly peaks: readonly Uint8Array[];
  /** Root of the state tree after this block. */
  readonly stateRoot: Digest;
}

/** A complete subtree of 2^level leaves, the index-th of its level. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

/** The last block whose bytes are not held here any more: the log begins after it. Height 0 where all of it is held. */
export interface LogBase {
  readonly height: number;
  readonly digest: Digest;
  /** Entries up to and with that block's header. */
  readonly logSize: number;
}

export interface BlockRow {
  readonly height: number;
  readonly digest: Digest;
  /** Log index of the block's first entry. */
  readonly firstIndex: number;
  /** Log index of its header entry: the last one of the block. */
  readonly headerIndex: number;
}

/** Everything that a block changes, landing in one transaction or not at all. */
export interface BlockCommit {
  readonly head: Head;
  readonly block: BlockRow;
  /** From `firstIndex` on; the last one is the header (at height 0 the genesis entry alone). */
  readonly entries: readonly Uint8Array[];
  /** Absent at height 0 only. */
  readonly certificate: CommitCertificate | undefined;
  readonly nodes: readonly TreeNode[];
  /** In the order in which they were written; `undefined` deletes. */
  readonly writes: readonly (readonly [StatePath, Uint8Array | undefined])[];
  readonly references: readonly ReferenceRow[];
  /** Transaction id -> log index of its entry. */
  readonly transactions: readonly (readonly [Digest, number])[];
}

/** One step of forgetting old blocks, from the base on. Entry 0 always stays. */
export interface Pruning {
  readonly base: LogBase;
  /** The complete subtrees that the log up to the new base is made of: proofs of later entries need no others. */
  readonly peaks: readonly TreeNode[];
  /**
   * Heights from the old base on whose header and certificate stay: the new base, and those that change the validator
   * set.
   */
  readonly kept: readonly number[];
  readonly transactions: readonly Digest[];
  /** Removed where the stored row is still this use of the reference. */
  readonly references: readonly ReferenceRow[];
}

/** Where a log begins, and what stays of all that came before: peaks of the tree, and headers. */
export interface LogStart {
  readonly base: LogBase;
  readonly peaks: readonly TreeNode[];
  /** Blocks up to the base that stay for their header. */
  readonly kept: readonly {
    readonly block: BlockRow;
    readonly header: Uint8Array;
    readonly certificate: CommitCertificate;
  }[];
}

/** A whole ledger in place of what is held: state, the log from a base on, and the headers that lead to it. */
export interface Snapshot extends LogStart {
  readonly head: Head;
  readonly blocks: Iterable<Omit<BlockCommit, 'head' | 'writes'>>;
  readonly state: Iterable<readonly [StatePath, Uint8Array]>;
}

/** Where a part of a snapshot lies: `staged` while it comes from others, `offered` to others. */
export interface PartPlace {
  readonly area: 'staged' | 'offered';
  readonly height: number;
  readonly kind: 'manifest' | 'piece' | 'block';
  /** The chunk of a piece, the height of a block. */
  readonly first: number;
  /** The number of a piece in its chunk. */
  readonly second: number;
}

/** The state as it was when the view was made, whatever is committed meanwhile. Close it soon: it pins pages. */
export interface StateView {
  /** The next records, none at the end. */
  next(limit: number): readonly (readonly [StatePath, Uint8Array])[];
  close(): void;
}

/** What the replica must not forget: its vote record as bytes, and bodies of blocks it voted for, by digest. */
export interface VoteChange {
  readonly record: Uint8Array;
  readonly putBodies: readonly (readonly [Digest, Uint8Array])[];
  readonly deleteBodies: readonly Digest[];
}

/** What this validator has cosigned last (rule K2), and checkpoints that became stable (rule K5). */
export interface CheckpointChange {
  readonly own?: CosignedHead | undefined;
  readonly stable: readonly StableCheckpoint[];
}

/** Which chain and which validator a folder belongs to; written once by `create`. */
export interface StoreIdentity {
  readonly chainId: Digest;
  readonly validator: string;
  readonly format: number;
}

/** A folder that is not what it must be: another chain's, damaged, of another format. Says what to do next. */
export class StoreError extends FatalError {
  override name = 'StoreError';
}

/**
 * A row that a node can make again from the log, and that is not what was written: its sum is wrong, or it is missing.
 * Not fatal: the node heals (rule R4).
 */
export class DamagedRow extends StoreError {
  override name = 'DamagedRow';
  /** Of a state record. */
  readonly path: StatePath | undefined;

  constructor(message: string, path?: StatePath) {
    super(message);
    this.path = path;
  }
}

/** With which the process that opens a folder to look ends for such a row. */
export const damagedRowCode = 3;

/** A write that did not become durable. What is on disk is unknown: the process ends and nothing is tried again. */
export class StoreFailure extends FatalError {
  override name = 'StoreFailure';
}

/** A block as the log makes it, for rows that may be damaged: all of a commit but the head and the state. */
export type RepairedBlock = Omit<BlockCommit, 'head' | 'writes'>;

/** A state record that was not what the log makes it. */
export interface StateDifference {
  readonly path: StatePath;
  readonly found: 'damaged' | 'missing' | 'extra' | 'other';
  /** What was stored, its sum aside. */
  readonly stored: Uint8Array | undefined;
  readonly right: Uint8Array | undefined;
}

/** A place among the rows, which the store alone understands. */
export type RowPlace = Uint8Array;

/** What healing needs (rule R4). The head, the identity and the vote record are never made again. */
export interface RepairableStore {
  /** That this node noticed a divergence and is not healed yet, as it wrote it down. */
  divergence(): Uint8Array | undefined;
  /** Durable when it returns; undefined takes the mark away. */
  markDivergence(mark: Uint8Array | undefined): void;
  /** Puts each row that is not the one it should be. Answers how many there were. */
  repairBlock(block: RepairedBlock): number;
  /** In one write: the log begins after this block, no earlier than it did; of what came before exactly this stays. */
  repairStart(start: LogStart): number;
  /** In one write: afterwards the state is exactly this. Answers what was not. */
  repairState(right: ReadonlyMap<StatePath, Uint8Array>): StateDifference[];
  /**
   * One step, from the start or from where the last one ended: removes rows that can be made again and are not what was
   * written. Called when that is done: of such a row the log makes nothing, and of a body others have it (rule V7).
   * Answers where the next step begins, undefined at the end.
   */
  dropDamagedRows(from?: RowPlace): RowPlace | undefined;
}

/** Sessions of own starts under one vote key, up to one of them, the latest first. */
export interface StartsRow {
  readonly last: number;
  readonly sessions: readonly Uint8Array[];
  /** No row has sessions of earlier starts: they were counted by a version that kept none. */
  readonly since: number;
}

/** The latest start that each vote key has claimed (rule R5), its own too, and the sessions of own ones. */
export interface ClaimStore {
  claim(voteKey: Uint8Array): Uint8Array | undefined;
  /** By its last start. Throws StoreError where the row is damaged. */
  starts(voteKey: Uint8Array, last: number): StartsRow | undefined;
  /** Durable when it returns, all or nothing. */
  putClaim(voteKey: Uint8Array, claim: Uint8Array, starts?: StartsRow): void;
}

export interface Store extends StateStore, ReferenceStore, RepairableStore, ClaimStore {
  readonly identity: StoreIdentity;
  /** What was wrong at the tip when it was opened to be healed. */
  readonly flaw?: string | undefined;
  head(): Head;
  /** Blocks up to this one are pruned: their rows are undefined, but for those that stay (Pruning). */
  base(): LogBase;
  /** Log entry by index; throws StoreError where the bytes are not those that were stored. */
  entry(index: number): Uint8Array | undefined;
  /** Entries from `from` (inclusive) to `to` (exclusive) as far as they exist. */
  entries(from: number, to: number): Uint8Array[];
  block(height: number): BlockRow | undefined;
  certificate(height: number): CommitCertificate | undefined;
  transaction(id: Digest): number | undefined;
  node(level: number, index: number): Uint8Array | undefined;
  /** Every state record, in slices so that no read transaction stays open; order is the store's. */
  stateRecords(): Iterable<readonly [StatePath, Uint8Array]>;
  /** State records whose path begins with `prefix`, ascending, at most `limit`, after `after` if given. */
  stateRange(prefix: string, limit: number, after?: StatePath): (readonly [StatePath, Uint8Array])[];
  voteRecord(): Uint8Array | undefined;
  body(digest: Digest): Uint8Array | undefined;
  /** What this validator's audit key signed last; undefined before its first block. */
  cosigned(): CosignedHead | undefined;
  /** The stable checkpoint of a block's height: not every block has one. */
  checkpoint(height: number): StableCheckpoint | undefined;
  lastCheckpoint(): StableCheckpoint | undefined;
  /** Durable when it returns. The vote record moves with the block (rule D4), hence `vote`; K1 likewise. */
  commit(commit: BlockCommit, vote: VoteChange, checkpoints?: CheckpointChange): void;
  persistVote(vote: VoteChange): void;
  /** Moves the base; it stays below the head. */
  prune(pruning: Pruning): void;
  stateView(): StateView;
  putParts(parts: readonly (readonly [PartPlace, Uint8Array])[]): void;
  /** Undefined also where it is damaged: a part can be had again, or made. */
  part(place: PartPlace): Uint8Array | undefined;
  /** Heights of which there are parts, ascending. */
  partHeights(area: PartPlace['area']): number[];
  dropParts(area: PartPlace['area'], height: number): void;
  /** Everything at once or not at all; staged parts go with it. Iterables may read parts of this store. */
  install(snapshot: Snapshot, vote: VoteChange): void;
  persistCheckpoints(checkpoints: CheckpointChange): void;
  close(): Promise<void>;
}
