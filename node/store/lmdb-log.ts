// The rows of the log in LMDB, and what happens to many of them at once: a block that is added, old blocks that go, a
// snapshot that takes the place of everything. Each function runs inside a write transaction that somebody else began.
import { certificateSchema } from '../ledger/certificate.ts';
import * as keys from './keys.ts';
import { type Environment, putPayload, putRow, readRow, readValue } from './lmdb-environment.ts';
import { needlessNodes } from './pruned-nodes.ts';
import * as rows from './rows.ts';
import type { BlockCommit, LogBase, PartPlace, Pruning, Snapshot, StateView } from './store.ts';

/**
 * Nodes of smaller subtrees are hashed from their entries when they are asked for: a proof reads at most 15 entries for
 * them, and a block writes a quarter of the node rows (a third of all its rows were nodes below this level).
 */
export const nodeLevelMin = 4;

const sliceKeys = 10_000;

export function putLog(environment: Environment, commit: Omit<BlockCommit, 'head' | 'writes'>): void {
  const { block, entries, certificate, nodes, references, transactions } = commit;
  entries.forEach((entry, i) => {
    putPayload(environment, keys.numberKey('entry', block.firstIndex + i), entry);
  });
  for (const { level, index, hash } of nodes)
    if (level >= nodeLevelMin) putPayload(environment, keys.nodeKey(level, index), hash);
  putRow(environment, keys.numberKey('block', block.height), rows.blockRow, block);
  if (certificate !== undefined)
    putRow(environment, keys.numberKey('certificate', block.height), certificateSchema, certificate);
  for (const row of references)
    putRow(environment, keys.referenceKey(row.member, row.reference), rows.referenceRow, row);
  for (const [id, index] of transactions) putRow(environment, keys.digestKey('transaction', id), rows.indexRow, index);
}

export function pruneRows(environment: Environment, from: LogBase, pruning: Pruning): void {
  const { base, peaks, kept, transactions, references } = pruning;
  const keptIndexes = new Set<number>();
  for (const height of kept) {
    const row = readRow(environment, keys.numberKey('block', height), rows.blockRow);
    if (row !== undefined) keptIndexes.add(row.headerIndex);
  }
  // The header of the last base goes too, unless it is kept.
  const first = Math.max(1, from.height);
  for (let index = from.height === 0 ? 1 : from.logSize - 1; index < base.logSize; index++)
    if (!keptIndexes.has(index)) environment.removeSync(keys.numberKey('entry', index));
  const keptHeights = new Set(kept);
  for (let height = first; height <= base.height; height++) {
    if (keptHeights.has(height)) continue;
    environment.removeSync(keys.numberKey('block', height));
    environment.removeSync(keys.numberKey('certificate', height));
    environment.removeSync(keys.numberKey('checkpoint', height));
  }
  for (const { level, index } of needlessNodes(from.logSize, base.logSize, nodeLevelMin))
    environment.removeSync(keys.nodeKey(level, index));
  for (const { level, index, hash } of peaks) putPayload(environment, keys.nodeKey(level, index), hash);
  for (const id of transactions) environment.removeSync(keys.digestKey('transaction', id));
  for (const { member, reference, index } of references) {
    const key = keys.referenceKey(member, reference);
    if (readRow(environment, key, rows.referenceRow)?.index === index) environment.removeSync(key);
  }
  putRow(environment, keys.singleKey('base'), rows.baseRow, base);
}

export function installRows(environment: Environment, snapshot: Snapshot): void {
  const { head, base, peaks, kept, blocks, state } = snapshot;
  const log = ['node', 'certificate', 'checkpoint', 'transaction', 'reference', 'state'] as const;
  for (const table of log) removeRange(environment, keys.tableRange(table));
  for (const table of ['entry', 'block'] as const)
    removeRange(environment, { ...keys.tableRange(table), start: keys.numberKey(table, 1) });
  for (const { level, index, hash } of peaks) putPayload(environment, keys.nodeKey(level, index), hash);
  for (const { block, header, certificate } of kept) {
    putPayload(environment, keys.numberKey('entry', block.headerIndex), header);
    putRow(environment, keys.numberKey('block', block.height), rows.blockRow, block);
    putRow(environment, keys.numberKey('certificate', block.height), certificateSchema, certificate);
  }
  for (const commit of blocks) putLog(environment, commit);
  for (const [path, value] of state) putPayload(environment, keys.stateKey(path), value);
  if (base.height > 0) putRow(environment, keys.singleKey('base'), rows.baseRow, base);
  else environment.removeSync(keys.singleKey('base'));
  putRow(environment, keys.singleKey('head'), rows.headRow, head);
  // What was on offer reaches back to blocks that are gone.
  for (const area of ['staged', 'offered'] as const) removeRange(environment, keys.tableRange(area));
}

export function readPart(environment: Environment, place: PartPlace): Uint8Array | undefined {
  const key = keys.partKey(place);
  const value = readValue(environment, key);
  return value !== undefined && keys.isSound(key, value) ? keys.unseal(key, value) : undefined;
}

export function removeRange(
  environment: Environment,
  { start, end }: { readonly start: Buffer; readonly end: Buffer },
): void {
  for (;;) {
    // Read to the end before any is removed: an open cursor and a removal do not go together.
    const found = [...environment.getKeys({ start, end, limit: sliceKeys })].map((key) => Buffer.from(key));
    for (const key of found) environment.removeSync(key);
    if (found.length < sliceKeys) return;
  }
}

/** One read transaction for all slices: commits go on beside it, and its pages stay until it is closed. */
export function viewOf(environment: Environment): StateView {
  const transaction = environment.useReadTransaction();
  const { end } = keys.tableRange('state');
  let { start } = keys.tableRange('state');
  let isOpen = true;
  return {
    next(limit) {
      if (!isOpen) return [];
      const found = [...environment.getRange({ start, end, limit, transaction })];
      const records = found.map(({ key, value }) => [keys.statePath(key), keys.unseal(key, value)] as const);
      const last = found.at(-1);
      if (last !== undefined) start = keys.nextKey(last.key);
      return records;
    },
    close() {
      if (isOpen) transaction.done();
      isOpen = false;
    },
  };
}
