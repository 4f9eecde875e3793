// What waits to be sent to one peer on one channel. Bounded by count and bytes: a peer that reads slowly, or not at
// all, costs its newest frames' worth of memory and nobody else any time. The oldest frame is dropped first.
import { Fifo } from './fifo.ts';
import type { WireStream } from './wire.ts';

export interface LaneLimits {
  readonly framesMax: number;
  readonly bytesMax: number;
}

/** Frames that wait are sent together, up to this many bytes: each send costs an encryption and a system call. */
const batchBytesMax = 65_536;
/** Below this many unsent bytes in the stream itself another frame is handed to it. */
const streamBytesMax = 262_144;

export class OutboundLane {
  readonly #limits: LaneLimits;
  readonly #queue = new Fifo<Uint8Array>();
  #bytes = 0;
  #stream: WireStream | undefined;
  #dropped = 0;
  #isPumping = false;

  constructor(limits: LaneLimits) {
    this.#limits = limits;
  }

  /** Frames that were dropped so far, for metrics. */
  get dropped(): number {
    return this.#dropped;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  get waitingBytes(): number {
    return this.#bytes;
  }

  /** `framed` may be shared with other lanes; nobody writes to it. */
  push(framed: Uint8Array): void {
    this.#queue.push(framed);
    this.#bytes += framed.length;
    this.#pumpSoon();
    while (this.#queue.size > this.#limits.framesMax || (this.#bytes > this.#limits.bytesMax && this.#queue.size > 1)) {
      this.#shift();
      this.#dropped++;
    }
  }

  attach(stream: WireStream): void {
    this.#stream = stream;
    stream.addEventListener('drain', () => this.#pumpSoon());
    stream.addEventListener('idle', () => this.#pumpSoon());
    this.#pumpSoon();
  }

  /** Frames that wait stay, for another connection may take over. */
  detach(): void {
    this.#stream = undefined;
  }

  clear(): void {
    this.#queue.clear();
    this.#bytes = 0;
  }

  /**
   * At the end of this turn: what one turn sends goes out together. Also, 'idle' comes out of the middle of the
   * stream's own sending, where what it is given would lie for ever.
   */
  #pumpSoon(): void {
    if (this.#isPumping || this.#stream === undefined) return;
    this.#isPumping = true;
    queueMicrotask(() => {
      this.#isPumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    // 'drain' also comes while the stream still holds bytes of ours; handing it more each time would have no bound.
    while (this.#queue.size > 0 && !stream.writableNeedsDrain && stream.writeBufferLength < streamBytesMax) {
      if (stream.writeStatus !== 'writable') return this.detach();
      try {
        stream.send(this.#batch());
      } catch {
        // The stream ended under us; its connection's end, or a new stream, follows as an event.
        return this.detach();
      }
    }
  }

  #batch(): Uint8Array {
    const frames: Uint8Array[] = [];
    let length = 0;
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      if (frames.length > 0 && length + next.length > batchBytesMax) break;
      frames.push(next);
      length += next.length;
      this.#shift();
    }
    const [first] = frames;
    if (frames.length === 1 && first !== undefined) return first;
    const batch = new Uint8Array(length);
    let at = 0;
    for (const frame of frames) {
      batch.set(frame, at);
      at += frame.length;
    }
    return batch;
  }

  #shift(): Uint8Array | undefined {
    const framed = this.#queue.shift();
    this.#bytes -= framed?.length ?? 0;
    return framed;
  }
}
