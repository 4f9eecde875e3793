// Gathers the subtrees of the auditor's tree into the tiles of the C2SP layout. No files here.
import { hashBytes } from '../ledger/hash.ts';
import { tileWidth, treeLevels } from '../ledger/tile-layout.ts';
import type { NodeListener } from './frontier.ts';

export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly hashes: Uint8Array;
}

/** Gathers a frontier's subtrees into tiles: full ones as they fill, the partial ones at the end. */
export class TileBuilder {
  readonly #rows: { index: number; width: number; hashes: Uint8Array }[] = [];
  readonly #emit: (tile: Tile) => void;

  constructor(emit: (tile: Tile) => void) {
    this.#emit = emit;
  }

  readonly node: NodeListener = (treeLevel, hash) => {
    if (treeLevel % treeLevels !== 0) return;
    const level = treeLevel / treeLevels;
    this.#rows[level] ??= { index: 0, width: 0, hashes: new Uint8Array(tileWidth * hashBytes) };
    const row = this.#rows[level];
    row.hashes.set(hash, row.width * hashBytes);
    row.width++;
    if (row.width < tileWidth) return;
    this.#emit({ level, index: row.index, hashes: row.hashes.slice() });
    row.index++;
    row.width = 0;
  };

  finish(): void {
    this.#rows.forEach((row, level) => {
      if (row.width === 0) return;
      this.#emit({ level, index: row.index, hashes: row.hashes.slice(0, row.width * hashBytes) });
      row.width = 0;
    });
  }
}
