// The store over one LMDB environment. Writes go through `transactionSync` alone (lmdb's `transaction` keeps the puts
// of a callback that throws), no iterator lives across an await, and a commit that fails is the end of the process.
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { assert } from '../ledger/assert.ts';
import { type CommitCertificate, certificateSchema } from '../ledger/certificate.ts';
import { type Digest, equalBytes, leafHash } from '../ledger/hash.ts';
import { rootOf } from '../ledger/merkle.ts';
import type { Schema } from '../ledger/schema.ts';
import { assertFollows, assertGenesis } from './continuity.ts';
import { checkDataFile, hasDataFile, unreadable } from './data-file.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import { checkIntegrity } from './integrity.ts';
import * as keys from './keys.ts';
import { type Environment, messageOf, openEnvironment, readRow, readValue } from './lmdb-environment.ts';
import * as rows from './rows.ts';
import type {
  BlockCommit,
  BlockRow,
  Head,
  ReferenceRow,
  StatePath,
  Store,
  StoreIdentity,
  VoteChange,
} from './store.ts';
import { StoreError, StoreFailure } from './store.ts';

const stateSliceRecords = 1_000;
/**
 * Nodes of smaller subtrees are hashed from their entries when they are asked for: a proof reads at most 15 entries for
 * them, and a block writes a quarter of the node rows (a third of all its rows were nodes below this level).
 */
const nodeLevelMin = 4;

/** What the caller knows about the folder it names. */
export interface ExpectedIdentity {
  readonly chainId?: Digest;
  readonly validator?: string;
}

/** Makes a new store with its genesis block. Refuses a folder that holds one. */
export async function createLmdbStore(
  folder: string,
  identity: StoreIdentity,
  genesis: BlockCommit,
  vote?: VoteChange,
): Promise<Store> {
  assertGenesis(identity, genesis);
  assert(identity.format === rows.storeFormat, `this version writes store format ${rows.storeFormat}`);
  mkdirSync(folder, { recursive: true });
  const lock = await lockFolder(folder);
  try {
    if (hasDataFile(folder))
      throw new StoreError(
        `${folder} already holds a store, or what an interrupted creation left. Nothing was changed. Start the node ` +
          'with `daybook node start`, or name another folder; remove this one only if no node ever started with it.',
      );
    const environment = openEnvironment(folder);
    const store = new LmdbStore(environment, folder, identity, genesis.head, lock);
    store.initialise(genesis, vote);
    // The file's name must survive a power failure too, and LMDB syncs the file alone.
    syncFolder(folder);
    syncFolder(dirname(resolve(folder)));
    return store;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Opens what `createLmdbStore` made. Never creates; throws StoreError when the folder is not what it must be. */
export async function openLmdbStore(folder: string, expected: ExpectedIdentity = {}): Promise<Store> {
  checkDataFile(folder);
  const lock = await lockFolder(folder);
  let store: LmdbStore | undefined;
  try {
    store = openChecked(folder, expected, lock);
    store.takeOver();
    return store;
  } catch (error) {
    await (store?.close() ?? lock.release());
    throw error;
  }
}

function openChecked(folder: string, expected: ExpectedIdentity, lock: FolderLock): LmdbStore {
  const environment = openEnvironment(folder);
  const identity = readIdentity(environment, folder, expected);
  const headKey = keys.singleKey('head');
  const head = readRow(environment, headKey, rows.headRow);
  if (head === undefined) throw unreadable(folder, 'it holds no head record');
  const store = new LmdbStore(environment, folder, identity, head, lock);
  checkIntegrity(store);
  return store;
}

function readIdentity(environment: Environment, folder: string, expected: ExpectedIdentity): StoreIdentity {
  const identity = readRow(environment, keys.singleKey('identity'), rows.identityRow);
  if (identity === undefined)
    throw new StoreError(
      `${folder} holds a database without an identity record: either its creation was interrupted or it is damaged. ` +
        'If no node ever started with it, remove the folder and run `daybook node init` again; otherwise set it ' +
        'aside and begin with a new folder, under a rotated vote key.',
    );
  if (identity.format !== rows.storeFormat)
    throw new StoreError(
      `${folder} has store format ${identity.format}; this version knows ${rows.storeFormat}. Start the version of ` +
        'the node that wrote it, or let this one catch up from its peers in a new folder, under a rotated vote key.',
    );
  if (expected.chainId !== undefined && identity.chainId !== expected.chainId)
    throw new StoreError(
      `${folder} belongs to another chain: it holds ${identity.chainId}, and the genesis says ${expected.chainId}. ` +
        'Name the folder or the genesis file that belongs to this node.',
    );
  if (expected.validator !== undefined && identity.validator !== expected.validator)
    throw new StoreError(
      `${folder} belongs to validator ${identity.validator}, and this node is ${expected.validator}. Two nodes on ` +
        'one record of votes contradict each other. Name the folder that belongs to this node.',
    );
  return identity;
}

class LmdbStore implements Store {
  readonly identity: StoreIdentity;
  private readonly environment: Environment;
  private readonly folder: string;
  private readonly lock: FolderLock;
  /** Written at open and compared in each write: an older process that still lives cannot write any more. */
  private readonly session = randomBytes(16);
  private last: Head;
  private state: 'open' | 'failed' | 'closed' = 'open';

  constructor(environment: Environment, folder: string, identity: StoreIdentity, head: Head, lock: FolderLock) {
    this.environment = environment;
    this.folder = folder;
    this.identity = identity;
    this.last = head;
    this.lock = lock;
  }

  initialise(genesis: BlockCommit, vote: VoteChange | undefined): void {
    this.write(() => {
      this.putSession();
      this.putRow(keys.singleKey('identity'), rows.identityRow, this.identity);
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

  entry(index: number): Uint8Array | undefined {
    const key = keys.numberKey('entry', index);
    const entry = this.payload(key);
    if (entry === undefined) {
      if (index >= 0 && index < this.last.logSize) throw keys.damaged(key, 'it is missing');
      return undefined;
    }
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
    return this.rowUpTo(0, height, keys.numberKey('block', height), rows.blockRow);
  }

  certificate(height: number): CommitCertificate | undefined {
    return this.rowUpTo(1, height, keys.numberKey('certificate', height), certificateSchema);
  }

  /** A row that exists for each height from `first` to the head's. A flipped bit in a key loses it without a sign. */
  private rowUpTo<T>(first: number, height: number, key: Buffer, schema: Schema<T>): T | undefined {
    const row = readRow(this.environment, key, schema);
    if (row === undefined && height >= first && height <= this.last.height) throw keys.damaged(key, 'it is missing');
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
    if (level >= nodeLevelMin) return this.payload(keys.nodeKey(level, index));
    const [from, to] = [index * 2 ** level, (index + 1) * 2 ** level];
    return from >= 0 && to <= this.last.logSize ? rootOf(this.entries(from, to).map(leafHash)) : undefined;
  }

  get(path: StatePath): Uint8Array | undefined {
    return this.payload(keys.stateKey(path));
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
    const found = [...this.environment.getRange({ start, end, limit })];
    return found.map(({ key, value }) => [keys.statePath(key), keys.unseal(key, value)]);
  }

  voteRecord(): Uint8Array | undefined {
    return this.payload(keys.singleKey('vote'));
  }

  body(digest: Digest): Uint8Array | undefined {
    return this.payload(keys.digestKey('body', digest));
  }

  commit(commit: BlockCommit, vote: VoteChange): void {
    assertFollows(this.last, commit);
    this.write(() => {
      this.assertSession();
      this.putBlock(commit);
      this.putVote(vote);
    });
    this.last = commit.head;
  }

  persistVote(vote: VoteChange): void {
    this.write(() => {
      this.assertSession();
      this.putVote(vote);
    });
  }

  /** After a failed write nothing touches the environment again, so it is left open for the dying process. */
  async close(): Promise<void> {
    if (this.state === 'closed') return;
    const failed = this.state === 'failed';
    this.state = 'closed';
    if (!failed) await this.environment.close();
    await this.lock.release();
  }

  /**
   * One LMDB transaction, synced when it returns: without overlapping syncs mdb_txn_commit calls fdatasync for the
   * pages and then writes the meta page through a descriptor opened with O_DSYNC. After a failed fdatasync the kernel
   * may drop the dirty pages and report the next one as a success, so a failure is final.
   */
  private write(work: () => void): void {
    if (this.state !== 'open')
      throw new StoreFailure(`the store in ${this.folder} is ${this.state}; nothing is written`);
    try {
      this.environment.transactionSync(work);
    } catch (error) {
      this.state = 'failed';
      throw new StoreFailure(
        `a write to the store in ${this.folder} failed: ${messageOf(error)}. The node ends now and recovers at the ` +
          'next start. Check free space and the health of the disk first.',
        { cause: error },
      );
    }
  }

  private putBlock({ head, block, entries, certificate, ...rest }: BlockCommit): void {
    entries.forEach((entry, i) => {
      this.putPayload(keys.numberKey('entry', block.firstIndex + i), entry);
    });
    for (const { level, index, hash } of rest.nodes)
      if (level >= nodeLevelMin) this.putPayload(keys.nodeKey(level, index), hash);
    this.putRow(keys.numberKey('block', block.height), rows.blockRow, block);
    if (certificate !== undefined)
      this.putRow(keys.numberKey('certificate', block.height), certificateSchema, certificate);
    for (const [path, value] of rest.writes) {
      const key = keys.stateKey(path);
      if (value === undefined) this.environment.removeSync(key);
      else this.putPayload(key, value);
    }
    for (const row of rest.references)
      this.putRow(keys.referenceKey(row.member, row.reference), rows.referenceRow, row);
    for (const [id, index] of rest.transactions) this.putRow(keys.digestKey('transaction', id), rows.indexRow, index);
    this.putRow(keys.singleKey('head'), rows.headRow, head);
  }

  private putVote({ record, putBodies, deleteBodies }: VoteChange): void {
    this.putPayload(keys.singleKey('vote'), record);
    for (const digest of deleteBodies) this.environment.removeSync(keys.digestKey('body', digest));
    for (const [digest, body] of putBodies) this.putPayload(keys.digestKey('body', digest), body);
  }

  private putSession(): void {
    this.putRow(keys.singleKey('session'), rows.sessionRow, this.session);
  }

  private assertSession(): void {
    const owner = readRow(this.environment, keys.singleKey('session'), rows.sessionRow);
    if (owner === undefined || !equalBytes(owner, this.session))
      throw new StoreError('another process has opened this store since');
  }

  private putRow<T>(key: Buffer, schema: Schema<T>, value: T): void {
    this.environment.putSync(key, rows.encodeRow(key, schema, value));
  }

  private putPayload(key: Buffer, payload: Uint8Array): void {
    this.environment.putSync(key, keys.seal(key, payload));
  }

  private payload(key: Buffer): Uint8Array | undefined {
    const value = readValue(this.environment, key);
    return value === undefined ? undefined : keys.unseal(key, value);
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
