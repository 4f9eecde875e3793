// Frames on a stream: a 4-byte big-endian length and that many bytes, never none. The reader believes a length only
// within its limit, and allocates as bytes arrive.
import type { Channel } from './transport.ts';

/** Largest frame of a channel. The largest block's proposal takes 2.1 MiB; a NewView of 100 validators 0.7 MiB. */
export const frameBytesMax: { readonly [C in Channel]: number } = {
  votes: 1_048_576,
  proposals: 4_194_304,
  transactions: 1_048_576,
};

export const requestBytesMax = 1_024;
export const answerBytesMax = 8_388_608;

const prefixBytes = 4;

/** A peer broke the framing: nothing after this place can be read. */
export class FrameError extends Error {
  override name = 'FrameError';
}

/** Prefix and frame in one piece of memory: one write, one packet for a vote. */
export function frameOf(bytes: Uint8Array): Uint8Array {
  const framed = new Uint8Array(prefixBytes + bytes.length);
  new DataView(framed.buffer).setUint32(0, bytes.length);
  framed.set(bytes, prefixBytes);
  return framed;
}

export class FrameReader {
  readonly #bytesMax: number;
  readonly #prefix = new Uint8Array(prefixBytes);
  #prefixFilled = 0;
  /** Of the frame that is being read: its length, and what came of it. */
  #length = 0;
  #filled = 0;
  #parts: Uint8Array[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The frames that end in this chunk. Throws FrameError; the reader is of no use afterwards. */
  read(chunk: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#prefixFilled < prefixBytes) {
        this.#prefix[this.#prefixFilled++] = chunk[at++] ?? 0;
        if (this.#prefixFilled === prefixBytes) this.#length = this.#lengthRead();
        continue;
      }
      const part = chunk.subarray(at, at + this.#length - this.#filled);
      at += part.length;
      this.#filled += part.length;
      this.#parts.push(part);
      if (this.#filled === this.#length) frames.push(this.#take());
    }
    return frames;
  }

  /** Whether the stream may end here. */
  get isBetweenFrames(): boolean {
    return this.#prefixFilled === 0;
  }

  #lengthRead(): number {
    const length = new DataView(this.#prefix.buffer).getUint32(0);
    if (length === 0) throw new FrameError('an empty frame');
    if (length > this.#bytesMax) throw new FrameError(`a frame of ${length} bytes; ${this.#bytesMax} is the most`);
    return length;
  }

  /** A copy, so that a short frame never keeps a large network buffer alive. */
  #take(): Uint8Array {
    const frame = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      frame.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.#filled = 0;
    this.#prefixFilled = 0;
    return frame;
  }
}
