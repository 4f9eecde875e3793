// What a peer that lies answers to those who ask it for a snapshot: manifests and pieces that are wrong, pieces without
// an end, nothing, and that it has forgotten blocks which it has.
import { stateKey, stateValueHash } from '../../node/execution/state-path.ts';
import { StateTree } from '../../node/execution/state-tree.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { decodeSyncRequest, encodePrunedAnswer } from '../../node/network/sync-messages.ts';
import { chunkOf, pieceSchema } from '../../node/snapshot/chunk.ts';
import { manifestSchema } from '../../node/snapshot/manifest.ts';
import type { Chance } from './chance.ts';
import { flipped, withOneWrong } from './mutate.ts';

/** The one record of a chunk that never was. */
const madeUp = { path: 'payments/accounts/made-up', value: new Uint8Array(8) } as const;
const madeUpChunk = chunkOf(madeUp.path);

/**
 * [S2] One chunk that never was, under a manifest that names the root that it has, so that nothing but the state root
 * of the header says that it is none of this ledger; and chunks that lack a record, under the true manifest, which says
 * so.
 */
export function otherState(
  request: Uint8Array,
  answer: Uint8Array | undefined,
  chance: Chance,
): Uint8Array | undefined {
  const asked = decodeSyncRequest(request);
  if (answer === undefined) return undefined;
  if (asked.type === 'piece' && asked.chunk === madeUpChunk)
    return encodeAs(pieceSchema, { last: 1, records: asked.piece === 0 ? [madeUp] : [] });
  if (asked.type === 'piece' && asked.chunk % 8 === 0) return withoutOne(answer);
  if (asked.type !== 'manifest' || chance.hits(0.5)) return answer;
  const manifest = decodeAs(manifestSchema, answer);
  const { root } = StateTree.fromEntries([[stateKey(madeUp.path), stateValueHash(madeUp.value)]]);
  const roots = manifest.roots.map((each, chunk) => (chunk === madeUpChunk ? root : each));
  return encodeAs(manifestSchema, { ...manifest, roots });
}

export function falseSnapshot(
  request: Uint8Array,
  answer: Uint8Array | undefined,
  chance: Chance,
): Uint8Array | undefined | 'stalls' {
  const asked = decodeSyncRequest(request);
  if (asked.type === 'blocks') return chance.hits(0.3) ? encodePrunedAnswer(asked.height + chance.int(50)) : answer;
  const isAsked = asked.type === 'manifest' || asked.type === 'piece';
  if (!isAsked || answer === undefined || chance.hits(asked.type === 'piece' ? 0.9 : 0.3)) return answer;
  const way = chance.int(5);
  if (way === 0) return 'stalls';
  if (way === 1) return undefined;
  if (way === 2) return flipped(answer, chance);
  try {
    if (asked.type === 'manifest')
      return encodeAs(manifestSchema, withOneWrong(decodeAs(manifestSchema, answer), chance));
    const piece = decodeAs(pieceSchema, answer);
    if (way === 3) return encodeAs(pieceSchema, { ...piece, last: 0 });
    return encodeAs(pieceSchema, withOneWrong(piece, chance));
  } catch {
    return chance.bytes(100); // no bytes say such a thing
  }
}

function withoutOne(piece: Uint8Array): Uint8Array {
  const { last, records } = decodeAs(pieceSchema, piece);
  return encodeAs(pieceSchema, { last, records: records.slice(1) });
}
