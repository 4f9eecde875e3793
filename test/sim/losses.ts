// What stations that lost their disks may have signed before: under such a key they sign nothing any more [R3, R5], and
// under one that they were given since they vote again [E7].
import { toHex } from '../../node/ledger/hash.ts';
import type { Epochs } from './epochs.ts';
import type { ValidatorStation } from './station.ts';

interface Loss {
  /** Vote keys that it had signed with. */
  readonly signed: ReadonlySet<string>;
  /** The latest epoch that it had come to. */
  readonly reached: number;
}

export class Losses {
  readonly #epochs: Epochs;
  readonly #signed = new Map<ValidatorStation, Set<string>>();
  readonly #losses = new Map<ValidatorStation, Loss>();

  constructor(epochs: Epochs) {
    this.#epochs = epochs;
  }

  signs(station: ValidatorStation, epoch: number): void {
    const signed = this.#signed.get(station) ?? new Set();
    this.#signed.set(station, signed.add(this.#keyOf(station, epoch)));
  }

  /** Its disk is about to be exchanged. */
  forgets(station: ValidatorStation): void {
    const epoch = this.#epochs.at(station.parts.disk.head().height + 1).number;
    const reached = Math.max(epoch, this.#losses.get(station)?.reached ?? 0);
    this.#losses.set(station, { signed: new Set(this.#signed.get(station)), reached });
  }

  /** Whether it may have forgotten what it signed in this epoch. */
  isLost(station: ValidatorStation, epoch: number): boolean {
    const loss = this.#losses.get(station);
    // Keys are counted only where they change.
    if (station.parts.gate === undefined) return loss !== undefined;
    return loss?.signed.has(this.#keyOf(station, epoch)) ?? false;
  }

  /** It has lost its disk, and was given keys since that it never had before: it must vote again. */
  isRekeyed(station: ValidatorStation): boolean {
    const loss = this.#losses.get(station);
    const { number } = this.#epochs.latest;
    const key = this.#keyOf(station, number);
    if (loss === undefined || key === '') return false;
    for (let epoch = 0; epoch <= loss.reached; epoch++) if (this.#keyOf(station, epoch) === key) return false;
    return true;
  }

  #keyOf(station: ValidatorStation, epoch: number): string {
    const key = this.#epochs.keyOf(station.index, epoch);
    return key === undefined ? '' : toHex(key);
  }
}
