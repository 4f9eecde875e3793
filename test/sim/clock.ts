// One validator's wall clock: true time, bent. It may be ahead or behind, run fast or slow, jump and stand still.
import { genesisTime } from '../execution/_ledger.ts';
import { millisecond, type Timeline } from './timeline.ts';

export class WallClock {
  readonly #timeline: Timeline;
  #offsetMs = 0;
  /** Milliseconds gained in each second. */
  #driftMs = 0;
  #since = 0;
  #frozenAt: number | undefined;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** UTC milliseconds, as this clock has it. */
  now(): number {
    return this.#frozenAt ?? this.#running();
  }

  jump(byMs: number): void {
    this.#offsetMs += byMs;
    if (this.#frozenAt !== undefined) this.#frozenAt += byMs;
  }

  drift(msPerSecond: number): void {
    this.#offsetMs = this.#running() - this.#trueMs();
    this.#since = this.#trueMs();
    this.#driftMs = msPerSecond;
  }

  freeze(): void {
    this.#frozenAt = this.now();
  }

  /** Right again, within a few milliseconds. */
  repair(offsetMs: number): void {
    this.#frozenAt = undefined;
    this.#driftMs = 0;
    this.#offsetMs = offsetMs;
  }

  #trueMs(): number {
    return genesisTime + 1_000 + Math.floor(this.#timeline.now / millisecond);
  }

  #running(): number {
    const time = this.#trueMs();
    return Math.max(0, time + this.#offsetMs + Math.floor(((time - this.#since) * this.#driftMs) / 1_000));
  }
}
