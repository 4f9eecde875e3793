// What every consensus message signs: [tag, chainId, epoch, view, height, digest], the kind of message standing in the
// tag, so that a signature of one kind can never pass for another.
import type { Digest } from './hash.ts';
import { digest, hash } from './identifiers.ts';
import { encodeAs, oneOf, record, uint } from './schema.ts';
import { taggedMessage } from './tagged.ts';

export const voteKinds = ['pre-prepare', 'prepare', 'commit', 'view-change', 'new-view'] as const;
export type VoteKind = (typeof voteKinds)[number];

/** Where in the protocol a signed message stands. `digest` is a header's hash, or that of a message's content. */
export interface VotePosition {
  readonly epoch: number;
  readonly view: number;
  readonly height: number;
  readonly digest: Digest;
}

const voteSchema = record({
  kind: oneOf(voteKinds),
  chainId: hash,
  epoch: uint,
  view: uint,
  height: uint,
  digest,
});

export function voteMessage(kind: VoteKind, chainId: Uint8Array, position: VotePosition): Uint8Array {
  return taggedMessage('daybook/pbft/v1', encodeAs(voteSchema, { ...position, kind, chainId }));
}
