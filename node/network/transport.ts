// How bytes reach other validators. Best effort: it may lose, delay, repeat or reorder across channels, and never
// forges the sender. Everything is bounded: a full queue drops its oldest frame, and nothing here throws at the caller.

/** Each channel is a stream of its own, so that bulk never delays votes. */
export const channels = ['votes', 'proposals', 'transactions', 'checkpoints'] as const;
export type Channel = (typeof channels)[number];

/** Somebody whose network key gets past the gater. */
export interface AdmittedPeer {
  /** This node's number for the key, for as long as it runs: a validator's index changes with the set. */
  readonly peer: number;
  readonly validator: string;
  readonly networkKey: Uint8Array;
  /** Is told what is broadcast. The others follow: statuses and answers are sent to them alone. */
  readonly isVoter: boolean;
}

export interface Receiver {
  /** `from` is the peer's number, proven by its network key. */
  receive(from: number, channel: Channel, bytes: Uint8Array): void;
  /** Answers a request of the sync protocol, or undefined when there is nothing to say. */
  serve(from: number, request: Uint8Array): Uint8Array | undefined;
  connected(peer: number): void;
  disconnected(peer: number): void;
}

export interface Transport {
  /** From now on these and no others; links to those that stay are kept. */
  admit(peers: readonly AdmittedPeer[]): void;
  start(receiver: Receiver): Promise<void>;
  send(to: number, channel: Channel, bytes: Uint8Array): void;
  broadcast(channel: Channel, bytes: Uint8Array): void;
  /** Rejects on refusal, disconnection, an oversized answer or the signal. */
  request(to: number, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** Numbers of the peers that are connected now, ascending. */
  peers(): readonly number[];
  stop(): Promise<void>;
}
