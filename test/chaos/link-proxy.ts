// A TCP proxy for one directed link (who dials, who listens) that can hurt what passes: refuse and cut, hold back,
// swallow, delay with jitter, slow down, flip bytes. Each direction has a rule of its own. It knows nothing of libp2p.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Prng } from '../_prng.ts';

export interface FlowRule {
  /** `hold` keeps what comes for later, as lost packets that TCP sends again; `swallow` acknowledges and drops it. */
  readonly flow: 'pass' | 'hold' | 'swallow';
  readonly delayMs: number;
  readonly jitterMs: number;
  /** 0: as fast as it goes. */
  readonly bytesPerSecond: number;
  /** One byte is flipped in so many chunks; 0: none. */
  readonly corruptOneIn: number;
}

export const clear: FlowRule = { flow: 'pass', delayMs: 0, jitterMs: 0, bytesPerSecond: 0, corruptOneIn: 0 };
/** `up` is what the dialling end says. */
export type Way = 'up' | 'down';

/** Of one direction of one connection; beyond it the sender has to wait, as with a full window. */
const queuedBytesMax = 1_048_576;
const loopback = '127.0.0.1';

interface Queued {
  readonly bytes: Buffer;
  readonly dueAt: number;
}

/** One direction of one connection: bytes leave in the order in which they came. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #rule: () => FlowRule;
  readonly #random: Prng;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #lastDueAt = 0;
  #isEnded = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  /** Something was dropped, so this connection can never be whole again. */
  isTorn = false;

  constructor(from: Socket, to: Socket, rule: () => FlowRule, random: Prng) {
    this.#from = from;
    this.#to = to;
    this.#rule = rule;
    this.#random = random;
    from.on('data', (chunk: Buffer) => this.#take(chunk));
    from.on('end', () => {
      this.#isEnded = true;
      this.flush();
    });
    from.on('close', () => {
      this.#isClosed = true;
      this.flush();
    });
    to.on('drain', () => this.flush());
  }

  #take(chunk: Buffer): void {
    const { flow, delayMs, jitterMs, bytesPerSecond, corruptOneIn } = this.#rule();
    if (flow === 'swallow') {
      this.isTorn = true;
      return;
    }
    const bytes = corruptOneIn > 0 && this.#random.int(corruptOneIn) === 0 ? this.#flipped(chunk) : chunk;
    const late = delayMs + (jitterMs === 0 ? 0 : this.#random.int(jitterMs));
    const free = bytesPerSecond === 0 ? 0 : this.#lastDueAt + (1_000 * bytes.length) / bytesPerSecond;
    this.#lastDueAt = Math.max(performance.now() + late, this.#lastDueAt, free);
    this.#queue.push({ bytes, dueAt: this.#lastDueAt });
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > queuedBytesMax) this.#from.pause();
    this.flush();
  }

  #flipped(chunk: Buffer): Buffer {
    const bytes = Buffer.from(chunk);
    const at = this.#random.int(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.#random.int(8));
    return bytes;
  }

  /** Passes on what is due, and after it the end. */
  flush(): void {
    clearTimeout(this.#timer);
    const { flow } = this.#rule();
    if (flow !== 'pass' || this.#to.destroyed) return;
    const now = performance.now();
    while (this.#queue[0] !== undefined && this.#queue[0].dueAt <= now) {
      if (this.#to.writableNeedDrain) return;
      const { bytes } = this.#queue.shift() as Queued;
      this.#queuedBytes -= bytes.length;
      this.#to.write(bytes);
    }
    if (this.#queuedBytes <= queuedBytesMax && this.#from.isPaused()) this.#from.resume();
    const next = this.#queue[0];
    if (next !== undefined) this.#timer = setTimeout(() => this.flush(), Math.max(1, next.dueAt - now));
    else if (this.#isClosed) this.#to.destroy();
    else if (this.#isEnded) this.#to.end();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#queue = [];
    drop(this.#from);
    drop(this.#to);
  }
}

/** With a reset, but for a socket that is ending: libuv refuses that one's reset, and its handle would never close. */
function drop(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

export class LinkProxy {
  readonly #server: Server;
  readonly #target: number;
  readonly #random: Prng;
  readonly #rules: { [W in Way]: FlowRule } = { up: clear, down: clear };
  readonly #open = new Set<readonly [Pipe, Pipe]>();
  #isRefusing = false;

  private constructor(server: Server, target: number, random: Prng) {
    this.#server = server;
    this.#target = target;
    this.#random = random;
    server.on('connection', (socket) => this.#connected(socket));
  }

  /** Listens on a free port of the loopback interface, in front of `target` on the same. */
  static async open(target: number, random: Prng): Promise<LinkProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new LinkProxy(server, target, random);
    server.listen(0, loopback);
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get connections(): number {
    return this.#open.size;
  }

  set(way: Way, change: Partial<FlowRule>): void {
    this.#rules[way] = { ...this.#rules[way], ...change };
    this.#ruled();
  }

  /** Ends what is open, and refuses what comes. */
  cut(): void {
    this.#isRefusing = true;
    this.reset();
  }

  /** Ends what is open with a TCP reset; new connections are welcome. */
  reset(): void {
    for (const pipes of this.#open) for (const pipe of pipes) pipe.stop();
    this.#open.clear();
  }

  /** As if nothing had been. A connection that lost bytes is reset: nobody could make sense of the rest. */
  heal(): void {
    this.#isRefusing = false;
    this.#rules.up = clear;
    this.#rules.down = clear;
    for (const pipes of this.#open) {
      if (!pipes.some(({ isTorn }) => isTorn)) continue;
      for (const pipe of pipes) pipe.stop();
      this.#open.delete(pipes);
    }
    this.#ruled();
  }

  async close(): Promise<void> {
    this.reset();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #connected(near: Socket): void {
    if (this.#isRefusing) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ host: loopback, port: this.#target, allowHalfOpen: true, noDelay: true });
    const pipes = [
      new Pipe(near, far, () => this.#rules.up, this.#random),
      new Pipe(far, near, () => this.#rules.down, this.#random),
    ] as const;
    this.#open.add(pipes);
    far.once('connect', () => pipes[0].flush());
    let ends = 0;
    for (const socket of [near, far]) {
      // A refused, reset or broken connection is what this is for; its end is passed on by the pipes.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (++ends === 2) this.#open.delete(pipes);
      });
    }
  }

  #ruled(): void {
    for (const pipes of this.#open) for (const pipe of pipes) pipe.flush();
  }
}
