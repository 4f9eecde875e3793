// State on its way to another validator: 256 chunks by the first byte of the tree's key, each of pieces that fit one
// answer. A chunk is believed when its own tree has the root that the manifest names for it.
import { isStatePath, stateKey, stateValueHash } from '../execution/state-path.ts';
import { StateTree } from '../execution/state-tree.ts';
import { DecodeError } from '../ledger/codec.ts';
import { equalBytes } from '../ledger/hash.ts';
import { bytes, encodeAs, integer, list, record, type Schema, type TypeOf, text } from '../ledger/schema.ts';
import type { StatePath } from '../store/store.ts';

export const chunkCount = 256;
/**
 * A piece is closed when it has reached this; its last record may take it beyond. One piece of each chunk is open while
 * a snapshot is made: 16 MiB in all.
 */
export const pieceBytesTarget = 65_536;
export const pieceRecordsMax = 65_536;
const pathCharactersMax = 512;
const valueBytesMax = 4_194_304;

export type StateRecord = readonly [StatePath, Uint8Array];

const pathText = text(1, pathCharactersMax);
const path: Schema<StatePath> = {
  write: (value) => pathText.write(value),
  read: (value) => {
    const read = pathText.read(value);
    if (!isStatePath(read)) throw new DecodeError('a record that lies in no collection of a contract');
    return read;
  },
};
const recordSchema = record({ path, value: bytes(0, valueBytesMax) });
export const pieceSchema = record({
  /** 1 on the last piece of its chunk. */
  last: integer(0, 1),
  records: list(recordSchema, 0, pieceRecordsMax),
});
export type Piece = TypeOf<typeof pieceSchema>;

export function chunkOf(path: StatePath): number {
  return stateKey(path)[0] ?? 0;
}

/** Cuts the records of one chunk into pieces as they come. */
export class PieceWriter {
  #records: { readonly path: string; readonly value: Uint8Array }[] = [];
  #size = 0;
  #count = 0;

  /** Takes a record; the piece that it closes, with its number, if it closes one. */
  add(path: StatePath, value: Uint8Array): readonly [number: number, piece: Uint8Array] | undefined {
    this.#records.push({ path, value });
    this.#size += sizeOf(path, value);
    return isEnough(this.#size, this.#records.length) ? this.#close(0) : undefined;
  }

  /** The last piece: perhaps without records, so that every chunk has an end. */
  end(): readonly [number: number, piece: Uint8Array] {
    return this.#close(1);
  }

  #close(last: 0 | 1): readonly [number, Uint8Array] {
    const piece = encodeAs(pieceSchema, { last, records: this.#records });
    this.#records = [];
    this.#size = 0;
    return [this.#count++, piece];
  }
}

/** Whether a piece that is not its chunk's last has the size that it must have. */
export function isFull({ records }: Piece): boolean {
  const size = records.reduce((sum, { path, value }) => sum + sizeOf(path, value), 0);
  return isEnough(size, records.length);
}

function sizeOf(path: StatePath, value: Uint8Array): number {
  return path.length + value.length + 8;
}

function isEnough(size: number, count: number): boolean {
  return size >= pieceBytesTarget || count === pieceRecordsMax;
}

/**
 * Whether these are the records, all and only, whose tree has this root, and belong to this chunk: roots may change
 * places with empty ones beside them and fold to the same root of the state.
 */
export function isChunk(records: readonly StateRecord[], chunk: number, root: Uint8Array): boolean {
  if (records.some(([path]) => chunkOf(path) !== chunk)) return false;
  const tree = StateTree.fromEntries(records.map(([path, value]) => [stateKey(path), stateValueHash(value)] as const));
  return new Set(records.map(([path]) => path)).size === records.length && equalBytes(tree.root, root);
}
