// Asks one peer after another until one gives what holds. Who lied is asked last from then on; of the others first the
// one that has taken the least time, so that who gives little and late takes no more of it than who gives all at once.
// Nobody is asked never, for there may be no other.
import type { EventLoop } from '../event-loop.ts';
import { DecodeError } from '../ledger/codec.ts';
import type { Transport } from './transport.ts';

/** Faults of a peer: an answer that is false outweighs any number of answers that did not come. */
export interface PeerFaults {
  readonly lies: number;
  readonly silences: number;
}

export interface AskerOptions {
  /** For one answer, from the request to its last byte. */
  readonly timeoutMs: number;
  readonly after: EventLoop['after'];
  readonly monotonicMs: EventLoop['monotonicMs'];
  /** Of earlier questions, and of these from now on; none are known where it is absent. */
  readonly faults?: Map<number, PeerFaults>;
}

/** Who has nothing to say, however fast, has taken at least this part of the time that it might have. */
const emptyShare = 20;

type Reading<T> = (peer: number, answer: Uint8Array) => T | undefined;

export class PeerAsker {
  readonly #transport: Pick<Transport, 'request'>;
  readonly #options: AskerOptions;
  readonly #faults: Map<number, PeerFaults>;
  /** Milliseconds that waiting for each peer has taken, counted from `#shared`. */
  readonly #taken = new Map<number, number>();
  /** What the first one to be asked had taken: who was not asked for long has saved nothing. */
  #shared = 0;

  constructor(transport: Pick<Transport, 'request'>, options: AskerOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#faults = options.faults ?? new Map();
  }

  /** `read` gives what it makes of an answer, undefined to ask the next; a DecodeError is a lie. */
  async ask<T>(candidates: readonly number[], request: Uint8Array, read: Reading<T>): Promise<T | undefined> {
    for (const peer of this.#inOrder(candidates)) {
      const found = await this.#askOne(peer, request, read);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The same, but who has not answered within `patienceMs` is waited for beside the next one. */
  async askBeside<T>(
    candidates: readonly number[],
    request: Uint8Array,
    patienceMs: number,
    read: Reading<T>,
  ): Promise<T | undefined> {
    const over = new AbortController();
    const running = new Set<Promise<unknown>>();
    let found: T | undefined;
    const begin = (peer: number) => {
      const one = this.#askOne(peer, request, read, over.signal).then((result) => {
        found ??= result;
        running.delete(one);
      });
      running.add(one);
    };
    try {
      for (const peer of this.#inOrder(candidates)) {
        begin(peer);
        let cancel = () => {};
        const patience = new Promise<void>((resolve) => {
          cancel = this.#options.after(patienceMs, resolve);
        });
        await Promise.race([...running, patience]).finally(cancel);
        if (found !== undefined) return found;
      }
      while (found === undefined && running.size > 0) await Promise.race(running);
      return found;
    } finally {
      over.abort();
    }
  }

  #inOrder(candidates: readonly number[]): number[] {
    const order = this.bestFirst(candidates);
    this.#shared = Math.max(this.#shared, ...order.slice(0, 1).map((peer) => this.#takenBy(peer)));
    return order;
  }

  async #askOne<T>(
    peer: number,
    request: Uint8Array,
    read: Reading<T>,
    over?: AbortSignal | undefined,
  ): Promise<T | undefined> {
    const since = this.#options.monotonicMs();
    const answer = await this.#answer(peer, request, over);
    const tookMs = Math.max(1, this.#options.monotonicMs() - since);
    const emptyMs = answer === undefined ? this.#options.timeoutMs / emptyShare : 0;
    this.#take(peer, Math.max(tookMs, emptyMs));
    if (over?.aborted === true) return undefined;
    if (answer === undefined) {
      this.blame(peer, 'silences');
      return undefined;
    }
    try {
      return read(peer, answer);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.blame(peer, 'lies');
      return undefined;
    }
  }

  faults(peer: number): PeerFaults {
    return this.#faults.get(peer) ?? { lies: 0, silences: 0 };
  }

  blame(peer: number, fault: keyof PeerFaults): void {
    const faults = this.faults(peer);
    this.#faults.set(peer, { ...faults, [fault]: faults[fault] + 1 });
  }

  bestFirst(candidates: readonly number[]): number[] {
    return [...candidates].sort((a, b) => {
      const lies = this.faults(a).lies - this.faults(b).lies;
      return lies || this.#takenBy(a) - this.#takenBy(b);
    });
  }

  #takenBy(peer: number): number {
    return Math.max(this.#taken.get(peer) ?? 0, this.#shared);
  }

  #take(peer: number, milliseconds: number): void {
    this.#taken.set(peer, this.#takenBy(peer) + milliseconds);
  }

  /** Refusals, resets and timeouts all mean the same here: ask the next. */
  async #answer(peer: number, request: Uint8Array, over?: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const deadline = new AbortController();
    const abort = () => deadline.abort();
    over?.addEventListener('abort', abort);
    const cancel = this.#options.after(this.#options.timeoutMs, () => deadline.abort());
    try {
      return await this.#transport.request(peer, request, deadline.signal);
    } catch {
      return undefined;
    } finally {
      cancel();
      over?.removeEventListener('abort', abort);
    }
  }
}
