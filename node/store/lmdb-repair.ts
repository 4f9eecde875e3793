// Rows of an LMDB store made again from the log (rule R4). It reads past what is damaged, compares, and writes only
// what differs; the caller runs it inside one write.
import { certificateSchema } from '../ledger/certificate.ts';
import { equalBytes } from '../ledger/hash.ts';
import * as keys from './keys.ts';
import { type Environment, readValue } from './lmdb-environment.ts';
import { nodeLevelMin } from './lmdb-log.ts';
import * as rows from './rows.ts';
import type { RepairedBlock, StateDifference, StatePath } from './store.ts';
import { DamagedRow } from './store.ts';

const sliceRows = 1_000;

export function repairBlock(environment: Environment, block: RepairedBlock): number {
  let repaired = 0;
  const put = (key: Buffer, value: Buffer) => {
    if (equalBytes(readValue(environment, key) ?? Buffer.alloc(0), value)) return;
    environment.putSync(key, value);
    repaired++;
  };
  block.entries.forEach((entry, at) => {
    const key = keys.numberKey('entry', block.block.firstIndex + at);
    put(key, keys.seal(key, entry));
  });
  for (const { level, index, hash } of block.nodes) {
    const key = keys.nodeKey(level, index);
    if (level >= nodeLevelMin) put(key, keys.seal(key, hash));
  }
  const { height } = block.block;
  const blockKey = keys.numberKey('block', height);
  put(blockKey, rows.encodeRow(blockKey, rows.blockRow, block.block));
  if (block.certificate !== undefined) {
    const key = keys.numberKey('certificate', height);
    put(key, rows.encodeRow(key, certificateSchema, block.certificate));
  }
  for (const row of block.references) {
    const key = keys.referenceKey(row.member, row.reference);
    put(key, rows.encodeRow(key, rows.referenceRow, row));
  }
  for (const [id, index] of block.transactions) {
    const key = keys.digestKey('transaction', id);
    put(key, rows.encodeRow(key, rows.indexRow, index));
  }
  return repaired;
}

/** Keys are compared as bytes: a flipped bit may have made one that is no path. */
export function repairState(environment: Environment, right: ReadonlyMap<StatePath, Uint8Array>): StateDifference[] {
  const wanted = new Map([...right].map(([path, value]) => [keys.stateKey(path).toString('latin1'), { path, value }]));
  const differences: StateDifference[] = [];
  const wrong: { readonly key: Buffer; readonly value: Uint8Array | undefined }[] = [];
  for (const { key, value } of stateRows(environment)) {
    const expected = wanted.get(key.toString('latin1'));
    wanted.delete(key.toString('latin1'));
    const stored = payloadOf(key, value);
    if (expected !== undefined && stored !== undefined && equalBytes(stored, expected.value)) continue;
    wrong.push({ key, value: expected?.value });
    const found = stored === undefined ? 'damaged' : expected === undefined ? 'extra' : 'other';
    const bytes = stored ?? value.subarray(0, Math.max(0, value.length - keys.sumBytes));
    differences.push({ path: expected?.path ?? keys.statePath(key), found, stored: bytes, right: expected?.value });
  }
  for (const { path, value } of wanted.values()) {
    wrong.push({ key: keys.stateKey(path), value });
    differences.push({ path, found: 'missing', stored: undefined, right: value });
  }
  for (const { key, value } of wrong)
    if (value === undefined) environment.removeSync(key);
    else environment.putSync(key, keys.seal(key, value));
  return differences;
}

function payloadOf(key: Buffer, value: Buffer): Uint8Array | undefined {
  try {
    return keys.unseal(key, value);
  } catch (error) {
    if (error instanceof DamagedRow) return undefined;
    throw error;
  }
}

/** Copies: nothing is written while a cursor is open. */
function* stateRows(environment: Environment): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
  let start = keys.stateKey('');
  const end = keys.endOfPrefix(start);
  for (;;) {
    const slice = [...environment.getRange({ start, end, limit: sliceRows })];
    for (const { key, value } of slice) yield { key: Buffer.from(key), value: Buffer.from(value) };
    const last = slice.at(-1);
    if (last === undefined || slice.length < sliceRows) return;
    start = keys.nextKey(Buffer.from(last.key));
  }
}
