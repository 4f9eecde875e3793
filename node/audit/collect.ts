// What an archive holds of who signed what: entries, certificate, checkpoints, and how the validators came to be. What
// is damaged is said, and hides nothing of the rest: whoever lied may have damaged it.
import { tileWidth } from '../ledger/tile-layout.ts';
import { certificateIn, rebuildFrom, tilesOf } from './archive-proofs.ts';
import type { ArchiveSource } from './archive-source.ts';
import { CollectedLog } from './blame.ts';
import type { GivenCheckpoint, LogTiles } from './consistency.ts';
import type { SetList } from './set-histories.ts';
import { checkpointsPerPage, SourceError } from './source.ts';

export interface CollectedArchive {
  readonly log: CollectedLog;
  /** The archived checkpoint of every height, and the newest. */
  readonly notes: readonly GivenCheckpoint[];
  /** Up to the first block that cannot be read, which then is not the last. */
  readonly changes: SetList;
  readonly tiles: LogTiles;
}

export async function collectArchive(name: string, source: ArchiveSource): Promise<CollectedArchive> {
  const log = new CollectedLog(name);
  const size = await source.logSize();
  const head = await readable(log, () => source.head());
  for (let at = 0; at < size; at += tileWidth) await collectBundle(log, source, at, Math.min(at + tileWidth, size));
  if (head !== undefined) log.finish(head.certificate);
  const found = [await readable(log, () => source.checkpoints.newest())];
  const heights = Math.max(log.height, await source.heights());
  for (let index = 0; index * checkpointsPerPage < heights; index++)
    found.push(...((await readable(log, () => source.checkpoints.page(index))) ?? []));
  const { rebuilt, problem } = await rebuildFrom(source, size);
  if (problem !== undefined)
    log.miss(`changes of the validators are read up to height ${rebuilt?.height ?? 0}: ${problem}`);
  const notes = found.flatMap((bytes) => (bytes === undefined ? [] : [{ name, bytes }]));
  const header = rebuilt?.blocks.at(-1)?.header;
  const certificate = head?.certificate && certificateIn(head.certificate);
  const last = header && certificate && { header, certificate };
  const changes = { links: rebuilt?.setChanges ?? [], last };
  return { log, notes, changes, tiles: { size, tiles: tilesOf(source, size) } };
}

/** From one entry to another, all in one file. */
async function collectBundle(log: CollectedLog, source: ArchiveSource, from: number, to: number): Promise<void> {
  const read = async () => {
    const entries: Uint8Array[] = [];
    for await (const run of source.entries(from, to)) entries.push(...run);
    return entries;
  };
  const entries = await readable(log, read, to - from);
  if (entries === undefined) log.skip(to - from);
  else for (const entry of entries) log.push(entry);
}

/** What the archive gives. Undefined where it is damaged, and then the log says of how many pieces and why. */
async function readable<T>(log: CollectedLog, work: () => Promise<T>, pieces = 1): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    log.miss(error.message, pieces);
    return undefined;
  }
}
