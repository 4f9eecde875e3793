// Asks one peer after another until one gives what holds. Who lied or did not answer is asked last from then on; nobody
// is asked never, for there may be no other.
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
  /** Of earlier questions, and of these from now on; none are known where it is absent. */
  readonly faults?: Map<number, PeerFaults>;
}

export class PeerAsker {
  readonly #transport: Pick<Transport, 'request'>;
  readonly #options: AskerOptions;
  readonly #faults: Map<number, PeerFaults>;

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
    for (const peer of this.bestFirst(candidates)) {
      const answer = await this.#answer(peer, request);
      if (answer === undefined) {
        this.blame(peer, 'silences');
        continue;
      }
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
      const [left, right] = [this.faults(a), this.faults(b)];
      return left.lies - right.lies || left.silences - right.silences;
    });
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
