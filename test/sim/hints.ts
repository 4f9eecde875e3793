// What operators know of network keys [E8]. In most runs each is told the others' present ones at every start, and a
// machine that was left behind has its own latest keys alone. In some (`untold`) nobody tells anybody anything that the
// rules do without: an operator knows the others' keys of the day on which it set its machine up, or none at all, and
// is told present ones only where every key that its machine knows is gone; its machine takes its keys that may still
// be named in turn.
import { equalBytes } from '../../node/ledger/hash.ts';
import { Chance } from './chance.ts';
import type { Epochs, SetInForce } from './epochs.ts';
import type { FaultClass, Plan } from './plan.ts';
import type { ValidatorStation } from './station.ts';

type NetworkKeys = ReadonlyMap<string, Uint8Array>;

/**
 * The shortest turn of a key of node/key-turns.ts, 60 ticks. Turns are up to 89, and a key of no known epoch has one
 * only after two rounds: this counts each key once, as the bounds always have, and is the tighter for it.
 */
const turnMs = 3_000;
/** In these an operator puts former keys away once the next ones have served. */
const finishing: readonly FaultClass[] = ['rewind', 'untold'];

export class Hints {
  readonly isUntold: boolean;
  readonly #finishes: boolean;
  readonly #knowsFirst: boolean;
  readonly #epochs: Epochs;
  readonly #guides: () => readonly ValidatorStation[];
  readonly #first = new Map<ValidatorStation, NetworkKeys>();

  /** `guides`: who may bring others up. */
  constructor({ seed, faults }: Plan, epochs: Epochs, guides: () => readonly ValidatorStation[]) {
    this.isUntold = faults.has('untold');
    this.#finishes = finishing.some((each) => faults.has(each));
    this.#knowsFirst = new Chance(seed, 'untold').hits(0.5);
    this.#epochs = epochs;
    this.#guides = guides;
  }

  setUp(station: ValidatorStation): void {
    if (this.isUntold) this.#first.set(station, this.#knowsFirst ? this.#present() : new Map());
  }

  /** What its operator knows of the others when it starts. */
  of(station: ValidatorStation): NetworkKeys {
    return this.isGuided(station) ? this.#firstOf(station) : this.#present();
  }

  /** Before it starts, unless it may get an older store: whose keys it needs, too. */
  finishKeys({ index, parts: { keys, disk } }: ValidatorStation): void {
    if (!this.#finishes) return;
    const { number } = this.#epochs.at(disk.head().height + 1);
    keys.forgetBefore(this.#epochs.keyOf(index, number - 1) ?? this.#epochs.keyOf(index, number));
  }

  /** Whether it comes to the present epoch without a word of its operator. */
  isGuided(station: ValidatorStation): boolean {
    const { from } = this.#epochs.latest;
    const come = this.#guides().filter(({ parts }) => parts.disk.head().height + 1 >= from);
    return this.guidesOf(station, come) !== undefined;
  }

  /** The most that any of these may take to come to a key by which it is known, once an epoch. */
  turnsMs(stations: readonly ValidatorStation[]): number {
    if (!this.#finishes) return 0;
    return turnMs * Math.max(0, ...stations.map(({ parts }) => parts.keys.held.length + 1));
  }

  /** As guidesOf of core.ts, of those whose present key it knows in each epoch; undefined where operators are told. */
  guidesOf(station: ValidatorStation, guides: readonly ValidatorStation[]): readonly ValidatorStation[] | undefined {
    if (!this.isUntold) return undefined;
    const { number } = this.#epochs.at(station.parts.disk.head().height + 1);
    const ahead = this.#epochs.all.slice(number, -1);
    const found = ahead.map((epoch) => guides.find((each) => each !== station && this.#knows(station, each, epoch)));
    return found.every((each) => each !== undefined) ? found : undefined;
  }

  /** [E8] In an epoch it admits the keys of that set and of the one before, and those that its operator knows. */
  #knows(station: ValidatorStation, guide: ValidatorStation, { number, machines }: SetInForce): boolean {
    if (!machines.includes(guide.index)) return false;
    const speaks = this.#keyOf(guide.index, this.#epochs.latest.number);
    const known = [
      this.#keyOf(guide.index, number),
      this.#keyOf(guide.index, number - 1),
      this.#firstOf(station).get(guide.parts.validator),
    ];
    return speaks !== undefined && known.some((each) => each !== undefined && equalBytes(each, speaks));
  }

  #keyOf(machine: number, epoch: number): Uint8Array | undefined {
    return this.#epochs.numbered(epoch)?.validators[this.#epochs.seatOf(machine, epoch)]?.networkKey;
  }

  #firstOf(station: ValidatorStation): NetworkKeys {
    return this.#first.get(station) ?? new Map();
  }

  /** Those that the ledger named last. */
  #present(): NetworkKeys {
    const named = this.#epochs.all.flatMap(({ validators }) => validators);
    return new Map(named.map(({ id, networkKey }) => [id, networkKey]));
  }
}
