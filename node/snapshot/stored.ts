// Snapshots in this node's own store: those on offer, and the certified state that one of them or a staged one is. A
// disk is believed no more than a peer: header, certificates and each chunk are checked again when a state is read.
import { consortiumName, currentKey, parameterRecords, parametersSchema } from '../../contracts/consortium-state.ts';
import { statePath } from '../execution/state-path.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeAs } from '../ledger/schema.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import type { PartPlace, StatePath, Store } from '../store/store.ts';
import { chunkOf, isChunk, pieceSchema, type StateRecord } from './chunk.ts';
import { type CheckedManifest, checkManifest, manifestSchema } from './manifest.ts';

type Area = PartPlace['area'];
type Parts = Pick<Store, 'part' | 'partHeights'>;

/** What is on offer, for whoever asks. */
export class StoredOffers {
  readonly #store: Parts;
  readonly #stableHeight: () => number;

  constructor(store: Parts, stableHeight: () => number) {
    this.#store = store;
    this.#stableHeight = stableHeight;
  }

  /** The newest snapshot that a stable checkpoint covers. */
  newest(): { readonly height: number; readonly manifest: Uint8Array } | undefined {
    const stable = this.#stableHeight();
    for (const height of this.#store.partHeights('offered').reverse()) {
      const manifest = height <= stable ? this.manifest(height) : undefined;
      if (manifest !== undefined) return { height, manifest };
    }
    return undefined;
  }

  give(): Uint8Array | undefined {
    return this.newest()?.manifest;
  }

  manifest(height: number): Uint8Array | undefined {
    return this.#store.part({ area: 'offered', height, kind: 'manifest', first: 0, second: 0 });
  }

  piece(height: number, chunk: number, piece: number): Uint8Array | undefined {
    return this.#store.part({ area: 'offered', height, kind: 'piece', first: chunk, second: piece });
  }
}

export interface CertifiedState extends CheckedManifest {
  readonly state: ReadonlyMap<StatePath, Uint8Array>;
}

export interface ReadParts {
  readonly store: Store;
  readonly chainId: Uint8Array;
  readonly genesisSet: ValidatorSet;
  /** Between two chunks. */
  readonly rest: () => Promise<void>;
}

/** [R4] The state of a snapshot in the store, or why it cannot be had from there. */
export async function readCertifiedState(
  { store, chainId, genesisSet, rest }: ReadParts,
  area: Area,
  height: number,
): Promise<CertifiedState | string> {
  const checked = readManifest(store, area, height, chainId, genesisSet);
  if (typeof checked === 'string') return checked;
  if (checked.header.height !== height) return `a manifest of height ${checked.header.height}`;
  const state = new Map<StatePath, Uint8Array>();
  for (const [chunk, root] of checked.manifest.roots.entries()) {
    if (root === undefined) continue;
    await rest();
    const records = readChunk(store, area, height, chunk, root);
    if (records === undefined) return `chunk ${chunk} is not what was certified`;
    for (const [path, value] of records) state.set(path, value);
  }
  const problem = windowProblem(checked, state.get(parametersPath));
  return problem ?? { ...checked, state };
}

/** [S2] Checked as a peer's is; or what is wrong with it. */
export function readManifest(
  store: Store,
  area: Area,
  height: number,
  chainId: Uint8Array,
  genesisSet: ValidatorSet,
): CheckedManifest | string {
  const encoded = store.part({ area, height, kind: 'manifest', first: 0, second: 0 });
  const genesis = store.entry(0);
  if (encoded === undefined || genesis === undefined) return 'no manifest that can be read';
  try {
    return checkManifest(decodeAs(manifestSchema, encoded), chainId, genesisSet, genesis);
  } catch (error) {
    if (error instanceof DecodeError) return `the manifest: ${error.message}`;
    throw error;
  }
}

/** The records of a chunk that is in the store as a whole; undefined for any other. */
export function readChunk(
  store: Pick<Store, 'part'>,
  area: Area,
  height: number,
  chunk: number,
  root: Uint8Array,
): readonly StateRecord[] | undefined {
  const records: StateRecord[] = [];
  for (let number = 0; ; number++) {
    const bytes = store.part({ area, height, kind: 'piece', first: chunk, second: number });
    const piece = bytes === undefined ? undefined : pieceOf(bytes);
    if (piece === undefined) return undefined;
    for (const { path, value } of piece.records) records.push([path, value]);
    if (piece.last === 1) return isChunk(records, chunk, root) ? records : undefined;
  }
}

function pieceOf(bytes: Uint8Array) {
  try {
    return decodeAs(pieceSchema, bytes);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

const parametersPath = statePath(consortiumName, parameterRecords.name, currentKey);

/**
 * [S3] Why the log that comes with a state begins too late, or undefined. Were a used reference left out, this
 * validator would let it be used again and the others would not.
 */
function windowProblem({ header, baseTime }: CheckedManifest, parameters: Uint8Array | undefined): string | undefined {
  if (parameters === undefined) return 'a state without parameters';
  const { referenceWindowMs } = decodeAs(parametersSchema, parameters);
  const isLate = baseTime !== undefined && header.timestamp - baseTime <= referenceWindowMs;
  return isLate ? 'a log that begins within the reference window' : undefined;
}

/** [S3] The same of a snapshot whose chunks are staged. */
export function stagedProblem(store: Pick<Store, 'part'>, checked: CheckedManifest): string | undefined {
  const chunk = chunkOf(parametersPath);
  const root = checked.manifest.roots[chunk];
  const records = root && readChunk(store, 'staged', checked.header.height, chunk, root);
  return windowProblem(checked, records?.find(([path]) => path === parametersPath)?.[1]);
}
