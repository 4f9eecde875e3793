// Which snapshot a peer is given, and how long it then stays [S6]: a busy ledger makes the next ones sooner than one is
// fetched. Everybody is given the same for a while, so that what is held depends on time alone and not on who asks.

interface Held {
  readonly height: number;
  readonly since: number;
  until: number;
}

export class HeldOffers {
  readonly #holdMs: number;
  readonly #monotonicMs: () => number;
  #given: Held | undefined;
  /** Over before the next takes its place: nobody is given it for `holdMs` by then. */
  #former: Held | undefined;

  constructor(holdMs: number, monotonicMs: () => number) {
    this.#holdMs = holdMs;
    this.#monotonicMs = monotonicMs;
  }

  /** The height to give to who asks now, where the newest on offer is this one: held for `holdMs` from now on. */
  give(newest: number): number {
    const now = this.#monotonicMs();
    const until = now + this.#holdMs;
    const given = this.#given;
    if (given !== undefined && (given.height === newest || now < given.since + this.#holdMs)) {
      given.until = until;
      return given.height;
    }
    this.#former = given;
    this.#given = { height: newest, since: now, until };
    return newest;
  }

  isHeld(height: number): boolean {
    const now = this.#monotonicMs();
    return [this.#given, this.#former].some((held) => held?.height === height && now < held.until);
  }
}
