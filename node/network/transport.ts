// How bytes reach other validators. Best effort: it may lose, delay, repeat or reorder across channels, and never
// forges the sender. Everything is bounded: a full queue drops its oldest frame, and nothing here throws at the caller.

/** Each channel is a stream of its own, so that bulk never delays votes. */
export const channels = ['votes', 'proposals', 'transactions', 'checkpoints'] as const;
export type Channel = (typeof channels)[number];

export interface Receiver {
  /** `from` is the validator's index, proven by its network key. */
  receive(from: number, channel: Channel, bytes: Uint8Array): void;
  /** Answers a request of the sync protocol, or undefined when there is nothing to say. */
  serve(from: number, request: Uint8Array): Uint8Array | undefined;
  connected(peer: number): void;
  disconnected(peer: number): void;
}

export interface Transport {
  start(receiver: Receiver): Promise<void>;
  send(to: number, channel: Channel, bytes: Uint8Array): void;
  broadcast(channel: Channel, bytes: Uint8Array): void;
  /** Rejects on refusal, disconnection, an oversized answer or the signal. */
  request(to: number, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** Indexes of the validators that are connected now, ascending. */
  peers(): readonly number[];
  stop(): Promise<void>;
}
