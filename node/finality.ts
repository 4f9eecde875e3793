// How long transactions of this node's clients took from submission to the durable block here, over the last while.
import type { Digest } from './ledger/hash.ts';

const samplesMax = 1_024;
const pendingMax = 65_536;

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

export class FinalityTimes {
  /** Submitted, not yet settled: id -> milliseconds of a monotonic clock. */
  readonly #pending = new Map<Digest, number>();
  readonly #samples: number[] = [];
  #next = 0;
  /** Until the next sample: a status is asked for far more often than a block comes. */
  #known: Percentiles | undefined;

  submitted(id: Digest, nowMs: number): void {
    if (this.#pending.size < pendingMax && !this.#pending.has(id)) this.#pending.set(id, nowMs);
  }

  settled(id: Digest, nowMs: number): void {
    const since = this.#pending.get(id);
    if (since === undefined) return;
    this.#pending.delete(id);
    this.#samples[this.#next] = nowMs - since;
    this.#next = (this.#next + 1) % samplesMax;
    this.#known = undefined;
  }

  /** Forgets those that left the mempool without an outcome. */
  dropUnless(isWaiting: (id: Digest) => boolean): void {
    for (const id of this.#pending.keys()) if (!isWaiting(id)) this.#pending.delete(id);
  }

  percentiles(): Percentiles | undefined {
    if (this.#known !== undefined) return this.#known;
    const sorted = [...this.#samples].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    const [p50, p99] = [at(0.5), at(0.99)];
    if (p50 !== undefined && p99 !== undefined) this.#known = { p50, p99 };
    return this.#known;
  }
}
