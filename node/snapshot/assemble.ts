// From what is staged to what the store takes in one transaction: the blocks with their index rows and tree nodes, and
// the state record by record. All of it was checked when it was staged; what it means together is checked here.
import { assert } from '../ledger/assert.ts';
import { decodeHeader } from '../ledger/entry.ts';
import { Frontier } from '../ledger/merkle.ts';
import { decodeAs } from '../ledger/schema.ts';
import { storedBlockSchema } from '../network/sync-messages.ts';
import { peakNodes } from '../store/pruned-nodes.ts';
import type { BlockRow, RepairedBlock, Snapshot, Store } from '../store/store.ts';
import { chunkCount, pieceSchema, type StateRecord } from './chunk.ts';
import type { Downloaded } from './download.ts';
import { blockRowsOf } from './log-rows.ts';
import type { CheckedManifest } from './manifest.ts';
import { stagedAt } from './staging.ts';
import { stagedProblem } from './stored.ts';

/** The snapshot, or why this one must not be taken. */
export function assemble(store: Store, downloaded: Downloaded): Snapshot | string {
  const { head, base, basePeaks } = downloaded;
  const problem = stagedProblem(store, downloaded);
  if (problem !== undefined) return problem;
  const peaks = peakNodes(base.logSize, basePeaks);
  const blocks = { [Symbol.iterator]: () => blocksOf(store, downloaded) };
  const state = { [Symbol.iterator]: () => stateOf(store, head.height) };
  return { head, base, peaks, kept: keptOf(downloaded), blocks, state };
}

/** Blocks up to the base that stay for their header. */
export function keptOf({ manifest, base }: CheckedManifest): Snapshot['kept'] {
  const links = manifest.changes.map(({ header, certificate }) => ({ header, certificate }));
  const all = manifest.base === undefined ? links : [...links, manifest.base];
  return all.flatMap(({ header, certificate }) => {
    const { height, logSize } = decodeHeader(header);
    const isTwice = height === base.height && header !== manifest.base?.header;
    if (height > base.height || isTwice) return [];
    const { digest } = certificate;
    // Where the block began is not known, and nothing of it but the header is held.
    const block: BlockRow = { height, digest, firstIndex: logSize, headerIndex: logSize };
    return [{ block, header, certificate }];
  });
}

function* blocksOf(store: Store, { head, base, basePeaks }: Downloaded): Generator<RepairedBlock> {
  const frontier = Frontier.fromHashes(base.logSize, basePeaks);
  for (let height = base.height + 1; height <= head.height; height++) {
    const bytes = store.part(stagedAt(head.height, 'block', height));
    assert(bytes !== undefined, `block ${height} is staged`);
    yield blockRowsOf(decodeAs(storedBlockSchema, bytes), frontier);
  }
}

function* stateOf(store: Store, height: number): Generator<StateRecord> {
  for (let chunk = 0; chunk < chunkCount; chunk++) yield* chunkRecords(store, height, chunk);
}

function* chunkRecords(store: Store, height: number, chunk: number): Generator<StateRecord> {
  for (let number = 0; ; number++) {
    const bytes = store.part(stagedAt(height, 'piece', chunk, number));
    if (bytes === undefined) {
      assert(number === 0, `chunk ${chunk} is staged as a whole or not at all`);
      return;
    }
    const { last, records } = decodeAs(pieceSchema, bytes);
    for (const { path, value } of records) yield [path, value];
    if (last === 1) return;
  }
}
