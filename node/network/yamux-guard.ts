// What a peer may send below the streams, where the multiplexer has no limit of its own: it gathers a frame of whatever
// length before it looks at the stream's window, and answers each ping and each new stream without an end.
import { performance } from 'node:perf_hooks';
import type { MessageStream, StreamMuxerFactory } from '@libp2p/interface';
import { type YamuxMuxerInit, yamux } from '@libp2p/yamux';
import { TokenBucket } from './token-bucket.ts';
import { type Chunk, partsOf } from './wire.ts';

const headerBytes = 12;
const dataType = 0;
const pingType = 2;
const synFlag = 1;
/** A ping is answered, and a new stream makes much work before anybody knows what it is for. */
const dearFrame = 100;

export interface YamuxLimits {
  /** The most that a stream's window holds, so that no honest frame is longer. */
  readonly windowBytesMax: number;
  /** Several times what all channels together need, votes coming many to a frame; pings and new streams count more. */
  readonly framesPerSecond: number;
  readonly framesBurst: number;
  /** Answers that the peer did not take: control frames have no window. */
  readonly unsentBytesMax: number;
}

/** The peer sends what no multiplexer sends. */
export class YamuxError extends Error {
  override name = 'YamuxError';
}

/** As yamux(), with these limits on each connection; one that breaks them ends with a YamuxError. */
export function guardedYamux(init: YamuxMuxerInit, limits: YamuxLimits): () => StreamMuxerFactory {
  return () => {
    const inner = yamux(init)();
    return {
      protocol: inner.protocol,
      createStreamMuxer(connection: MessageStream) {
        const guard = new YamuxGuard(limits, performance.now());
        // Before the multiplexer's own listener, which is added now.
        connection.addEventListener('message', ({ data }) => {
          try {
            guard.check(data, connection.writeBufferLength, performance.now());
          } catch (error) {
            if (!(error instanceof YamuxError)) throw error;
            connection.abort(error);
          }
        });
        return inner.createStreamMuxer(connection);
      },
    };
  };
}

/** Follows the headers of one connection's frames; what is between them it only counts. */
export class YamuxGuard {
  readonly #limits: YamuxLimits;
  readonly #frames: TokenBucket;
  readonly #header = new Uint8Array(headerBytes);
  #have = 0;
  /** Bytes of the present frame's data that are still to come. */
  #skip = 0;

  constructor(limits: YamuxLimits, nowMs: number) {
    this.#limits = limits;
    this.#frames = new TokenBucket(limits.framesPerSecond, limits.framesBurst, nowMs);
  }

  /** Throws YamuxError; the connection must end. `unsentBytes` wait to be sent to the peer. */
  check(chunk: Chunk, unsentBytes: number, nowMs: number): void {
    if (unsentBytes > this.#limits.unsentBytesMax) throw new YamuxError(`${unsentBytes} bytes that the peer leaves`);
    let frames = 0;
    for (const part of partsOf(chunk)) frames += this.#follow(part);
    this.#frames.take(frames);
    if (!this.#frames.hasTokens(nowMs)) throw new YamuxError('too many frames');
  }

  /** How many frames it ends the headers of, the dear ones counted for what they cost. */
  #follow(part: Uint8Array): number {
    let frames = 0;
    let at = 0;
    while (at < part.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, part.length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      const taken = part.subarray(at, at + headerBytes - this.#have);
      this.#header.set(taken, this.#have);
      this.#have += taken.length;
      at += taken.length;
      if (this.#have < headerBytes) break;
      this.#have = 0;
      this.#skip = this.#dataLength();
      frames += this.#isDear() ? dearFrame : 1;
    }
    return frames;
  }

  #isDear(): boolean {
    return this.#header[1] === pingType || ((this.#header[3] ?? 0) & synFlag) !== 0;
  }

  #dataLength(): number {
    if (this.#header[1] !== dataType) return 0;
    const length = new DataView(this.#header.buffer).getUint32(8);
    if (length > this.#limits.windowBytesMax) throw new YamuxError(`a frame of ${length} bytes, over any window`);
    return length;
  }
}
