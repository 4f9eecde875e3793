// Server-sent events: one event a block, its id being the height, so that a reader resumes where it was. Each stream
// pulls from the store as fast as its reader takes it and holds nothing more; a reader that takes nothing is cut.
import type { ServerResponse } from 'node:http';
import type { Store } from '../store/store.ts';
import { blockView } from './block-view.ts';

export interface EventLimits {
  readonly eventStreamsMax: number;
  readonly eventStallTimeoutMs: number;
}

const heartbeatMs = 15_000;
/** Blocks written to one stream before others have their turn. */
const blocksPerTurn = 32;
/** Rendered blocks kept for the streams that follow the head. */
const textsMax = 64;

export class EventStreams {
  readonly #store: Store;
  readonly #limits: EventLimits;
  readonly #streams = new Set<EventStream>();
  readonly #texts = new Map<number, string>();
  readonly #heartbeat: NodeJS.Timeout;

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
    const source = { height: () => this.#store.head().height, text: (height: number) => this.#text(height) };
    const stream = new EventStream(response, from, source, this.#limits.eventStallTimeoutMs);
    this.#streams.add(stream);
    response.once('close', () => {
      this.#streams.delete(stream);
      stream.closed();
    });
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    });
    response.write('retry: 1000\n\n');
    stream.pump();
  }

  blockAdded(): void {
    for (const stream of this.#streams) stream.pump();
  }

  stop(): void {
    clearInterval(this.#heartbeat);
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
}

class EventStream {
  readonly #response: ServerResponse;
  readonly #source: BlockSource;
  readonly #stallTimeoutMs: number;
  #next: number;
  #stall: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(response: ServerResponse, from: number, source: BlockSource, stallTimeoutMs: number) {
    this.#response = response;
    this.#next = from;
    this.#source = source;
    this.#stallTimeoutMs = stallTimeoutMs;
    response.on('drain', () => {
      clearTimeout(this.#stall);
      this.#stall = undefined;
      this.pump();
    });
  }

  pump(): void {
    if (this.#closed || this.#turn !== undefined || this.#stall !== undefined) return;
    for (let written = 0; this.#next <= this.#source.height(); written++) {
      if (written === blocksPerTurn) {
        this.#turn = setImmediate(() => {
          this.#turn = undefined;
          this.pump();
        });
        return;
      }
      const text = this.#source.text(this.#next);
      if (text === undefined) return;
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
    if (this.#turn !== undefined) clearImmediate(this.#turn);
  }

  /** False when the reader must take some of it first. */
  #write(text: string): boolean {
    if (this.#response.write(text)) return true;
    this.#stall = setTimeout(() => this.#response.destroy(), this.#stallTimeoutMs).unref();
    return false;
  }
}
