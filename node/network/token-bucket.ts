// A budget that refills evenly. Generous by design: it bounds what one peer can make us do, not what it may do.

export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /** `now` in milliseconds, of a clock that never steps back. */
  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** Whether anything may be taken. What is taken may go below zero once, so that a large frame always passes. */
  hasTokens(now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) * this.#perSecond) / 1_000);
    this.#at = now;
    return this.#tokens > 0;
  }

  take(count: number): void {
    this.#tokens -= count;
  }
}
