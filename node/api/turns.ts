// Requests that come at once would all be worked on in one turn of the event loop, and votes and timers would wait for
// the last of them. Here they share a few milliseconds of each turn; the rest waits for the next one, in order.
import { performance } from 'node:perf_hooks';

const turnMs = 5;

export class Turns {
  readonly #waiting: (() => void)[] = [];
  /** When the first request of this turn began. */
  #since: number | undefined;

  /** Undefined where there is time in this turn. Asked before a request is worked on, and again in a long one. */
  next(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#hasTime()) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #hasTime(): boolean {
    if (this.#since === undefined) {
      this.#since = performance.now();
      setImmediate(() => void this.#turn());
    }
    return performance.now() - this.#since < turnMs;
  }

  async #turn(): Promise<void> {
    this.#since = undefined;
    while (this.#waiting.length > 0 && this.#hasTime()) {
      this.#waiting.shift()?.();
      // What waited goes on before the next one is let in.
      await undefined;
    }
  }
}
