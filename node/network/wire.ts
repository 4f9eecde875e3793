// The part of a multiplexed connection that this folder works with, so that one file alone names the library behind it.

/** What arrives at once: one piece of memory or several. */
export type Chunk = Uint8Array | Iterable<Uint8Array>;

export interface WireStream {
  readonly status: string;
  readonly readStatus: string;
  readonly writeStatus: string;
  readonly writeBufferLength: number;
  readonly writableNeedsDrain: boolean;
  /** False when the caller should wait for 'drain'. Throws when the stream is closed for writing. */
  send(bytes: Uint8Array): boolean;
  close(options?: { signal?: AbortSignal }): Promise<void>;
  abort(error: Error): void;
  pause(): void;
  resume(): void;
  addEventListener(type: 'message', listener: (event: { readonly data: Chunk }) => void): void;
  addEventListener(type: 'drain' | 'idle' | 'close' | 'remoteCloseWrite', listener: () => void): void;
}

export interface WireConnection {
  readonly direction: 'inbound' | 'outbound';
  readonly status: string;
  newStream(protocol: string, options: { signal: AbortSignal }): Promise<WireStream>;
  abort(error: Error): void;
}

export function partsOf(chunk: Chunk): Iterable<Uint8Array> {
  return chunk instanceof Uint8Array ? [chunk] : chunk;
}

/**
 * Ends a connection whatever state it is in, in a turn of its own: a stream that was asked for in this turn would throw
 * out of a microtask of the library's, where nobody can catch it.
 */
export function endConnection(connection: WireConnection, error: Error): void {
  setImmediate(() => {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        connection.abort(error);
        return;
      } catch {
        // Thrown half-way when the other end was faster: the second call reaches what lies below the multiplexer.
      }
    }
  });
}
