// What waits to be sent to one peer on one channel. Bounded by count and bytes: a peer that reads slowly, or not at all,
// costs its newest frames' worth of memory and nobody else any time. The oldest frame is dropped first.
import { Fifo } from './fifo.ts';
import type { WireStream } from './wire.ts';

export interface LaneLimits {
  readonly framesMax: number;
  readonly bytesMax: number;
}

/** Below this many unsent bytes in the stream itself another frame is handed to it. */
const streamBytesMax = 262_144;

export class OutboundLane {
  readonly #limits: LaneLimits;
  readonly #queue = new Fifo<Uint8Array>();
  #bytes = 0;
  #stream: WireStream | undefined;
  #dropped = 0;

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
    this.#pump();
    while (this.#queue.size > this.#limits.framesMax || (this.#bytes > this.#limits.bytesMax && this.#queue.size > 1)) {
      this.#shift();
      this.#dropped++;
    }
  }

  attach(stream: WireStream): void {
    this.#stream = stream;
    // Later: 'idle' comes out of the middle of the stream's own sending, where what it is given would lie for ever.
    const pumpSoon = () => {
      queueMicrotask(() => {
        if (this.#stream === stream) this.#pump();
      });
    };
    stream.addEventListener('drain', pumpSoon);
    stream.addEventListener('idle', pumpSoon);
    this.#pump();
  }

  /** Frames that wait stay, for another connection may take over. */
  detach(): void {
    this.#stream = undefined;
  }

  clear(): void {
    this.#queue.clear();
    this.#bytes = 0;
  }

  #pump(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    // 'drain' also comes while the stream still holds bytes of ours; handing it more each time would have no bound.
    while (this.#queue.size > 0 && !stream.writableNeedsDrain && stream.writeBufferLength < streamBytesMax) {
      if (stream.writeStatus !== 'writable') return this.detach();
      const framed = this.#shift();
      if (framed === undefined) return;
      try {
        stream.send(framed);
      } catch {
        // The stream ended under us; its connection's end, or a new stream, follows as an event.
        return this.detach();
      }
    }
  }

  #shift(): Uint8Array | undefined {
    const framed = this.#queue.shift();
    this.#bytes -= framed?.length ?? 0;
    return framed;
  }
}
