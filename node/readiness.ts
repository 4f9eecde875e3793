// Why a validator is not ready, and why it takes nothing from clients: in the words that an operator and a client read.
import type { ReplicaStatus } from './consensus/replica.ts';

export interface Standing {
  readonly replica: ReplicaStatus;
  /** It has a vote in the epoch in force. */
  readonly isSeated: boolean;
  /** Validators in reach, this one counted. */
  readonly connected: number;
  readonly quorum: number;
  /** Why it votes no more, where it is silenced [R3]. */
  readonly silence: string | undefined;
  /** The height of a certified block that was refused here [R4]. */
  readonly awaits: number | undefined;
  readonly isReadOnly: boolean;
}

/** Blocks by which a validator may be behind what others say and be ready all the same. */
const behindMax = 4;

/** Undefined when it is ready. */
export function unreadinessOf({ replica, ...standing }: Standing): string | undefined {
  const { isSeated, connected, quorum, silence, awaits, isReadOnly } = standing;
  const { voice, height, bestHeight } = replica;
  if (!isSeated) return 'this node has no vote: it follows what the validators decide';
  if (connected < quorum) return `connected to ${connected - 1} other validators; a quorum is ${quorum} with this one`;
  if (voice === 'silenced')
    return (
      `this validator votes no more in this epoch: ${silence}. It follows the chain and answers reads. End any other ` +
      'process with its key, and have the consortium rotate the key'
    );
  if (voice === 'listening') return 'waiting until a quorum knows of this start and says where it stands';
  // [E6]
  if (voice === 'observing')
    return 'this epoch is over: it only follows until it has the blocks to its end, and votes in the next one';
  if (voice === 'following') return `this node's state differed from the chain; it votes again after block ${awaits}`;
  if (bestHeight > height + behindMax) return `catching up: height ${height} of ${bestHeight}`;
  return isReadOnly ? 'read-only: the disk is nearly full' : undefined;
}

export interface ClientRefusal {
  readonly code: 'read-only' | 'not-ready';
  readonly detail: string;
}

/** Undefined when clients' transactions are taken. Asked for with each. */
export function clientRefusalOf({
  voice,
  isSeated,
  isReadOnly,
}: Pick<ReplicaStatus, 'voice'> & Pick<Standing, 'isSeated' | 'isReadOnly'>): ClientRefusal | undefined {
  if (isReadOnly) return { code: 'read-only', detail: 'the disk of this node is nearly full; use another node' };
  if (voice === 'listening')
    return { code: 'not-ready', detail: 'this node has not heard a quorum yet; try again in a moment' };
  if (!isSeated) return { code: 'not-ready', detail: 'this node is no validator now; use another node' };
  return undefined;
}
