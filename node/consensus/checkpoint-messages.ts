// What validators send each other of checkpoints: their own cosignature, and a stable checkpoint for whom lacks it.
// Nothing here is a vote: no block waits for them.

import { DecodeError, decode, encode } from '../ledger/codec.ts';
import {
  type CosignedHead,
  cosignedHeadSchema,
  type StableCheckpoint,
  stableCheckpointSchema,
} from '../ledger/cosignature.ts';
import { integer, literal, record } from '../ledger/schema.ts';

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

export type CheckpointMessage = CosignatureMessage | StableMessage;

const cosignatureWire = record({ kind: literal(0), cosigned: cosignedHeadSchema, repeated: integer(0, 1) });
const stableWire = record({ kind: literal(1), checkpoint: stableCheckpointSchema });

export function encodeCheckpointMessage(message: CheckpointMessage): Uint8Array {
  return encode(
    message.type === 'cosignature'
      ? cosignatureWire.write({ kind: 0, cosigned: message.cosigned, repeated: message.repeated ? 1 : 0 })
      : stableWire.write({ kind: 1, checkpoint: message.checkpoint }),
  );
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
  throw new DecodeError('no checkpoint message of a known kind');
}
