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

/** A shorter chunk is copied: it may be a small part of a packet that it would keep alive, and it costs an object. */
const blockBytes = 16_384;

/** A chunk as it arrived, or short ones that were gathered. */
interface Block {
  readonly bytes: Uint8Array;
  filled: number;
}

export class FrameReader {
  readonly #bytesMax: number;
  readonly #blocks = new Fifo<Block>();
  /** The last block, while short chunks may still be added to it. */
  #tail: Block | undefined;
  /** Bytes of the first block that were taken already. */
  #offset = 0;
  #pending = 0;
  /** Of the frame that comes next, once its prefix is read. */
  #length: number | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#pending += chunk.length;
    if (chunk.length < blockBytes) return this.#gather(chunk);
    this.#blocks.push({ bytes: chunk, filled: chunk.length });
    this.#tail = undefined;
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

  #gather(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#tail === undefined || this.#tail.filled === blockBytes) {
        this.#tail = { bytes: new Uint8Array(blockBytes), filled: 0 };
        this.#blocks.push(this.#tail);
      }
      const { bytes, filled } = this.#tail;
      const part = chunk.subarray(at, at + blockBytes - filled);
      bytes.set(part, filled);
      this.#tail.filled += part.length;
      at += part.length;
    }
  }

  /** A copy, so that a short frame never keeps a large network buffer alive. */
  #take(length: number): Uint8Array {
    const taken = new Uint8Array(length);
    let copied = 0;
    while (copied < length) {
      const block = this.#blocks.peek();
      if (block === undefined) break;
      const part = block.bytes.subarray(this.#offset, Math.min(block.filled, this.#offset + length - copied));
      taken.set(part, copied);
      copied += part.length;
      this.#offset += part.length;
      if (this.#offset === block.filled) this.#dropFirst(block);
    }
    this.#pending -= length;
    return taken;
  }

  /** The block that is being filled stays for what comes next, and is filled from its beginning again. */
  #dropFirst(block: Block): void {
    this.#offset = 0;
    if (block === this.#tail) block.filled = 0;
    else this.#blocks.shift();
  }
}

function checkedLength(length: number, bytesMax: number): number {
  if (length === 0) throw new FrameError('an empty frame');
  if (length > bytesMax) throw new FrameError(`a frame of ${length} bytes; ${bytesMax} is the most`);
  return length;
}
