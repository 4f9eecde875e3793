// Frames on a stream: a 4-byte big-endian length and that many bytes, never none. The reader believes a length only
// within its limit, and holds no more than what arrived.
import { Fifo } from './fifo.ts';
import type { Channel } from './transport.ts';

/**
 * Largest frame of a channel. The largest block's proposal takes 2.1 MiB; a NewView of 100 validators 0.7 MiB, a stable
 * checkpoint of them 5 KiB. */
export const frameBytesMax: { readonly [C in Channel]: number } = {
  votes: 1_048_576,
  proposals: 4_194_304,
  transactions: 1_048_576,
  checkpoints: 16_384,
};

export const requestBytesMax = 1_024;
export const answerBytesMax = 8_388_608;

export const prefixBytes = 4;

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
  readonly #chunks = new Fifo<Uint8Array>();
  /** Bytes of the first chunk that were taken already. */
  #offset = 0;
  #pending = 0;
  /** Of the frame that comes next, once its prefix is read. */
  #length: number | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#pending += chunk.length;
  }

  /** Bytes that arrived and were not taken as frames. */
  get pendingBytes(): number {
    return this.#pending;
  }

  /** Whether the stream may end here. */
  get isBetweenFrames(): boolean {
    return this.#pending === 0 && this.#length === undefined;
  }

  /** The next whole frame, if there is one. Throws FrameError; the reader is of no use afterwards. */
  next(): Uint8Array | undefined {
    if (this.#length === undefined) {
      if (this.#pending < prefixBytes) return undefined;
      const prefix = this.#take(prefixBytes);
      this.#length = checkedLength(new DataView(prefix.buffer).getUint32(0), this.#bytesMax);
    }
    if (this.#pending < this.#length) return undefined;
    const frame = this.#take(this.#length);
    this.#length = undefined;
    return frame;
  }

  /** A copy, so that a short frame never keeps a large network buffer alive. */
  #take(length: number): Uint8Array {
    const taken = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const chunk = this.#chunks.peek();
      if (chunk === undefined) break;
      const part = chunk.subarray(this.#offset, this.#offset + length - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#offset += part.length;
      if (this.#offset === chunk.length) {
        this.#chunks.shift();
        this.#offset = 0;
      }
    }
    this.#pending -= length;
    return taken;
  }
}

function checkedLength(length: number, bytesMax: number): number {
  if (length === 0) throw new FrameError('an empty frame');
  if (length > bytesMax) throw new FrameError(`a frame of ${length} bytes; ${bytesMax} is the most`);
  return length;
}
