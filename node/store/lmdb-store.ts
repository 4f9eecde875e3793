// The store over one LMDB environment, by rules that were measured: no overlapping syncs from the first open on,
// `transactionSync` alone (`transaction` keeps the puts of a callback that throws), no write map, no cache, no iterator
// across an await, and a commit that fails is the end of the process. The only file that knows lmdb.
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { assert } from '../ledger/assert.ts';
import type { CommitCertificate } from '../ledger/certificate.ts';
import { type Digest, equalBytes, leafHash } from '../ledger/hash.ts';
import type { Schema } from '../ledger/schema.ts';
import { assertFollows, assertGenesis } from './continuity.ts';
import { checkDataFile, hasDataFile, unreadable } from './data-file.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import { checkIntegrity } from './integrity.ts';
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

type Environment = RootDatabase<Buffer, Buffer>;

const stateSliceRecords = 1_000;

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
    const environment = openEnvironment(folder, false);
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
    store = openChecked(folder, expected, false, lock);
    store.takeOver();
    return store;
  } catch (error) {
    await (store?.close() ?? lock.release());
    throw error;
  }
}

/** Opens read-only, checks as a start would, and closes; it takes no lock. For the preflight's child. */
export async function inspectLmdbStore(folder: string): Promise<void> {
  checkDataFile(folder);
  await openChecked(folder, {}, true, undefined).close();
}

function openChecked(
  folder: string,
  expected: ExpectedIdentity,
  readOnly: boolean,
  lock: FolderLock | undefined,
): LmdbStore {
  const environment = openEnvironment(folder, readOnly);
  const identity = readIdentity(environment, folder, expected);
  const headKey = rows.singleKey('head');
  const head = read(environment, headKey, rows.headRow);
  if (head === undefined) throw unreadable(folder, 'it holds no head record');
  const store = new LmdbStore(environment, folder, identity, head, lock);
  checkIntegrity(store);
  return store;
}

function openEnvironment(folder: string, readOnly: boolean): Environment {
  let environment: Environment;
  try {
    environment = open<Buffer, Buffer>({
      path: folder,
      // Without this a folder with a dot in its name would be taken for a file.
      noSubdir: false,
      readOnly,
      overlappingSync: false,
      encoding: 'binary',
      keyEncoding: 'binary',
      // Address space, no disk space; past it LMDB maps again by itself.
      mapSize: 2 ** 30,
    });
  } catch (error) {
    throw unreadable(folder, `LMDB cannot open it (${messageOf(error)})`);
  }
  assert(Reflect.get(environment, 'overlappingSync') === false, 'an environment never has overlapping syncs');
  return environment;
}

function readIdentity(environment: Environment, folder: string, expected: ExpectedIdentity): StoreIdentity {
  const identity = read(environment, rows.singleKey('identity'), rows.identityRow);
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

function read<T>(environment: Environment, key: Buffer, schema: Schema<T>): T | undefined {
  const value = environment.getBinary(key);
  return value === undefined ? undefined : rows.decodeRow(key, schema, value);
}

class LmdbStore implements Store {
  readonly identity: StoreIdentity;
  private readonly environment: Environment;
  private readonly folder: string;
  private readonly lock: FolderLock | undefined;
  /** Written at open and compared in each write: an older process that still lives cannot write any more. */
  private readonly session = randomBytes(16);
  private last: Head;
  private state: 'open' | 'failed' | 'closed' = 'open';

  constructor(
    environment: Environment,
    folder: string,
    identity: StoreIdentity,
    head: Head,
    lock: FolderLock | undefined,
  ) {
    this.environment = environment;
    this.folder = folder;
    this.identity = identity;
    this.last = head;
    this.lock = lock;
  }

  initialise(genesis: BlockCommit, vote: VoteChange | undefined): void {
    this.write(() => {
      this.putSession();
      this.putRow(rows.singleKey('identity'), rows.identityRow, this.identity);
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
    const key = rows.numberKey('entry', index);
    const entry = this.payload(key);
    if (entry === undefined) return undefined;
    const leaf = this.node(0, index);
    if (leaf !== undefined && !equalBytes(leafHash(entry), leaf))
      throw rows.damaged(key, 'it does not hash to its leaf in the tree');
    return entry;
  }

  entries(from: number, to: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (let index = from; index < Math.min(to, this.last.logSize); index++) {
      const entry = this.entry(index);
      if (entry === undefined) throw rows.damaged(rows.numberKey('entry', index), 'it is missing');
      found.push(entry);
    }
    return found;
  }

  block(height: number): BlockRow | undefined {
    return read(this.environment, rows.numberKey('block', height), rows.blockRow);
  }

  certificate(height: number): CommitCertificate | undefined {
    return read(this.environment, rows.numberKey('certificate', height), rows.certificateRow);
  }

  transaction(id: Digest): number | undefined {
    return read(this.environment, rows.digestKey('transaction', id), rows.indexRow);
  }

  reference(member: string, reference: string): ReferenceRow | undefined {
    const row = read(this.environment, rows.referenceKey(member, reference), rows.referenceRow);
    return row === undefined ? undefined : { member, reference, ...row };
  }

  node(level: number, index: number): Uint8Array | undefined {
    return this.payload(rows.nodeKey(level, index));
  }

  get(path: StatePath): Uint8Array | undefined {
    return this.payload(rows.stateKey(path));
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
    const first = rows.stateKey(prefix);
    const past = after === undefined ? undefined : rows.nextKey(rows.stateKey(after));
    const start = past !== undefined && Buffer.compare(past, first) > 0 ? past : first;
    const end = rows.endOfPrefix(first);
    if (limit <= 0 || Buffer.compare(start, end) >= 0) return [];
    // Read to the end at once: an open cursor would keep pages from being used again.
    const found = [...this.environment.getRange({ start, end, limit })];
    return found.map(({ key, value }) => [rows.statePath(key), rows.unseal(key, value)]);
  }

  voteRecord(): Uint8Array | undefined {
    return this.payload(rows.singleKey('vote'));
  }

  body(digest: Digest): Uint8Array | undefined {
    return this.payload(rows.digestKey('body', digest));
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
    await this.lock?.release();
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
      this.putPayload(rows.numberKey('entry', block.firstIndex + i), entry);
    });
    for (const { level, index, hash } of rest.nodes) this.putPayload(rows.nodeKey(level, index), hash);
    this.putRow(rows.numberKey('block', block.height), rows.blockRow, block);
    if (certificate !== undefined)
      this.putRow(rows.numberKey('certificate', block.height), rows.certificateRow, certificate);
    for (const [path, value] of rest.writes) {
      const key = rows.stateKey(path);
      if (value === undefined) this.environment.removeSync(key);
      else this.putPayload(key, value);
    }
    for (const row of rest.references)
      this.putRow(rows.referenceKey(row.member, row.reference), rows.referenceRow, row);
    for (const [id, index] of rest.transactions) this.putRow(rows.digestKey('transaction', id), rows.indexRow, index);
    this.putRow(rows.singleKey('head'), rows.headRow, head);
  }

  private putVote({ record, putBodies, deleteBodies }: VoteChange): void {
    this.putPayload(rows.singleKey('vote'), record);
    for (const digest of deleteBodies) this.environment.removeSync(rows.digestKey('body', digest));
    for (const [digest, body] of putBodies) this.putPayload(rows.digestKey('body', digest), body);
  }

  private putSession(): void {
    this.putRow(rows.singleKey('session'), rows.sessionRow, this.session);
  }

  private assertSession(): void {
    const owner = read(this.environment, rows.singleKey('session'), rows.sessionRow);
    if (!rows.sameBytes(owner, this.session)) throw new StoreError('another process has opened this store since');
  }

  private putRow<T>(key: Buffer, schema: Schema<T>, value: T): void {
    this.environment.putSync(key, rows.encodeRow(key, schema, value));
  }

  private putPayload(key: Buffer, payload: Uint8Array): void {
    this.environment.putSync(key, rows.seal(key, payload));
  }

  private payload(key: Buffer): Uint8Array | undefined {
    const value = this.environment.getBinary(key);
    return value === undefined ? undefined : rows.unseal(key, value);
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
