// Under which of its keys a validator speaks while it hears no quorum (rule E8). Others may know it by its former key,
// by its present one, or by one that no epoch here names. Whoever speaks under the last is shut out by all who know the
// first two, so that turns of that kind are rare, and no two validators stay in step for ever.
import { sha256 } from './ledger/hash.ts';

/** A turn takes so many ticks, and fewer than `spreadTicks` more, which differ with the turn and the validator. */
const turnTicks = 60;
const spreadTicks = 30;
/** Named keys have so many rounds before another key has a turn, while nobody is connected. */
const roundsAlone = 2;
/** And so many for each validator of the set while somebody is: all of a quorum must be there at once. */
const roundsAmongOthers = 4;
/** A key by which somebody knows it is kept for so many turns: there may be much to fetch. */
const staysMax = 8;

/** Keys in hex. */
export interface HeldKeys {
  /** Those that an epoch known here names, the former one first. */
  readonly named: readonly string[];
  /** Those that are held besides and may be named later. */
  readonly others: readonly string[];
}

export class KeyTurns {
  readonly #validator: Uint8Array;
  #key: string | undefined;
  #turn = 0;
  #ticks = 0;
  #rounds = 0;
  #hasMet = false;
  #outings = 0;
  #stays = 0;

  /** `validator` is what no other has: turns must differ. */
  constructor(validator: string) {
    this.#validator = new TextEncoder().encode(validator);
  }

  /** The key whose turn it is. In another epoch that is the same one, if it is still held: it has brought it there. */
  keyOf({ named, others }: HeldKeys): string | undefined {
    const isHeld = this.#key !== undefined && (named.includes(this.#key) || others.includes(this.#key));
    if (!isHeld) this.#key = named[0] ?? others[0];
    return this.#key;
  }

  /** A quorum knows it by this key; turns begin again from here. */
  settle(key: string): void {
    this.#key = key;
    this.renew();
  }

  /** The key whose turn it is has a whole one from now on. */
  renew(): void {
    this.#ticks = 0;
    this.#rounds = 0;
    this.#hasMet = false;
    this.#stays = 0;
  }

  /** True when the turn of another key has come. */
  tick(heldKeys: () => HeldKeys, validators: number, isConnected: () => boolean): boolean {
    if (this.#ticks === 0) this.#ticks = -turnTicks - this.#spread();
    this.#ticks += 1;
    if (this.#ticks < 0) return false;
    this.#turn += 1;
    const held = heldKeys();
    const before = this.keyOf(held);
    this.#key = this.#next(held, before, validators, isConnected());
    return this.#key !== before;
  }

  #next({ named, others }: HeldKeys, key: string | undefined, validators: number, isConnected: boolean) {
    const at = named.indexOf(key ?? '');
    if (at < 0) {
      this.#stays += 1;
      if (isConnected && this.#stays < staysMax) return key;
      this.#stays = 0;
      return named[0] ?? this.#outing(others);
    }
    this.#hasMet ||= isConnected;
    const next = named[at + 1];
    if (next !== undefined) return next;
    this.#rounds += 1;
    const isTime = this.#rounds >= (this.#hasMet ? roundsAmongOthers * validators : roundsAlone);
    this.#hasMet = false;
    if (!isTime || others.length === 0) return named[0];
    this.#rounds = 0;
    return this.#outing(others);
  }

  #outing(others: readonly string[]): string | undefined {
    this.#outings += 1;
    return others[(this.#outings - 1) % others.length];
  }

  #spread(): number {
    const turn = new Uint8Array(4);
    new DataView(turn.buffer).setUint32(0, this.#turn);
    return (sha256(this.#validator, turn)[0] ?? 0) % spreadTicks;
  }
}
