// Whether the primary keeps up with what may be asked of it [T5, T6]: counts of ticks, one number of debt and one pair
// a primary. It knows only what this replica saw, and asks for nothing while nothing waits.

/** What a backup waits for at a tick: the primary's proposal (or its own vote), the votes of others, or nothing. */
export type Awaited = 'proposal' | 'votes' | 'nothing';

interface Served {
  readonly owedTicks: number;
  readonly blocks: number;
}

/** How many times the time that others need a primary may take. */
const patience = 2;
/** So many timeouts may be owed: one that T1 let pass may have been an accident. */
const timeoutsOwedMax = 2;
/** Debt is counted in parts of a tick, so that a block that takes less than one counts too. */
const parts = 256;
/** What an idle tick pays, or the accidents of a whole day would add up. */
const idleParts = parts / 16;

export class Floor {
  readonly #faulty: number;
  /** Of each primary its last view in which it served a block. */
  readonly #served = new Map<number, Served>();
  /** Undefined while this replica is the primary itself. */
  #primary: number | undefined;
  /** At the last tick, for a block that is open since. */
  #isOwed = false;
  #owedTicks = 0;
  #blocks = 0;
  /** Ticks for which the open block has waited for votes. */
  #voteTicks = 0;
  /** What the primary has taken beyond its due, in parts of a tick. */
  #debt = 0;
  /** What one block may take by what other primaries took. */
  #due = 0;

  constructor(faulty: number) {
    this.#faulty = faulty;
  }

  /**
   * A tick. True when the primary owes two timeouts [T5]. The first tick of a wait counts for nothing: where load keeps
   * step with the ticks, all of them may fall into waits that are over at once.
   */
  count(awaited: Awaited, timeoutTicks: number): boolean {
    const goesOn = this.#isOwed;
    this.#isOwed = awaited === 'proposal';
    if (awaited === 'votes') this.#voteTicks += 1;
    if (awaited === 'nothing') this.#pay(idleParts);
    if (!this.#isOwed || !goesOn) return false;
    this.#owedTicks += 1;
    this.#debt += parts;
    return this.#debt >= timeoutsOwedMax * timeoutTicks * parts;
  }

  /** A block of this view is committed: what it may have taken is paid. */
  committed(): void {
    this.#pay(Math.max(patience * this.#voteTicks * parts, this.#due));
    this.#isOwed = false;
    this.#voteTicks = 0;
    this.#blocks += 1;
  }

  /** `primary` is undefined where it is this replica. */
  viewEntered(primary: number | undefined): void {
    this.viewLeft();
    this.#primary = primary;
    this.#due = patience * this.#mark();
  }

  viewLeft(): void {
    if (this.#blocks > 0 && this.#primary !== undefined)
      this.#served.set(this.#primary, { owedTicks: this.#owedTicks, blocks: this.#blocks });
    this.#primary = undefined;
    this.#isOwed = false;
    this.#owedTicks = 0;
    this.#blocks = 0;
    this.#voteTicks = 0;
    this.#debt = 0;
  }

  #pay(due: number): void {
    this.#debt = Math.max(0, this.#debt - due);
  }

  /**
   * [T6] The (f+1)-th shortest wait for a proposal among the primaries' last views, in parts of a tick a block. f that
   * lie cannot set it: some honest primary was no faster. When all are slow it is what they take.
   */
  #mark(): number {
    const waits = [...this.#served.values()].map(({ owedTicks, blocks }) => Math.floor((owedTicks * parts) / blocks));
    return waits.sort((a, b) => a - b)[this.#faulty] ?? 0;
  }
}
