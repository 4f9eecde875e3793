// A validator's store as somebody with the right to its files sees it: read, and changed, behind the node's back. LMDB
// lets a second process do both while the node runs.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { pieceSchema } from '../../node/snapshot/chunk.ts';
import { partHeight, partRange, seal, singleKey, stateKey, unseal } from '../../node/store/keys.ts';
import { type Environment, openEnvironment, readRow } from '../../node/store/lmdb-environment.ts';
import { baseRow } from '../../node/store/rows.ts';
import { pause, type Validator } from './validator.ts';

const opensMax = 100;
const kindAt = 9;
const pieceKind = 1;
const chunkAt = 10;
/** The first of a liar's chunks are true, so that it is seen to be asked. */
const soundChunks = 32;

function chunkOf(key: Buffer): number {
  return Number(key.readBigUInt64BE(chunkAt));
}

async function read<T>({ paths }: Validator, look: (environment: Environment) => T): Promise<T> {
  const environment = await opened(paths.data);
  try {
    return look(environment);
  } finally {
    await environment.close();
  }
}

/** While the node makes its lock file LMDB refuses others (EINVAL): a moment later it does not. */
async function opened(folder: string): Promise<Environment> {
  for (let tries = 1; ; tries++) {
    try {
      return openEnvironment(folder, true);
    } catch (error) {
      if (tries === opensMax) throw error;
      await pause(50);
    }
  }
}

async function change(validator: Validator, work: (environment: Environment) => void): Promise<void> {
  const environment = openEnvironment(validator.paths.data);
  try {
    environment.transactionSync(() => work(environment));
  } finally {
    await environment.close();
  }
}

export function dataBytes({ paths }: Validator): number {
  return statSync(join(paths.data, 'data.mdb')).size;
}

/** The last height whose block is forgotten. */
export function prunedHeight(validator: Validator): Promise<number> {
  return read(validator, (environment) => readRow(environment, singleKey('base'), baseRow)?.height ?? 0);
}

/** Chunks of a snapshot that this validator has fetched and not put in place yet. */
export function stagedChunks(validator: Validator): Promise<number> {
  return read(validator, (environment) => {
    const chunks = new Set<number>();
    for (const key of environment.getKeys(partRange('staged'))) if (key[kindAt] === pieceKind) chunks.add(chunkOf(key));
    return chunks.size;
  });
}

/**
 * What a stopped validator has on offer becomes false in itself and right in its sums: a liar's. Gives how many pieces
 * became false, and how many of its newest snapshot are true still.
 */
export async function spoilOffers(validator: Validator): Promise<{ readonly spoilt: number; readonly sound: number }> {
  let spoilt = 0;
  const sound = new Map<number, number>();
  await change(validator, (environment) => {
    const rows = [...environment.getRange(partRange('offered'))].filter(({ key }) => key[kindAt] === pieceKind);
    for (const { key, value } of rows) {
      const height = partHeight(key);
      const piece = decodeAs(pieceSchema, unseal(key, value));
      const records = piece.records.map(({ path, value: old }, i) => ({ path, value: i === 0 ? other(old) : old }));
      if (records.length === 0) continue; // nobody asks for an empty chunk
      if (chunkOf(key) < soundChunks) sound.set(height, (sound.get(height) ?? 0) + 1);
      else {
        environment.putSync(key, seal(key, encodeAs(pieceSchema, { ...piece, records })));
        spoilt += 1;
      }
    }
  });
  return { spoilt, sound: sound.get(Math.max(...sound.keys())) ?? 0 };
}

function other(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return changed;
}

/** A bit flips in each of these records of the state. */
export function flipState(validator: Validator, paths: readonly string[]): Promise<void> {
  return change(validator, (environment) => {
    for (const path of paths) {
      const key = stateKey(path);
      const value = Buffer.from(environment.getBinary(key) ?? []);
      if (value.length === 0) continue;
      value[value.length >> 1] = (value[value.length >> 1] ?? 0) ^ 0x10;
      environment.putSync(key, value);
    }
  });
}

export interface Incident {
  readonly kind: string;
  readonly outcome: string;
  readonly height: number;
  readonly records?: readonly { readonly contract: string; readonly key: string; readonly found: string }[];
}

/** The reports that the node wrote beside its data, oldest first. */
export function incidentsOf({ paths }: Validator): Incident[] {
  return readdirSync(paths.folder)
    .filter((name) => /^incident-\d+\.json$/.test(name))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(paths.folder, name), 'utf8')) as Incident);
}
