// A stream whose buffers a test fills and empties by hand.
import type { Chunk, WireStream } from '../../node/network/wire.ts';

type MessageListener = (event: { readonly data: Chunk }) => void;
type PlainListener = () => void;

export class FakeStream implements WireStream {
  status = 'open';
  readStatus = 'readable';
  writeStatus = 'writable';
  writeBufferLength = 0;
  writableNeedsDrain = false;
  readonly sent: Uint8Array[] = [];
  readonly #messages: MessageListener[] = [];
  readonly #others = new Map<string, PlainListener[]>();
  readonly #held: Uint8Array[] = [];
  /** Sends that are taken before the buffer counts as full. */
  room = Number.POSITIVE_INFINITY;
  aborted: Error | undefined;

  send(bytes: Uint8Array): boolean {
    if (this.writeStatus !== 'writable') throw new Error('closed for writing');
    this.sent.push(bytes);
    if (--this.room > 0) return true;
    this.writableNeedsDrain = true;
    return false;
  }

  drain(room: number): void {
    this.room = room;
    this.writableNeedsDrain = false;
    for (const listener of this.#others.get('drain') ?? []) listener();
  }

  async close(): Promise<void> {
    this.end();
  }

  abort(error: Error): void {
    this.aborted = error;
    this.end();
  }

  end(): void {
    this.status = 'closed';
    this.readStatus = 'closed';
    this.writeStatus = 'closed';
    for (const listener of this.#others.get('close') ?? []) listener();
  }

  pause(): void {
    this.readStatus = 'paused';
  }

  resume(): void {
    this.readStatus = 'readable';
    for (const bytes of this.#held.splice(0)) this.arrive(bytes);
  }

  /** Held back while the reader is paused, as flow control would. */
  arrive(bytes: Uint8Array): void {
    if (this.readStatus === 'paused') {
      this.#held.push(bytes);
      return;
    }
    for (const listener of this.#messages) listener({ data: [bytes] });
  }

  get heldBytes(): number {
    return this.#held.reduce((sum, { length }) => sum + length, 0);
  }

  addEventListener(type: 'message', listener: MessageListener): void;
  addEventListener(type: 'drain' | 'idle' | 'close' | 'remoteCloseWrite', listener: PlainListener): void;
  addEventListener(type: string, listener: MessageListener | PlainListener): void {
    if (type === 'message') this.#messages.push(listener as MessageListener);
    else this.#others.set(type, [...(this.#others.get(type) ?? []), listener as PlainListener]);
  }
}
