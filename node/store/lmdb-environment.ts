// Opening LMDB by rules that were measured: no overlapping syncs from the first open on (the default lost acknowledged
// writes and crashed on crash images), no write map, no cache, binary keys and values. The only file that imports lmdb.
import { open, type RootDatabase } from 'lmdb';
import { assert } from '../ledger/assert.ts';
import type { Schema } from '../ledger/schema.ts';
import { unreadable } from './data-file.ts';
import { beyondRepair, seal, unseal } from './keys.ts';
import { decodeRow, encodeRow } from './rows.ts';

export type Environment = RootDatabase<Buffer, Buffer>;

/** Creates the file where there is none, unless it is opened read-only: the caller has looked (data-file.ts). */
export function openEnvironment(folder: string, readOnly = false): Environment {
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

export function readRow<T>(environment: Environment, key: Buffer, schema: Schema<T>): T | undefined {
  const value = readValue(environment, key);
  return value === undefined ? undefined : decodeRow(key, schema, value);
}

/**
 * The stored bytes with their sum. Throws StoreError where LMDB itself finds that it cannot read: nothing can be
 * written into such pages either, so that is no row that heals.
 */
export function readValue(environment: Environment, key: Buffer): Buffer | undefined {
  try {
    return environment.getBinary(key);
  } catch (error) {
    throw beyondRepair(key, `LMDB cannot read its pages (${messageOf(error)})`);
  }
}

export function readPayload(environment: Environment, key: Buffer): Uint8Array | undefined {
  const value = readValue(environment, key);
  return value === undefined ? undefined : unseal(key, value);
}

/** Inside a write transaction only, like all that puts. */
export function putRow<T>(environment: Environment, key: Buffer, schema: Schema<T>, value: T): void {
  environment.putSync(key, encodeRow(key, schema, value));
}

export function putPayload(environment: Environment, key: Buffer, payload: Uint8Array): void {
  environment.putSync(key, seal(key, payload));
}

/** Whether LMDB has found pages that are not what it wrote. */
export function isPageDamage(error: unknown): boolean {
  return /^MDB_(?:CORRUPTED|PAGE_NOTFOUND|PANIC|INVALID)/.test(messageOf(error));
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
