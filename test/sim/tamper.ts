// What a lying validator does to what passes between its node and the network.
import type { Channel } from '../../node/network/transport.ts';

export interface Tamper {
  outgoing(to: number, channel: Channel, bytes: Uint8Array): readonly Outgoing[];
  /** Undefined: its node does not see it. */
  incoming(from: number, channel: Channel, bytes: Uint8Array): Uint8Array | undefined;
  /** Undefined: it refuses. Nothing at all may come, too. */
  answer(from: number, request: Uint8Array, answer: Uint8Array | undefined): Uint8Array | undefined | 'stalls';
  /** What its node is told in answer to a question of its own. */
  answered(request: Uint8Array, answer: Uint8Array): Uint8Array;
}

export interface Outgoing {
  readonly to: number;
  readonly channel: Channel;
  readonly bytes: Uint8Array;
  readonly delayMs?: number;
}
