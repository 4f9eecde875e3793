// The checkpoint rows in LMDB. One that is damaged is as one that is not there [K5]: not every block has one, and a
// later one covers it. What the audit key signed last stands in a row of its own, whose damage lets no start pass.
import { cosignedHeadSchema, type StableCheckpoint, stableCheckpointSchema } from '../ledger/cosignature.ts';
import * as keys from './keys.ts';
import { type Environment, putRow, readValue } from './lmdb-environment.ts';
import { decodeRow } from './rows.ts';
import type { CheckpointChange } from './store.ts';

export function readCheckpoint(environment: Environment, height: number): StableCheckpoint | undefined {
  const key = keys.numberKey('checkpoint', height);
  const value = readValue(environment, key);
  return value === undefined ? undefined : soundRow(key, value);
}

/** Of the greatest height up to `height` that has a sound one. */
export function lastCheckpoint(environment: Environment, height: number): StableCheckpoint | undefined {
  const [start, end] = [keys.numberKey('checkpoint', height), keys.numberKey('checkpoint', 0)];
  for (const { key, value } of environment.getRange({ start, end, reverse: true })) {
    const found = soundRow(key, value);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Inside a write transaction only. */
export function putCheckpoints(environment: Environment, { own, stable }: CheckpointChange): void {
  if (own !== undefined) putRow(environment, keys.singleKey('cosigned'), cosignedHeadSchema, own);
  for (const each of stable)
    putRow(environment, keys.numberKey('checkpoint', each.height), stableCheckpointSchema, each);
}

function soundRow(key: Buffer, value: Buffer): StableCheckpoint | undefined {
  return keys.isSound(key, value) ? decodeRow(key, stableCheckpointSchema, value) : undefined;
}
