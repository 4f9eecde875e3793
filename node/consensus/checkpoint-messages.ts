// What validators send each other of checkpoints: their own cosignature, and a stable checkpoint for whom lacks it.
// Nothing here is a vote: no block waits for them.

import { DecodeError, decode, encode } from '../ledger/codec.ts';
import {
  type CosignedHead,
  cosignedHeadSchema,
  type StableCheckpoint,
  stableCheckpointSchema,
} from '../ledger/cosignature.ts';
import { integer, literal, record, uint } from '../ledger/schema.ts';

export interface CosignatureMessage {
  readonly type: 'cosignature';
  readonly cosigned: CosignedHead;
  /** Sent again because the sender knows of no quorum for it: whoever does shows it [K6]. */
  readonly repeated: boolean;
}

export interface StableMessage {
  readonly type: 'stable';
  readonly checkpoint: StableCheckpoint;
}

/** From who cannot repeat a cosignature of its own: it asks for the stable checkpoint of its last block [K6]. */
export interface WantedMessage {
  readonly type: 'wanted';
  readonly size: number;
}

export type CheckpointMessage = CosignatureMessage | StableMessage | WantedMessage;

const cosignatureWire = record({ kind: literal(0), cosigned: cosignedHeadSchema, repeated: integer(0, 1) });
const stableWire = record({ kind: literal(1), checkpoint: stableCheckpointSchema });
const wantedWire = record({ kind: literal(2), size: uint });

export function encodeCheckpointMessage(message: CheckpointMessage): Uint8Array {
  switch (message.type) {
    case 'cosignature':
      return encode(cosignatureWire.write({ kind: 0, cosigned: message.cosigned, repeated: message.repeated ? 1 : 0 }));
    case 'stable':
      return encode(stableWire.write({ kind: 1, checkpoint: message.checkpoint }));
    case 'wanted':
      return encode(wantedWire.write({ kind: 2, size: message.size }));
  }
}

/** Form only: no signature is checked here. Throws DecodeError. */
export function decodeCheckpointMessage(encoded: Uint8Array): CheckpointMessage {
  const value = decode(encoded);
  const kind = Array.isArray(value) ? value[0] : undefined;
  if (kind === 0) {
    const { cosigned, repeated } = cosignatureWire.read(value);
    return { type: 'cosignature', cosigned, repeated: repeated === 1 };
  }
  if (kind === 1) return { type: 'stable', checkpoint: stableWire.read(value).checkpoint };
  if (kind === 2) return { type: 'wanted', size: wantedWire.read(value).size };
  throw new DecodeError('no checkpoint message of a known kind');
}
