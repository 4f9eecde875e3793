// When to dial a peer again: at once after a connection that lasted, then ever later up to a cap. No chance in it, so
// that a run can be repeated; both ends dial, and the loser of two connections is closed by one of them (peer-link.ts).

const firstDelayMs = 50;
/** Of the time in which a quorum comes together after an outage, this and one dial are the larger part. */
const delayMsMax = 500;
/** A shorter connection was no success: a peer that accepts and hangs up is dialled ever later. */
const lastedMs = 3_000;

export interface Target {
  /** One attempt; never rejects. */
  dial(): Promise<void>;
  /** Whether there is no connection. */
  isWanted(): boolean;
  /** How long the peer is not wanted yet. */
  waitMs(): number;
}

export class Redial {
  readonly #target: Target;
  #attempts = 0;
  #timer: NodeJS.Timeout | undefined;
  #isDialling = false;
  #isStopped = false;

  constructor(target: Target) {
    this.#target = target;
  }

  /** After start, and after the end of a connection that lived this long. */
  schedule(livedMs = 0): void {
    if (livedMs >= lastedMs) this.#attempts = 0;
    if (this.#isStopped || this.#isDialling || this.#timer !== undefined) return;
    const delayMs = this.#attempts === 0 ? 0 : Math.min(firstDelayMs * 2 ** (this.#attempts - 1), delayMsMax);
    this.#timer = setTimeout(() => void this.#attempt(), Math.max(delayMs, this.#target.waitMs()));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #attempt(): Promise<void> {
    this.#timer = undefined;
    this.#isDialling = true;
    this.#attempts = Math.min(this.#attempts + 1, 16);
    await this.#target.dial();
    this.#isDialling = false;
    if (this.#target.isWanted()) this.schedule();
  }
}
