// What stations that lost their disks may have signed before: under such a key they sign nothing any more [R3, R5], and
// under one that they were given since they vote again [E7]. Who has an older copy has forgotten some epochs alone: in
// those it has no voice, and another one may not have known its key at all.
import { toHex } from '../../node/ledger/hash.ts';
import type { Epochs } from './epochs.ts';
import type { ValidatorStation } from './station.ts';
import { check } from './violation.ts';

interface Loss {
  /** Vote keys that it had signed with. */
  readonly signed: ReadonlySet<string>;
  /** The latest epoch that it had come to. */
  readonly reached: number;
  /** In which it had signed since its copy was taken; undefined where it has no copy, and forgot all. */
  readonly epochs?: ReadonlySet<number>;
}

export class Losses {
  /** An own message of this station is about to leave. */
  onSigned: ((station: ValidatorStation, epoch: number) => void) | undefined;
  readonly #epochs: Epochs;
  readonly #signed = new Map<ValidatorStation, Set<string>>();
  /** Epochs that a copy of its disk would know nothing of. */
  readonly #since = new Map<ValidatorStation, Set<number>>();
  readonly #losses = new Map<ValidatorStation, Loss>();

  constructor(epochs: Epochs) {
    this.#epochs = epochs;
  }

  signs(station: ValidatorStation, epoch: number): void {
    const signed = this.#signed.get(station) ?? new Set();
    this.#signed.set(station, signed.add(this.#keyOf(station, epoch)));
    this.#since.get(station)?.add(epoch);
    this.onSigned?.(station, epoch);
  }

  /** While it is down: the copy knows all that it has signed, but what the disk had forgotten before. */
  copied(station: ValidatorStation): void {
    this.#since.set(station, new Set(this.#losses.get(station)?.epochs));
  }

  /** Its disk is about to be exchanged. */
  forgets(station: ValidatorStation): void {
    this.#losses.set(station, this.#lossOf(station));
  }

  /** It is about to get that copy. Answers whether it has signed anything since. */
  rewinds(station: ValidatorStation): boolean {
    const epochs = new Set(this.#since.get(station));
    this.#losses.set(station, { ...this.#lossOf(station), epochs });
    return epochs.size > 0;
  }

  #lossOf(station: ValidatorStation): Loss {
    const epoch = this.#epochs.at(station.parts.disk.head().height + 1).number;
    const reached = Math.max(epoch, this.#losses.get(station)?.reached ?? 0);
    return { signed: new Set(this.#signed.get(station)), reached };
  }

  /** Whether it may have forgotten what it signed in this epoch. */
  isLost(station: ValidatorStation, epoch: number): boolean {
    const loss = this.#losses.get(station);
    // Keys are counted only where they change.
    if (station.parts.gate === undefined) return loss !== undefined;
    return loss?.epochs?.has(epoch) ?? loss?.signed.has(this.#keyOf(station, epoch)) ?? false;
  }

  /** [R5, E7] A quorum of each epoch in which it signed knows of a start that its copy does not know. */
  checkVoice(station: ValidatorStation): void {
    const { node, index } = station;
    if (node === undefined || this.#losses.get(station)?.epochs === undefined) return;
    const { mode, epoch } = node.status();
    const hasVoice = mode === 'normal' || mode === 'changing';
    check(
      !hasVoice || !this.isLost(station, epoch),
      `validator ${index} has an older disk, and a voice in epoch ${epoch}, in which it had signed`,
    );
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
