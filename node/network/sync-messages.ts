// Catching up: what one validator asks another on the sync stream, and the answers. Nothing in an answer is believed
// for who sent it; fetched-block.ts says what makes it true.
import { type Block, blockSchema } from '../consensus/messages.ts';
import { type CommitCertificate, certificateSchema } from '../ledger/certificate.ts';
import { type Claim, claimSchema } from '../ledger/claim.ts';
import { DecodeError, decode, encode, type Value } from '../ledger/codec.ts';
import type { Digest } from '../ledger/hash.ts';
import { digest } from '../ledger/identifiers.ts';
import { blockEntriesMax, entryBytesMax } from '../ledger/limits.ts';
import { bytes, integer, list, literal, record, type Schema, uint } from '../ledger/schema.ts';

/** Blocks of one answer stay within this many bytes of entries, but for a single larger one. */
export const blocksAnswerBytesMax = 6_291_456;
/** Most blocks of one answer. */
export const blocksAnswerMax = 256;

export type SyncRequest =
  /** Whole blocks from `height` on, as far as they fit. */
  | { readonly type: 'blocks'; readonly height: number; readonly bytesMax: number }
  /** The block behind a digest that was prepared at `height`. */
  | { readonly type: 'body'; readonly height: number; readonly digest: Digest }
  /** The asker's present start; the answer is the claim that is held of its key [R5]. */
  | { readonly type: 'claim'; readonly claim: Claim }
  /** The manifest of the snapshot that whoever begins now should fetch [S6]. */
  | { readonly type: 'manifest' }
  /** One piece of a chunk of the snapshot at a height. */
  | { readonly type: 'piece'; readonly height: number; readonly chunk: number; readonly piece: number };

/** A block as the log holds it: its entries, the header last, and a certificate. */
export interface StoredBlock {
  readonly entries: readonly Uint8Array[];
  readonly certificate: CommitCertificate;
}

const blocksRequest = record({ kind: literal(0), height: uint, bytesMax: integer(0, blocksAnswerBytesMax) });
const bodyRequest = record({ kind: literal(1), height: uint, digest });

const claimRequest = record({ kind: literal(4), claim: claimSchema });
const manifestRequest = record({ kind: literal(2) });
const pieceRequest = record({ kind: literal(3), height: uint, chunk: integer(0, 255), piece: uint });

export const storedBlockSchema: Schema<StoredBlock> = record({
  entries: list(bytes(1, entryBytesMax), 1, blockEntriesMax + 1),
  certificate: certificateSchema,
});
const blocksAnswer = record({ kind: literal(0), blocks: list(storedBlockSchema, 1, blocksAnswerMax) });
const bodyAnswer = record({ kind: literal(1), block: blockSchema });
/** In place of blocks that are pruned: the first height that can be had. */
const prunedAnswer = record({ kind: literal(2), from: uint });

export function encodeSyncRequest(request: SyncRequest): Uint8Array {
  return encode(requestValue(request));
}

function requestValue(request: SyncRequest): Value {
  switch (request.type) {
    case 'blocks':
      return blocksRequest.write({ ...request, kind: 0 });
    case 'body':
      return bodyRequest.write({ ...request, kind: 1 });
    case 'claim':
      return claimRequest.write({ ...request, kind: 4 });
    case 'manifest':
      return manifestRequest.write({ kind: 2 });
    case 'piece':
      return pieceRequest.write({ ...request, kind: 3 });
  }
}

/** Throws DecodeError. */
export function decodeSyncRequest(encoded: Uint8Array): SyncRequest {
  const value = decode(encoded);
  const kind = Array.isArray(value) ? value[0] : undefined;
  if (kind === 0) {
    const { height, bytesMax } = blocksRequest.read(value);
    return { type: 'blocks', height, bytesMax };
  }
  if (kind === 1) {
    const { height, digest: name } = bodyRequest.read(value);
    return { type: 'body', height, digest: name };
  }
  if (kind === 2) {
    manifestRequest.read(value);
    return { type: 'manifest' };
  }
  if (kind === 3) {
    const { height, chunk, piece } = pieceRequest.read(value);
    return { type: 'piece', height, chunk, piece };
  }
  if (kind === 4) return { type: 'claim', claim: claimRequest.read(value).claim };
  throw new DecodeError('no request of a known kind');
}

export function encodeBlocksAnswer(blocks: readonly StoredBlock[]): Uint8Array {
  return encode(blocksAnswer.write({ kind: 0, blocks }));
}

/** Throws DecodeError. */
export function decodeBlocksAnswer(encoded: Uint8Array): readonly StoredBlock[] {
  return blocksAnswer.read(decode(encoded)).blocks;
}

export function encodePrunedAnswer(from: number): Uint8Array {
  return encode(prunedAnswer.write({ kind: 2, from }));
}

/** Whether a peer has forgotten the blocks that it was asked for. Never throws. */
export function isPrunedAnswer(encoded: Uint8Array): boolean {
  try {
    prunedAnswer.read(decode(encoded));
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

export function encodeBodyAnswer(block: Block): Uint8Array {
  return encode(bodyAnswer.write({ kind: 1, block }));
}

/** Throws DecodeError. */
export function decodeBodyAnswer(encoded: Uint8Array): Block {
  return bodyAnswer.read(decode(encoded)).block;
}
