// Paths through the log's tree from tiles, wherever those lie. A tile is not believed: whoever uses a path verifies it.
import { hashBytes, nodeHash } from '../ledger/hash.ts';
import { consistencyPath, type HashReader, inclusionPath, rootAt } from '../ledger/merkle.ts';
import { tilePath, tileWidth, treeLevels } from '../ledger/tile-layout.ts';
import { SourceError } from './source.ts';

export type TileLoader = (path: string, bytes: number) => Promise<Uint8Array | undefined>;

const tilesKeptMax = 1_024;
const noHash = new Uint8Array(hashBytes);

interface Place {
  readonly path: string;
  readonly bytes: number;
}

export class TileReader {
  /** Of the log whose tiles there are; a tile of a smaller tree is part of one of this. */
  readonly #size: number;
  readonly #load: TileLoader;
  readonly #tiles = new Map<string, Uint8Array>();

  constructor(size: number, load: TileLoader) {
    this.#size = size;
    this.#load = load;
  }

  inclusion(index: number, size: number): Promise<Uint8Array[]> {
    return this.#read((reader) => inclusionPath(reader, index, size));
  }

  consistency(from: number, to: number): Promise<Uint8Array[]> {
    return this.#read((reader) => consistencyPath(reader, from, to));
  }

  root(size: number): Promise<Uint8Array> {
    return this.#read((reader) => rootAt(reader, size));
  }

  /** Works with what is there, notes what is missing, loads that and works again. */
  async #read<T>(work: (reader: HashReader) => T): Promise<T> {
    if (this.#tiles.size > tilesKeptMax) this.#tiles.clear();
    for (;;) {
      const missing = new Map<string, Place>();
      const result = work((level, index) => this.#hash(level, index, missing));
      if (missing.size === 0) return result;
      for (const place of missing.values()) await this.#fetch(place);
    }
  }

  #hash(level: number, index: number, missing: Map<string, Place>): Uint8Array {
    const tileLevel = Math.floor(level / treeLevels);
    const width = 2 ** (level % treeLevels);
    const first = index * width;
    const tile = Math.floor(first / tileWidth);
    const hashes = Math.min(tileWidth, Math.floor(this.#size / tileWidth ** tileLevel) - tile * tileWidth);
    if (first + width > tile * tileWidth + hashes)
      throw new SourceError(`there are tiles of ${this.#size} entries, and more are asked for`);
    const path = tilePath(tileLevel, tile, hashes);
    const bytes = this.#tiles.get(path);
    if (bytes === undefined) {
      missing.set(path, { path, bytes: hashes * hashBytes });
      return noHash;
    }
    const at = (first - tile * tileWidth) * hashBytes;
    return foldFull(bytes.subarray(at, at + width * hashBytes));
  }

  async #fetch({ path, bytes }: Place): Promise<void> {
    const tile = await this.#load(path, bytes);
    if (tile === undefined) throw new SourceError(`the tile ${path} is missing`);
    if (tile.length !== bytes) throw new SourceError(`the tile ${path} is not of ${bytes} bytes`);
    this.#tiles.set(path, tile);
  }
}

/** The root of a complete subtree from its leaves. */
function foldFull(hashes: Uint8Array): Uint8Array {
  let row: Uint8Array[] = [];
  for (let at = 0; at < hashes.length; at += hashBytes) row.push(hashes.slice(at, at + hashBytes));
  while (row.length > 1) {
    const upper: Uint8Array[] = [];
    for (let i = 0; i + 1 < row.length; i += 2) upper.push(nodeHash(row[i] ?? noHash, row[i + 1] ?? noHash));
    row = upper;
  }
  return row[0] ?? noHash;
}
