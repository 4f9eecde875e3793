// The replica's timers, as counts of ticks. Which of them run is the replica's state to say; here they only count.

/** All in ticks, at least 1. */
export interface Timings {
  /** Base timeout B of rules T1-T3. */
  readonly proposalTimeoutTicks: number;
  /** Of rule T4; at least the base timeout. */
  readonly oldestTimeoutTicks: number;
  readonly statusIntervalTicks: number;
  /** After so long without progress stored messages are repeated [C4]. */
  readonly resendTicks: number;
  /** So long behind a peer before blocks are fetched [C2]: a commit is usually on its way. */
  readonly fetchDelayTicks: number;
}

const backoffMax = 8;

export class Timers {
  readonly #timings: Timings;
  readonly #faulty: number;
  #progress = 0;
  #oldest = 0;
  #accused = 0;
  #resend = 0;
  #status = 0;
  #behind = 0;
  #failedViews = 0;

  constructor(timings: Timings, faulty: number) {
    this.#timings = timings;
    this.#faulty = faulty;
    this.#status = timings.statusIntervalTicks - 1; // the first status goes out with the first tick
  }

  /** [T3] f views in a row may have failed for their primaries alone; one more, and the network may be slow. */
  get timeoutTicks(): number {
    const doublings = Math.max(0, this.#failedViews - this.#faulty);
    return this.#timings.proposalTimeoutTicks * Math.min(2 ** doublings, backoffMax);
  }

  /** [P2] More views in a row have failed than there may be lying primaries. */
  get haveManyFailed(): boolean {
    return this.#failedViews > this.#faulty;
  }

  /** [T1, T2] True when the running timer has just expired. */
  countProgress(running: boolean): boolean {
    this.#progress = running ? this.#progress + 1 : 0;
    return this.#progress >= this.timeoutTicks;
  }

  /** [T4] */
  countOldest(running: boolean): boolean {
    this.#oldest = running ? this.#oldest + 1 : 0;
    return this.#oldest >= this.#roundTicks;
  }

  /** [A6] */
  countAccused(running: boolean): boolean {
    this.#accused = running ? this.#accused + 1 : 0;
    return this.#accused >= this.#roundTicks;
  }

  get #roundTicks(): number {
    return Math.max(this.#timings.oldestTimeoutTicks, this.timeoutTicks);
  }

  countResend(running: boolean): boolean {
    this.#resend = running ? this.#resend + 1 : 0;
    if (this.#resend < this.#timings.resendTicks) return false;
    this.#resend = 0;
    return true;
  }

  countStatus(): boolean {
    this.#status += 1;
    if (this.#status < this.#timings.statusIntervalTicks) return false;
    this.#status = 0;
    return true;
  }

  countBehind(running: boolean): boolean {
    this.#behind = running ? this.#behind + 1 : 0;
    return this.#behind >= this.#timings.fetchDelayTicks;
  }

  /** A fetch brought nothing: the next one waits as long as the first. */
  fetchFailed(): void {
    this.#behind = 0;
  }

  oldestChanged(): void {
    this.#oldest = 0;
  }

  accusedChanged(): void {
    this.#accused = 0;
  }

  viewEntered(): void {
    this.#progress = 0;
    this.#oldest = 0;
    this.#accused = 0;
    this.#resend = 0;
  }

  viewFailed(): void {
    this.viewEntered();
    this.#failedViews += 1;
  }

  committed(): void {
    this.#progress = 0;
    this.#resend = 0;
    this.#failedViews = 0;
  }
}
