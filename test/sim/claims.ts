// What rule R5 promises of whoever votes where validators change: a quorum of the very set whose epoch it is holds the
// claim of this start, so that no older copy of its store finds a quorum that does not know of it. Told from the disks,
// and not from what the node believes.
import { equalBytes } from '../../node/ledger/hash.ts';
import type { Channel } from '../../node/network/transport.ts';
import type { Epochs } from './epochs.ts';
import type { ValidatorStation } from './station.ts';
import { check } from './violation.ts';

/** Those of statuses and notices, which sign nothing. */
const unsigned = [4, 5];

export class Claims {
  readonly #epochs: Epochs;
  readonly #stations: readonly ValidatorStation[];
  readonly #isHonest: (station: ValidatorStation) => boolean;
  /** Station -> the start and the epoch in which it was found to be known. */
  readonly #known = new Map<ValidatorStation, string>();

  constructor(epochs: Epochs, stations: readonly ValidatorStation[], isHonest: (station: ValidatorStation) => boolean) {
    this.#epochs = epochs;
    this.#stations = stations;
    this.#isHonest = isHonest;
  }

  /** A frame of one that does not lie is about to leave. */
  leaves(station: ValidatorStation, channel: Channel, bytes: Uint8Array): void {
    if ((channel !== 'votes' && channel !== 'proposals') || unsigned.includes(bytes[1] ?? 0)) return;
    const { number, machines, quorum } = this.#epochs.at(station.parts.disk.head().height + 1);
    const name = `${station.lives} ${number}`;
    if (this.#known.get(station) === name) return;
    const holders = machines.filter((machine) => machine === station.index || this.#isHeldBy(machine, station, number));
    const found = `${holders.length} of ${quorum} hold the claim of its start`;
    check(holders.length >= quorum, `validator ${station.index} votes in epoch ${number}, and ${found}`);
    this.#known.set(station, name);
  }

  /** Who lies, or lost its disk, may have said so. */
  #isHeldBy(machine: number, { index, parts }: ValidatorStation, epoch: number): boolean {
    const key = this.#epochs.keyOf(index, epoch);
    const own = key && parts.disk.claim(key);
    if (key === undefined || own === undefined) return false;
    return this.#stations
      .filter((each) => each.index === machine)
      .some((each) => !this.#isHonest(each) || equalBytes(each.parts.disk.claim(key) ?? new Uint8Array(0), own));
  }
}
