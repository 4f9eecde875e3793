// The store over one LMDB environment. Writes go through `transactionSync` alone (lmdb's `transaction` keeps the puts
// of a callback that throws), no iterator lives across an await, and a commit that fails is the end of the process.
import { randomBytes } from 'node:crypto';
import { assert } from '../ledger/assert.ts';
import { type CommitCertificate, certificateSchema } from '../ledger/certificate.ts';
import { type CosignedHead, cosignedHeadSchema, type StableCheckpoint } from '../ledger/cosignature.ts';
import { type Digest, equalBytes, leafHash, nodeHash } from '../ledger/hash.ts';
import { rootOf } from '../ledger/merkle.ts';
import type { Schema } from '../ledger/schema.ts';
import { assertFollows } from './continuity.ts';
import { unreadable } from './data-file.ts';
import type { FolderLock } from './folder-lock.ts';
import * as keys from './keys.ts';
import * as checkpoints from './lmdb-checkpoints.ts';
import {
  type Environment,
  isPageDamage,
  messageOf,
  putPayload,
  putRow,
  readPayload,
  readRow,
} from './lmdb-environment.ts';
import { installRows, nodeLevelMin, pruneRows, putLog, readPart, removeRange, viewOf } from './lmdb-log.ts';
import { damagedRows, repairBlock, repairStart, repairState } from './lmdb-repair.ts';
import { isPeak } from './pruned-nodes.ts';
import * as rows from './rows.ts';
import type {
  BlockCommit,
  BlockRow,
  CheckpointChange,
  Head,
  LogBase,
  LogStart,
  PartPlace,
  Pruning,
  ReferenceRow,
  RepairedBlock,
  RowPlace,
  Snapshot,
  StartsRow,
  StateDifference,
  StatePath,
  StateView,
  Store,
  StoreIdentity,
  VoteChange,
} from './store.ts';
import { DamagedRow, StoreError, StoreFailure } from './store.ts';

const stateSliceRecords = 1_000;

export class LmdbStore implements Store {
  readonly identity: StoreIdentity;
  flaw: string | undefined;
  private readonly environment: Environment;
  private readonly folder: string;
  private readonly lock: FolderLock;
  /** Written at open and compared in each write: an older process that still lives cannot write any more. */
  private readonly session = randomBytes(16);
  private last: Head;
  private first: LogBase;
  private state: 'open' | 'failed' | 'closed' = 'open';

  constructor(environment: Environment, folder: string, identity: StoreIdentity, head: Head, lock: FolderLock) {
    this.environment = environment;
    this.folder = folder;
    this.identity = identity;
    this.last = head;
    this.lock = lock;
    const whole = { height: 0, digest: identity.chainId, logSize: 1 };
    this.first = readRow(environment, keys.singleKey('base'), rows.baseRow) ?? whole;
  }

  initialise(genesis: BlockCommit, vote: VoteChange | undefined): void {
    this.write(() => {
      this.putSession();
      putRow(this.environment, keys.singleKey('identity'), rows.identityRow, this.identity);
      this.putBlock(genesis);
      if (vote !== undefined) this.putVote(vote);
    });
  }

  takeOver(): void {
    this.write(() => this.putSession());
  }

  head(): Head {
    return this.last;
  }

  base(): LogBase {
    return this.first;
  }

  entry(index: number): Uint8Array | undefined {
    const key = keys.numberKey('entry', index);
    const entry = readPayload(this.environment, key);
    const isHeld = index === 0 || (index >= this.first.logSize && index < this.last.logSize);
    if (entry === undefined && isHeld) throw keys.damaged(key, 'it is missing');
    return entry;
  }

  entries(from: number, to: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (let index = from; index < to; index++) {
      const entry = this.entry(index);
      if (entry === undefined) break;
      found.push(entry);
    }
    return found;
  }

  block(height: number): BlockRow | undefined {
    return this.heldRow(height, keys.numberKey('block', height), rows.blockRow);
  }

  certificate(height: number): CommitCertificate | undefined {
    return this.heldRow(height, keys.numberKey('certificate', height), certificateSchema);
  }

  /** A row that exists for each height after the base. A flipped bit in a key loses it without a sign. */
  private heldRow<T>(height: number, key: Buffer, schema: Schema<T>): T | undefined {
    const row = readRow(this.environment, key, schema);
    if (row === undefined && height > this.first.height && height <= this.last.height)
      throw keys.damaged(key, 'it is missing');
    return row;
  }

  transaction(id: Digest): number | undefined {
    return readRow(this.environment, keys.digestKey('transaction', id), rows.indexRow);
  }

  reference(member: string, reference: string): ReferenceRow | undefined {
    const row = readRow(this.environment, keys.referenceKey(member, reference), rows.referenceRow);
    return row === undefined ? undefined : { member, reference, ...row };
  }

  node(level: number, index: number): Uint8Array | undefined {
    const [from, to] = [index * 2 ** level, (index + 1) * 2 ** level];
    const isWhole = from >= this.first.logSize || this.first.height === 0;
    if (level < nodeLevelMin && (from < 0 || to > this.last.logSize)) return undefined;
    if (level < nodeLevelMin && isWhole) return rootOf(this.entries(from, to).map(leafHash));
    const key = keys.nodeKey(level, index);
    const row = readPayload(this.environment, key);
    if (row !== undefined) return row;
    const isRow = level >= nodeLevelMin && (isWhole || to > this.first.logSize);
    if (to <= this.last.logSize && (isRow || isPeak(this.first.logSize, { level, index })))
      throw keys.damaged(key, 'it is missing');
    if (level >= nodeLevelMin || level === 0) return undefined;
    const [left, right] = [this.node(level - 1, 2 * index), this.node(level - 1, 2 * index + 1)];
    return left === undefined || right === undefined ? undefined : nodeHash(left, right);
  }

  get(path: StatePath): Uint8Array | undefined {
    return readPayload(this.environment, keys.stateKey(path));
  }

  *stateRecords(): Iterable<readonly [StatePath, Uint8Array]> {
    let after: StatePath | undefined;
    for (;;) {
      const slice = this.stateRange('', stateSliceRecords, after);
      yield* slice;
      if (slice.length < stateSliceRecords) return;
      after = slice.at(-1)?.[0];
    }
  }

  stateRange(prefix: string, limit: number, after?: StatePath): (readonly [StatePath, Uint8Array])[] {
    const first = keys.stateKey(prefix);
    const past = after === undefined ? undefined : keys.nextKey(keys.stateKey(after));
    const start = past !== undefined && Buffer.compare(past, first) > 0 ? past : first;
    const end = keys.endOfPrefix(first);
    if (limit <= 0 || Buffer.compare(start, end) >= 0) return [];
    // Read to the end at once: an open cursor would keep pages from being used again.
    const found = this.readable(() => [...this.environment.getRange({ start, end, limit })]);
    return found.map(({ key, value }) => [keys.statePath(key), keys.unseal(key, value)]);
  }

  private readable<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (isPageDamage(error)) throw unreadable(this.folder, messageOf(error));
      throw error;
    }
  }

  voteRecord(): Uint8Array | undefined {
    return readPayload(this.environment, keys.singleKey('vote'));
  }

  body(digest: Digest): Uint8Array | undefined {
    return readPayload(this.environment, keys.digestKey('body', digest));
  }

  cosigned(): CosignedHead | undefined {
    return readRow(this.environment, keys.singleKey('cosigned'), cosignedHeadSchema);
  }

  checkpoint(height: number): StableCheckpoint | undefined {
    return checkpoints.readCheckpoint(this.environment, height);
  }

  lastCheckpoint(): StableCheckpoint | undefined {
    return checkpoints.lastCheckpoint(this.environment, this.last.height);
  }

  commit(commit: BlockCommit, vote: VoteChange, change?: CheckpointChange): void {
    assertFollows(this.last, commit);
    this.change(() => {
      this.putBlock(commit);
      this.putVote(vote);
      if (change !== undefined) checkpoints.putCheckpoints(this.environment, change);
    });
    this.last = commit.head;
  }

  persistCheckpoints(change: CheckpointChange): void {
    this.write(() => {
      this.assertSession();
      checkpoints.putCheckpoints(this.environment, change);
    });
  }

  persistVote(vote: VoteChange): void {
    this.change(() => this.putVote(vote));
  }

  claim(voteKey: Uint8Array): Uint8Array | undefined {
    return readPayload(this.environment, keys.claimKey(voteKey));
  }

  starts(voteKey: Uint8Array, last: number): StartsRow | undefined {
    const row = readRow(this.environment, keys.startsKey(voteKey, last), rows.startsRow);
    return row === undefined ? undefined : { last, ...row };
  }

  putClaim(voteKey: Uint8Array, claim: Uint8Array, starts?: StartsRow): void {
    this.change(() => {
      putPayload(this.environment, keys.claimKey(voteKey), claim);
      if (starts === undefined) return;
      putRow(this.environment, keys.startsKey(voteKey, starts.last), rows.startsRow, starts);
    });
  }

  divergence(): Uint8Array | undefined {
    return readPayload(this.environment, keys.singleKey('divergence'));
  }

  markDivergence(mark: Uint8Array | undefined): void {
    const key = keys.singleKey('divergence');
    this.change(() => {
      if (mark === undefined) this.environment.removeSync(key);
      else putPayload(this.environment, key, mark);
    });
  }

  prune(pruning: Pruning): void {
    const { base } = pruning;
    assert(base.height > this.first.height && base.height < this.last.height, 'the base moves on, below the head');
    this.change(() => pruneRows(this.environment, this.first, pruning));
    this.first = base;
  }

  stateView(): StateView {
    return viewOf(this.environment);
  }

  putParts(parts: readonly (readonly [PartPlace, Uint8Array])[]): void {
    this.change(() => {
      for (const [place, bytes] of parts) putPayload(this.environment, keys.partKey(place), bytes);
    });
  }

  part(place: PartPlace): Uint8Array | undefined {
    return readPart(this.environment, place);
  }

  partHeights(area: PartPlace['area']): number[] {
    const heights: number[] = [];
    let { start } = keys.partRange(area);
    const { end } = keys.partRange(area);
    for (;;) {
      const [key] = [...this.environment.getKeys({ start, end, limit: 1 })];
      if (key === undefined) return heights;
      const height = keys.partHeight(key);
      heights.push(height);
      ({ start } = keys.partRange(area, height + 1));
    }
  }

  dropParts(area: PartPlace['area'], height: number): void {
    this.change(() => {
      removeRange(this.environment, keys.partRange(area, height));
    });
  }

  install(snapshot: Snapshot, vote: VoteChange): void {
    assert(snapshot.head.height > this.last.height, 'a snapshot is later than what it replaces');
    assert(snapshot.base.height < snapshot.head.height, 'a snapshot holds its last block');
    this.change(() => {
      installRows(this.environment, snapshot);
      this.putVote(vote);
    });
    this.first = snapshot.base;
    this.last = snapshot.head;
  }

  repairBlock(block: RepairedBlock): number {
    return this.change(() => repairBlock(this.environment, block));
  }

  repairStart(start: LogStart): number {
    const repaired = this.change(() => repairStart(this.environment, this.first, start));
    this.first = start.base;
    return repaired;
  }

  repairState(right: ReadonlyMap<StatePath, Uint8Array>): StateDifference[] {
    return this.change(() => repairState(this.environment, right));
  }

  dropDamagedRows(from?: RowPlace): RowPlace | undefined {
    const { damaged, next } = damagedRows(this.environment, from);
    if (damaged.length > 0)
      this.change(() => {
        for (const key of damaged) this.environment.removeSync(key);
      });
    return next;
  }

  /** After a failed write nothing touches the environment again, so it is left open for the dying process. */
  async close(): Promise<void> {
    if (this.state === 'closed') return;
    const failed = this.state === 'failed';
    this.state = 'closed';
    if (!failed) await this.environment.close();
    await this.lock.release();
  }

  /** A write of the session that opened the store. */
  private change<T>(work: () => T): T {
    return this.write(() => {
      this.assertSession();
      return work();
    });
  }

  /**
   * One LMDB transaction, synced when it returns: without overlapping syncs mdb_txn_commit calls fdatasync for the
   * pages and then writes the meta page through a descriptor opened with O_DSYNC. After a failed fdatasync the kernel
   * may drop the dirty pages and report the next one as a success, so a failure is final. A damaged row that the work
   * came upon is none: it was read before anything was synced, and LMDB gives the pages of the transaction up.
   */
  private write<T>(work: () => T): T {
    if (this.state !== 'open')
      throw new StoreFailure(`the store in ${this.folder} is ${this.state}; nothing is written`);
    try {
      return this.environment.transactionSync(work);
    } catch (error) {
      if (error instanceof DamagedRow) throw error;
      this.state = 'failed';
      if (isPageDamage(error)) throw new StoreFailure(unreadable(this.folder, messageOf(error)).message);
      throw new StoreFailure(
        `a write to the store in ${this.folder} failed: ${messageOf(error)}. The node ends now and recovers at the ` +
          'next start. Check free space and the health of the disk first.',
        { cause: error },
      );
    }
  }

  private putBlock({ head, writes, ...log }: BlockCommit): void {
    putLog(this.environment, log);
    for (const [path, value] of writes) {
      const key = keys.stateKey(path);
      if (value === undefined) this.environment.removeSync(key);
      else putPayload(this.environment, key, value);
    }
    putRow(this.environment, keys.singleKey('head'), rows.headRow, head);
  }

  private putVote({ record, putBodies, deleteBodies }: VoteChange): void {
    putPayload(this.environment, keys.singleKey('vote'), record);
    for (const digest of deleteBodies) this.environment.removeSync(keys.digestKey('body', digest));
    for (const [digest, body] of putBodies) putPayload(this.environment, keys.digestKey('body', digest), body);
  }

  private putSession(): void {
    putRow(this.environment, keys.singleKey('session'), rows.sessionRow, this.session);
  }

  private assertSession(): void {
    const owner = readRow(this.environment, keys.singleKey('session'), rows.sessionRow);
    if (owner === undefined || !equalBytes(owner, this.session))
      throw new StoreError('another process has opened this store since');
  }
}
