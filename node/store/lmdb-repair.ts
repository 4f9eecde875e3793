// Rows of an LMDB store made again from the log (rule R4). It reads past what is damaged, compares, and writes only
// what differs; the caller runs it inside one write.
import { certificateSchema } from '../ledger/certificate.ts';
import { equalBytes } from '../ledger/hash.ts';
import * as keys from './keys.ts';
import { type Environment, readValue } from './lmdb-environment.ts';
import { nodeLevelMin, removeRange } from './lmdb-log.ts';
import { needlessNodes } from './pruned-nodes.ts';
import * as rows from './rows.ts';
import type { BlockRow, LogBase, LogStart, RepairedBlock, StateDifference, StatePath } from './store.ts';
import { DamagedRow } from './store.ts';

const sliceRows = 1_000;

export function repairBlock(environment: Environment, block: RepairedBlock): number {
  let repaired = 0;
  const put = (key: Buffer, value: Buffer) => {
    repaired += putWhereOther(environment, key, value);
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

/** Rows of blocks up to the new base go with their indexes; what stays of them is put whether it was there or not. */
export function repairStart(environment: Environment, from: LogBase, { base, peaks, kept }: LogStart): number {
  if (base.height > from.height) forget(environment, from, base);
  let repaired = 0;
  const put = (key: Buffer, value: Buffer) => {
    repaired += putWhereOther(environment, key, value);
  };
  for (const { level, index, hash } of peaks) {
    const key = keys.nodeKey(level, index);
    put(key, keys.seal(key, hash));
  }
  for (const { block, header, certificate } of kept) {
    const [entry, row, seal] = [
      keys.numberKey('entry', block.headerIndex),
      keys.numberKey('block', block.height),
      keys.numberKey('certificate', block.height),
    ];
    put(entry, keys.seal(entry, header));
    if (!isKeptRow(environment, row, block)) put(row, rows.encodeRow(row, rows.blockRow, block));
    put(seal, rows.encodeRow(seal, certificateSchema, certificate));
  }
  const key = keys.singleKey('base');
  put(key, rows.encodeRow(key, rows.baseRow, base));
  return repaired;
}

/** Where the block began is known to whoever pruned it, and not to whoever came by a snapshot. */
function isKeptRow(environment: Environment, key: Buffer, { headerIndex, digest }: BlockRow): boolean {
  const value = readValue(environment, key);
  if (value === undefined || !keys.isSound(key, value)) return false;
  const row = rows.decodeRow(key, rows.blockRow, value);
  return row.headerIndex === headerIndex && row.digest === digest;
}

function forget(environment: Environment, from: LogBase, base: LogBase): void {
  removeRange(environment, { start: keys.numberKey('entry', 1), end: keys.numberKey('entry', base.logSize) });
  for (const table of ['block', 'certificate', 'checkpoint'] as const)
    removeRange(environment, { start: keys.numberKey(table, 1), end: keys.numberKey(table, base.height + 1) });
  for (const { level, index } of needlessNodes(from.logSize, base.logSize, nodeLevelMin))
    environment.removeSync(keys.nodeKey(level, index));
  const isBefore = (key: Buffer, value: Buffer) =>
    keys.isSound(key, value) && rows.decodeRow(key, rows.indexRow, value) < base.logSize;
  const isUsedBefore = (key: Buffer, value: Buffer) =>
    keys.isSound(key, value) && rows.decodeRow(key, rows.referenceRow, value).index < base.logSize;
  for (const { key, value } of rowsIn(environment, keys.tableRange('transaction')))
    if (isBefore(key, value)) environment.removeSync(key);
  for (const { key, value } of rowsIn(environment, keys.tableRange('reference')))
    if (isUsedBefore(key, value)) environment.removeSync(key);
}

function putWhereOther(environment: Environment, key: Buffer, value: Buffer): 0 | 1 {
  if (equalBytes(readValue(environment, key) ?? Buffer.alloc(0), value)) return 0;
  environment.putSync(key, value);
  return 1;
}

/** Keys are compared as bytes: a flipped bit may have made one that is no path. */
export function repairState(environment: Environment, right: ReadonlyMap<StatePath, Uint8Array>): StateDifference[] {
  const wanted = new Map([...right].map(([path, value]) => [keys.stateKey(path).toString('latin1'), { path, value }]));
  const differences: StateDifference[] = [];
  const wrong: { readonly key: Buffer; readonly value: Uint8Array | undefined }[] = [];
  for (const { key, value } of rowsIn(environment, keys.tableRange('state'))) {
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

/** Of the tables whose rows follow from the log, and of bodies: the state has its own repair. */
export function damagedRows(
  environment: Environment,
  from: Uint8Array | undefined,
): { readonly damaged: readonly Buffer[]; readonly next: Buffer | undefined } {
  const [first, last] = [keys.tableRange('entry'), keys.tableRange('reference')];
  const bodies = keys.tableRange('body');
  const start = from === undefined ? first.start : Buffer.from(from);
  const end = Buffer.compare(start, last.end) < 0 ? last.end : bodies.end;
  const slice = [...environment.getRange({ start, end, limit: sliceRows })];
  const damaged = slice.filter(({ key, value }) => !keys.isSound(key, value)).map(({ key }) => Buffer.from(key));
  const lastKey = slice.at(-1)?.key;
  if (lastKey !== undefined && slice.length === sliceRows) return { damaged, next: keys.nextKey(Buffer.from(lastKey)) };
  return { damaged, next: end === last.end ? bodies.start : undefined };
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
function* rowsIn(
  environment: Environment,
  { start: first, end }: { readonly start: Buffer; readonly end: Buffer },
): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
  let start = first;
  for (;;) {
    const slice = [...environment.getRange({ start, end, limit: sliceRows })];
    for (const { key, value } of slice) yield { key: Buffer.from(key), value: Buffer.from(value) };
    const last = slice.at(-1);
    if (last === undefined || slice.length < sliceRows) return;
    start = keys.nextKey(Buffer.from(last.key));
  }
}
