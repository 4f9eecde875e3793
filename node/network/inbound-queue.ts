// What arrived and waits for the driver. Each turn of the event loop takes a few frames of each peer in rotation, votes
// first, so that one peer's flood delays nobody else's votes and the loop always comes round to timers and clients.
import { performance } from 'node:perf_hooks';
import { FrameError, FrameReader, frameBytesMax, prefixBytes } from './frames.ts';
import { TokenBucket } from './token-bucket.ts';
import { type Channel, channels } from './transport.ts';
import { partsOf, type WireStream } from './wire.ts';

/** Most frames of one peer a turn. A proposal is executed when it is delivered, hence one. */
const framesPerTurn: { readonly [C in Channel]: number } = {
  votes: 32,
  proposals: 1,
  transactions: 32,
  checkpoints: 32,
};
/** A turn that has taken so long gives each peer one frame a channel and no more. */
const turnMs = 10;
const throttledPauseMs = 5;
/** Of one peer on one channel: as many as its connections may have open; of ended ones what they held would stay. */
const lanesMax = 8;

/** Of one peer on one channel. */
export interface InboundBudget {
  readonly framesPerSecond: number;
  readonly bytesPerSecond: number;
}
export type InboundBudgets = { readonly [C in Channel]: InboundBudget };

interface Lane {
  readonly from: number;
  readonly stream: WireStream;
  readonly reader: FrameReader;
  /** Pending bytes beyond which the stream is paused: more than any frame, so a whole one is always among them. */
  readonly bytesMax: number;
  ended: boolean;
}

interface Budget {
  readonly frames: TokenBucket;
  readonly bytes: TokenBucket;
}

export interface InboundSink {
  receive(from: number, channel: Channel, bytes: Uint8Array): void;
  /** The peer broke the framing. */
  offended(from: number, error: FrameError): void;
}

export class InboundQueue {
  #peers = 0;
  readonly #sink: InboundSink;
  readonly #lanes = new Map<Channel, Set<Lane>[]>();
  readonly #budgets = new Map<Channel, Budget[]>();
  readonly #limits: InboundBudgets;
  readonly #nowMs: () => number;
  #first = 0;
  /** Bytes waited for nothing but budget in this turn: asked for later, there may be some, and nobody would wake. */
  #isThrottled = false;
  #immediate: NodeJS.Immediate | undefined;
  #pause: NodeJS.Timeout | undefined;

  /** `nowMs` never goes back. */
  constructor(peers: number, sink: InboundSink, budgets: InboundBudgets, nowMs = () => performance.now()) {
    this.#sink = sink;
    this.#limits = budgets;
    this.#nowMs = nowMs;
    for (const channel of channels) {
      this.#lanes.set(channel, []);
      this.#budgets.set(channel, []);
    }
    this.grow(peers);
  }

  /** Room for peers of these numbers; a number stays for as long as the node runs. */
  grow(peers: number): void {
    const now = this.#nowMs();
    const bucket = (perSecond: number) => new TokenBucket(perSecond, perSecond, now);
    for (; this.#peers < peers; this.#peers++) {
      for (const channel of channels) {
        const { framesPerSecond, bytesPerSecond } = this.#limits[channel];
        this.#lanes.get(channel)?.push(new Set());
        this.#budgets.get(channel)?.push({ frames: bucket(framesPerSecond), bytes: bucket(bytesPerSecond) });
      }
    }
  }

  /** Reads a stream that a peer opened, for as long as it lives. `heard` is called for whatever arrives. */
  read(from: number, channel: Channel, stream: WireStream, heard: () => void): void {
    const bytesMax = frameBytesMax[channel] + prefixBytes;
    const lane: Lane = { from, stream, reader: new FrameReader(frameBytesMax[channel]), bytesMax, ended: false };
    const lanes = this.#lanes.get(channel)?.[from];
    lanes?.add(lane);
    if (lanes !== undefined && lanes.size > lanesMax) this.#giveUp(lanes);
    stream.addEventListener('close', () => {
      // What arrived whole before the end is still delivered; then the lane goes.
      lane.ended = true;
      this.#schedule();
    });
    stream.addEventListener('message', ({ data }) => {
      heard();
      if (lanes?.has(lane) !== true) return;
      for (const part of partsOf(data)) lane.reader.push(part);
      if (lane.reader.pendingBytes > bytesMax && stream.readStatus === 'readable') stream.pause();
      this.#schedule();
    });
  }

  /** The oldest: a peer that opens ever new streams must not make us keep what it sent on all of them. */
  #giveUp(lanes: Set<Lane>): void {
    const [oldest] = lanes;
    if (oldest === undefined) return;
    lanes.delete(oldest);
    oldest.stream.abort(new Error('too many streams on this channel'));
  }

  stop(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#pause);
    this.#lanes.clear();
  }

  /** A turn follows the reads of this round of the loop, so peers whose bytes came together are served together. */
  #schedule(): void {
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      this.#turn();
    });
  }

  /** Until there is budget again; whatever else arrives meanwhile does not wait for it. */
  #scheduleLater(): void {
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined;
      this.#schedule();
    }, throttledPauseMs);
  }

  #turn(): void {
    let delivered = 0;
    this.#isThrottled = false;
    const end = this.#nowMs() + turnMs;
    for (const channel of channels) {
      for (let round = 0; round < framesPerTurn[channel]; round++) {
        if (round > 0 && this.#nowMs() > end) break;
        const before = delivered;
        for (let i = 0; i < this.#peers; i++) delivered += this.#serve(channel, (this.#first + i) % this.#peers);
        if (delivered === before) break;
      }
    }
    this.#first = (this.#first + 1) % this.#peers;
    if (delivered > 0) this.#schedule();
    else if (this.#isThrottled) this.#scheduleLater();
  }

  /** At most one frame of this peer. */
  #serve(channel: Channel, from: number): number {
    for (const lane of this.#lanes.get(channel)?.[from] ?? []) {
      if (this.#deliver(channel, lane)) return 1;
    }
    return 0;
  }

  #deliver(channel: Channel, lane: Lane): boolean {
    if (lane.reader.pendingBytes === 0 && !lane.ended) return false;
    const budget = this.#budgets.get(channel)?.[lane.from];
    const now = this.#nowMs();
    if (budget === undefined) return false;
    if (!budget.frames.hasTokens(now) || !budget.bytes.hasTokens(now)) {
      this.#isThrottled = true;
      return false;
    }
    let frame: Uint8Array | undefined;
    try {
      frame = lane.reader.next();
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#lanes.get(channel)?.[lane.from]?.delete(lane);
      lane.stream.abort(error);
      this.#sink.offended(lane.from, error);
      return false;
    }
    if (frame === undefined) {
      if (lane.ended) this.#lanes.get(channel)?.[lane.from]?.delete(lane);
      return false;
    }
    budget.frames.take(1);
    budget.bytes.take(frame.length);
    if (lane.reader.pendingBytes < lane.bytesMax / 2) resume(lane.stream);
    this.#sink.receive(lane.from, channel, frame);
    return true;
  }
}

function resume(stream: WireStream): void {
  if (stream.status !== 'open' || stream.readStatus !== 'paused') return;
  try {
    stream.resume();
  } catch {
    // Its connection ended in between; the stream's own end follows.
  }
}
