// How a store's folder is made, and how one that is there is opened: never anything in between. Whatever is not as it
// must be is refused with what to do, before anything is written.
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { assert } from '../ledger/assert.ts';
import type { Digest } from '../ledger/hash.ts';
import { assertGenesis } from './continuity.ts';
import { checkDataFile, hasDataFile, unreadable } from './data-file.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import { checkIntegrity, InconsistentStore } from './integrity.ts';
import * as keys from './keys.ts';
import { type Environment, openEnvironment, readRow } from './lmdb-environment.ts';
import { LmdbStore } from './lmdb-store.ts';
import * as rows from './rows.ts';
import type { BlockCommit, Store, StoreIdentity, VoteChange } from './store.ts';
import { DamagedRow, StoreError } from './store.ts';

/** What the caller knows about the folder it names. */
export interface ExpectedIdentity {
  readonly chainId?: Digest;
  readonly validator?: string;
  /** Whoever opens it heals it: rows that can be made again may be damaged, and `flaw` says what was found. */
  readonly toHeal?: boolean;
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
  try {
    checkIntegrity(store);
  } catch (error) {
    const isHealed = expected.toHeal === true && (error instanceof DamagedRow || error instanceof InconsistentStore);
    if (!isHealed) throw error;
    store.flaw = error.message;
  }
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

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
