// Requests that wait until a transaction is settled: bounded in number and time, woken by the block that holds it.
import type { Digest } from '../ledger/hash.ts';

export class Waiters {
  readonly #countMax: number;
  readonly #waiting = new Map<Digest, Set<() => void>>();
  #count = 0;
  #stopped = false;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#count;
  }

  /** Resolves when the transaction is settled, the time is over, `signal` aborts, or at once when too many wait. */
  wait(id: Digest, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.#stopped || this.#count >= this.#countMax || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        if (!this.#forget(id, end)) return;
        resolve();
      };
      const timer = setTimeout(end, timeoutMs);
      signal.addEventListener('abort', end);
      const others = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, others.add(end));
      this.#count += 1;
    });
  }

  settled(ids: Iterable<readonly [Digest, number]>): void {
    if (this.#count === 0) return;
    for (const [id] of ids) for (const end of [...(this.#waiting.get(id) ?? [])]) end();
  }

  stop(): void {
    this.#stopped = true;
    for (const ends of [...this.#waiting.values()]) for (const end of [...ends]) end();
  }

  #forget(id: Digest, end: () => void): boolean {
    const ends = this.#waiting.get(id);
    if (ends?.delete(end) !== true) return false;
    if (ends.size === 0) this.#waiting.delete(id);
    this.#count -= 1;
    return true;
  }
}
