// What can be said of a data file without LMDB: that it is there, is not empty, and begins with two sound meta pages of
// the one sync mode. LMDB takes an empty file for a new database and dies of a zeroed meta page.
import { closeSync, existsSync, openSync, readSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from './store.ts';

export const dataFileName = 'data.mdb';

// Offsets within a page: the page header has 24 bytes, then follow magic, version, address, map size, and the free
// list's record with the page size and the flags (liblmdb, mdb.c, struct MDB_meta).
const magicAt = 24;
const pageBytesAt = 48;
const flagsAt = 52;
const magic = 0xbeefc0de;
const overlappingSyncFlag = 0x1000;

/** Throws StoreError; the folder holds a store if it returns. */
export function checkDataFile(folder: string): void {
  const file = join(folder, dataFileName);
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw missing(folder);
  if (!found.isFile()) throw broken(file, 'it is no file');
  if (found.size === 0) throw broken(file, 'it is empty');
  const first = readMeta(file, 0);
  if (first === undefined) throw broken(file, 'its first meta page is damaged');
  const second = readMeta(file, first.pageBytes);
  if (second === undefined) throw broken(file, 'its second meta page is damaged');
  if (first.overlappingSync || second.overlappingSync)
    throw new StoreError(
      `${file} was written with overlapping syncs. A store written so may lose acknowledged blocks after a crash and ` +
        'is not opened. Set the folder aside and let the node catch up in a new one, under a rotated vote key.',
    );
}

export function hasDataFile(folder: string): boolean {
  return existsSync(join(folder, dataFileName));
}

export function dataFileBytes(folder: string): number {
  return statSync(join(folder, dataFileName)).size;
}

/** Bytes that an unprivileged process may still write there; the driver goes read-only before they end. */
export function freeSpaceBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

interface Meta {
  readonly pageBytes: number;
  readonly overlappingSync: boolean;
}

function readMeta(file: string, at: number): Meta | undefined {
  const page = Buffer.alloc(64);
  const descriptor = openSync(file, 'r');
  try {
    if (readSync(descriptor, page, 0, page.length, at) !== page.length) return undefined;
  } finally {
    closeSync(descriptor);
  }
  const pageBytes = page.readUInt32LE(pageBytesAt);
  const isPowerOfTwo = pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0;
  if (page.readUInt32LE(magicAt) !== magic || !isPowerOfTwo) return undefined;
  return { pageBytes, overlappingSync: (page.readUInt16LE(flagsAt) & overlappingSyncFlag) !== 0 };
}

/** Nothing there although a node is to start: its memory of what it signed is gone. */
function missing(folder: string): StoreError {
  return new StoreError(
    `amnesia: there is no store in ${folder}. A validator without its store does not know what it has signed and ` +
      'could contradict itself, so starting never creates one. For a new node run `daybook node init`, which makes ' +
      'its keys and its store together. For a node that ran before, mount or name the right folder; if the store is ' +
      'lost, have its vote key rotated by the consortium and begin with a new folder and the new key.',
  );
}

function broken(file: string, why: string): StoreError {
  return new StoreError(
    `damaged store: ${file}: ${why}. Keep the node stopped and do not serve this folder; set it aside, check the ` +
      'disk, and let the node rebuild from its peers in a new folder, under a rotated vote key: the record of what ' +
      'it signed is part of the damage.',
  );
}

export function unreadable(folder: string, why: string): StoreError {
  return broken(join(folder, dataFileName), why);
}
