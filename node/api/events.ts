// Server-sent events: one event a block, its id being the height, so that a reader resumes where it was. Each stream
// pulls from the store as fast as its reader takes it and holds nothing more; a reader that takes nothing is cut.
import type { ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { Store } from '../store/store.ts';
import { blockView } from './block-view.ts';

export interface EventLimits {
  readonly eventStreamsMax: number;
  readonly eventStallTimeoutMs: number;
}

const heartbeatMs = 15_000;
/** Blocks written to one stream before others have their turn. */
const blocksPerTurn = 32;
/** All streams together give way to the rest of the node (votes among it) after this long: old blocks cost reading. */
const turnMs = 5;
/** Rendered blocks kept for the streams that follow the head. */
const textsMax = 64;

export class EventStreams {
  readonly #store: Store;
  readonly #limits: EventLimits;
  readonly #streams = new Set<EventStream>();
  readonly #texts = new Map<number, string>();
  readonly #heartbeat: NodeJS.Timeout;
  /** Streams that are behind, in the order of their turns. */
  readonly #behind = new Set<EventStream>();
  #turn: NodeJS.Immediate | undefined;

  constructor(store: Store, limits: EventLimits) {
    this.#store = store;
    this.#limits = limits;
    this.#heartbeat = setInterval(() => {
      for (const stream of this.#streams) stream.beat();
    }, heartbeatMs).unref();
  }

  get count(): number {
    return this.#streams.size;
  }

  get isFull(): boolean {
    return this.#streams.size >= this.#limits.eventStreamsMax;
  }

  /** Writes the blocks from height `from` on, now and as they come, until either side ends. */
  open(response: ServerResponse, from: number): void {
    const source = {
      height: () => this.#store.head().height,
      text: (height: number) => this.#text(height),
      later: (behind: EventStream) => this.#later(behind),
    };
    const stream = new EventStream(response, from, source, this.#limits.eventStallTimeoutMs);
    this.#streams.add(stream);
    response.once('close', () => {
      this.#streams.delete(stream);
      this.#behind.delete(stream);
      stream.closed();
    });
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    });
    response.write('retry: 1000\n\n');
    this.#later(stream);
  }

  blockAdded(): void {
    for (const stream of this.#streams) if (!this.#behind.has(stream)) stream.pump();
  }

  #later(stream: EventStream): void {
    this.#behind.add(stream);
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#giveTurns();
    });
  }

  #giveTurns(): void {
    const end = performance.now() + turnMs;
    for (const stream of [...this.#behind]) {
      this.#behind.delete(stream);
      stream.pump(end);
      if (performance.now() > end) break;
    }
    const [next] = this.#behind;
    if (next !== undefined) this.#later(next);
  }

  stop(): void {
    clearInterval(this.#heartbeat);
    clearImmediate(this.#turn);
    for (const stream of [...this.#streams]) stream.end();
  }

  #text(height: number): string | undefined {
    const known = this.#texts.get(height);
    if (known !== undefined) return known;
    const view = blockView(this.#store, height);
    if (view === undefined) return undefined;
    const text = `event: block\nid: ${height}\ndata: ${JSON.stringify(view)}\n\n`;
    this.#texts.set(height, text);
    for (const old of this.#texts.keys()) {
      if (this.#texts.size <= textsMax) break;
      this.#texts.delete(old);
    }
    return text;
  }
}

interface BlockSource {
  height(): number;
  text(height: number): string | undefined;
  /** Calls `pump` when it is the stream's turn. */
  later(stream: EventStream): void;
}

class EventStream {
  readonly #response: ServerResponse;
  readonly #source: BlockSource;
  readonly #stallTimeoutMs: number;
  #next: number;
  #stall: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(response: ServerResponse, from: number, source: BlockSource, stallTimeoutMs: number) {
    this.#response = response;
    this.#next = from;
    this.#source = source;
    this.#stallTimeoutMs = stallTimeoutMs;
    response.on('drain', () => {
      clearTimeout(this.#stall);
      this.#stall = undefined;
      this.#source.later(this);
    });
  }

  /** At least one block, and on until `end`, a time of the monotonic clock. */
  pump(end = Number.POSITIVE_INFINITY): void {
    if (this.#closed || this.#stall !== undefined) return;
    for (let written = 0; this.#next <= this.#source.height(); written++) {
      if (written === blocksPerTurn || (written > 0 && performance.now() > end)) return this.#source.later(this);
      const text = this.#source.text(this.#next);
      // Forgotten while its reader was slow: when it asks again it is told so.
      if (text === undefined) return this.end();
      this.#next += 1;
      if (!this.#write(text)) return;
    }
  }

  beat(): void {
    if (!this.#closed && this.#stall === undefined) this.#write(':\n\n');
  }

  end(): void {
    if (this.#stall !== undefined) this.#response.destroy();
    else this.#response.end();
  }

  closed(): void {
    this.#closed = true;
    clearTimeout(this.#stall);
  }

  /** False when the reader must take some of it first. */
  #write(text: string): boolean {
    if (this.#response.write(text)) return true;
    this.#stall = setTimeout(() => this.#response.destroy(), this.#stallTimeoutMs).unref();
    return false;
  }
}
