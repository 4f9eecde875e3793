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
  async ask<T>(
    candidates: readonly number[],
    request: Uint8Array,
    read: (peer: number, answer: Uint8Array) => T | undefined,
  ): Promise<T | undefined> {
    const order = this.bestFirst(candidates);
    this.#shared = Math.max(this.#shared, ...order.slice(0, 1).map((peer) => this.#takenBy(peer)));
    for (const peer of order) {
      const since = this.#options.monotonicMs();
      const answer = await this.#answer(peer, request);
      const tookMs = Math.max(1, this.#options.monotonicMs() - since);
      if (answer === undefined) {
        this.#take(peer, Math.max(tookMs, this.#options.timeoutMs / emptyShare));
        this.blame(peer, 'silences');
        continue;
      }
      this.#take(peer, tookMs);
      try {
        const result = read(peer, answer);
        if (result !== undefined) return result;
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        this.blame(peer, 'lies');
      }
    }
    return undefined;
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
  async #answer(peer: number, request: Uint8Array): Promise<Uint8Array | undefined> {
    const deadline = new AbortController();
    const cancel = this.#options.after(this.#options.timeoutMs, () => deadline.abort());
    try {
      return await this.#transport.request(peer, request, deadline.signal);
    } catch {
      return undefined;
    } finally {
      cancel();
    }
  }
}
