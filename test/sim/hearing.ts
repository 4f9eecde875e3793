// Before it votes a validator has heard where a quorum stands, its own word included [R2]: of every start, by the
// frames that came to it.
import type { Channel } from '../../node/network/transport.ts';
import type { ValidatorStation } from './station.ts';
import { check } from './violation.ts';

/** The second byte of a status. */
const statusKind = 4;
/** Those of statuses and notices, which sign nothing. */
const unsigned = [4, 5];

export class Hearing {
  readonly #quorum: number;
  readonly #heard = new Map<ValidatorStation, { readonly life: number; readonly from: Set<number> }>();

  constructor(quorum: number) {
    this.#quorum = quorum;
  }

  arrives(station: ValidatorStation, from: number, channel: Channel, bytes: Uint8Array): void {
    if (channel === 'votes' && bytes[1] === statusKind) this.#of(station).add(from);
  }

  leaves(station: ValidatorStation, channel: Channel, bytes: Uint8Array): void {
    if ((channel !== 'votes' && channel !== 'proposals') || unsigned.includes(bytes[1] ?? 0)) return;
    const heard = this.#of(station).size + 1;
    check(heard >= this.#quorum, `validator ${station.index} votes and has heard ${heard} of ${this.#quorum}`);
  }

  #of(station: ValidatorStation): Set<number> {
    const { lives: life } = station;
    let heard = this.#heard.get(station);
    if (heard?.life !== life) {
      heard = { life, from: new Set() };
      this.#heard.set(station, heard);
    }
    return heard.from;
  }
}
