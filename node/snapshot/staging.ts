// What is fetched of a snapshot, until all of it is here: parts of the store under its height, the manifest first. One
// that was begun before stays beside it, so that what both have in common is not fetched twice [S2].
import { DecodeError } from '../ledger/codec.ts';
import { equalBytes } from '../ledger/hash.ts';
import { decodeAs, encodeAs } from '../ledger/schema.ts';
import type { PartPlace, Store } from '../store/store.ts';
import { type Manifest, manifestSchema } from './manifest.ts';

type Parts = Pick<Store, 'part' | 'putParts' | 'partHeights' | 'dropParts'>;

export interface FormerlyStaged {
  readonly height: number;
  readonly roots: Manifest['roots'];
}

export function stagedAt(height: number, kind: PartPlace['kind'], first = 0, second = 0): PartPlace {
  return { area: 'staged', height, kind, first, second };
}

/** Another manifest of the same state keeps what is there; beside any other, the latest that was begun stays. */
export function stageManifest(store: Parts, manifest: Manifest, height: number): void {
  const kept = store.part(stagedAt(height, 'manifest'));
  if (kept === undefined || !isOfSameState(kept, manifest)) store.dropParts('staged', height);
  dropStagedBeside(store, height, 1);
  store.putParts([[stagedAt(height, 'manifest'), encodeAs(manifestSchema, manifest)]]);
}

/** So many of the latest stay. */
export function dropStagedBeside(store: Parts, height: number, count = 0): void {
  const others = store.partHeights('staged').filter((staged) => staged !== height);
  for (const staged of others.reverse().slice(count)) store.dropParts('staged', staged);
}

export function formerlyStaged(store: Parts, height: number): FormerlyStaged | undefined {
  const staged = store.partHeights('staged').find((each) => each !== height);
  if (staged === undefined) return undefined;
  const manifest = decodedManifest(store.part(stagedAt(staged, 'manifest')));
  return manifest && { height: staged, roots: manifest.roots };
}

function isOfSameState(kept: Uint8Array, manifest: Manifest): boolean {
  const decoded = decodedManifest(kept);
  if (decoded === undefined) return false;
  const { header, base } = decoded;
  return equalBytes(header, manifest.header) && nameOf(base) === nameOf(manifest.base);
}

/** Whatever an earlier version staged is of no use where it cannot be read. */
function decodedManifest(bytes: Uint8Array | undefined): Manifest | undefined {
  try {
    return bytes && decodeAs(manifestSchema, bytes);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function nameOf(base: Manifest['base']): string {
  return base === undefined ? '' : Buffer.from(base.header).toString('hex');
}
