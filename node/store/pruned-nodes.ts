// Which tree nodes a pruned log still needs. A log of S entries is made of complete subtrees, its peaks; a proof of an
// entry from S on asks for those and for nodes that end after S, never for what lies inside a peak.

import { assert } from '../ledger/assert.ts';

export interface NodePlace {
  readonly level: number;
  readonly index: number;
}

/** The peaks of a log of this size, the largest first. */
export function peakPlaces(size: number): NodePlace[] {
  const places: NodePlace[] = [];
  for (let rest = size, level = 0; rest > 0; rest = Math.floor(rest / 2), level++)
    if (rest % 2 === 1) places.push({ level, index: rest - 1 });
  return places.reverse();
}

export function isPeak(size: number, place: NodePlace): boolean {
  return peakPlaces(size).some(({ level, index }) => level === place.level && index === place.index);
}

/** The peaks with their hashes, which were checked to be as many. */
export function peakNodes(size: number, hashes: readonly Uint8Array[]): (NodePlace & { readonly hash: Uint8Array })[] {
  return peakPlaces(size).map((place, i) => {
    const hash = hashes[i];
    assert(hash !== undefined, 'a hash for each peak');
    return { ...place, hash };
  });
}

/** Stored nodes that a move of the base makes needless. Nodes below `levelMin` are stored for peaks alone. */
export function* needlessNodes(from: number, to: number, levelMin: number): Iterable<NodePlace> {
  const needed = new Set(peakPlaces(to).map(({ level, index }) => `${level}/${index}`));
  const isNeeded = ({ level, index }: NodePlace) => needed.has(`${level}/${index}`);
  for (const place of peakPlaces(from)) if (!isNeeded(place)) yield place;
  for (let level = levelMin; 2 ** level <= to; level++) {
    const end = Math.floor(to / 2 ** level);
    for (let index = Math.floor(from / 2 ** level); index < end; index++)
      if (!isNeeded({ level, index })) yield { level, index };
  }
}
