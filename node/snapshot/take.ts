// Takes a snapshot from other validators and puts it in place of what the store holds (S2, S4). Whoever calls it lets
// nothing else use the store from `ready` on, and begins anew with what is in it afterwards.
import { decodeRecord, encodeRecord, recordAfter } from '../consensus/record.ts';
import { assert } from '../ledger/assert.ts';
import { equalBytes } from '../ledger/hash.ts';
import type { VoteChange } from '../store/store.ts';
import { assemble } from './assemble.ts';
import { type Downloaded, type DownloadParts, SnapshotDownload } from './download.ts';

export interface TakeParts extends DownloadParts {
  /** Called when all of it is here: nothing else may use the store any more. */
  ready(): void;
  log(level: 'info' | 'warn', text: string, facts: object): void;
}

/** Whether one was taken. Throws only what the store throws. */
export async function takeSnapshot(parts: TakeParts, from: readonly number[]): Promise<boolean> {
  const downloaded = await new SnapshotDownload(parts).from(from);
  return downloaded !== undefined && put(parts, downloaded);
}

/** [R4] For who heals: that one was taken, or the height of one that is staged and no later than what is here. */
export async function takeAnySnapshot(parts: TakeParts, from: readonly number[]): Promise<true | number | undefined> {
  const downloaded = await new SnapshotDownload(parts).anyFrom(from);
  if (downloaded === undefined || !parts.isWanted()) return undefined;
  if ('head' in downloaded) return put(parts, downloaded) || undefined;
  return downloaded.header.height;
}

function put(parts: TakeParts, downloaded: Downloaded): boolean {
  const { store, log } = parts;
  if (!parts.isWanted() || downloaded.head.height <= store.head().height) return false;
  const snapshot = assemble(store, downloaded);
  if (typeof snapshot === 'string') {
    log('warn', 'a snapshot was not taken', { height: downloaded.head.height, reason: snapshot });
    store.dropParts('staged', downloaded.head.height);
    return false;
  }
  parts.ready();
  const { certificate } = downloaded.manifest;
  const stored = store.voteRecord();
  assert(stored !== undefined, 'a store is made with its vote record');
  const record = decodeRecord(stored);
  const { sets } = downloaded;
  const own = sets.latest.validators.find(({ id }) => id === store.identity.validator);
  const former = sets.epoch(record.epoch)?.validators ?? [];
  const isRekeyed = own !== undefined && !former.some(({ voteKey }) => equalBytes(voteKey, own.voteKey));
  const vote: VoteChange = {
    record: encodeRecord(recordAfter(record, certificate, sets.latest.epoch, isRekeyed)),
    putBodies: [],
    deleteBodies: record.bodies,
  };
  store.install(snapshot, vote);
  log('info', 'the state is that of a snapshot', { height: snapshot.head.height, logFrom: snapshot.base.height + 1 });
  return true;
}
