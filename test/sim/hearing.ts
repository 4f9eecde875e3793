// Before it votes a validator has heard where a quorum stands, its own word included [R2]: of every start, by the
// frames that came to it, and of every key that it is given later [E7]. Only words of the epoch that it is in count.
import { DecodeError } from '../../node/ledger/codec.ts';
import { equalBytes } from '../../node/ledger/hash.ts';
import type { Channel } from '../../node/network/transport.ts';
import type { Epochs } from './epochs.ts';
import type { SharedWork } from './shared-work.ts';
import type { ValidatorStation } from './station.ts';
import { check } from './violation.ts';

/** The second byte of a status. */
const statusKind = 4;
/** Those of statuses and notices, which sign nothing. */
const unsigned = [4, 5];

/** One start, in one epoch, under one key. */
interface Voice {
  readonly life: number;
  readonly voteKey: Uint8Array | undefined;
  readonly epoch: number;
  readonly from: Set<number>;
  isFound: boolean;
}

export class Hearing {
  readonly #epochs: Epochs;
  readonly #work: SharedWork;
  readonly #voices = new Map<ValidatorStation, Voice>();

  constructor(epochs: Epochs, work: SharedWork) {
    this.#epochs = epochs;
    this.#work = work;
  }

  arrives(station: ValidatorStation, from: number, channel: Channel, bytes: Uint8Array): void {
    if (channel !== 'votes' || bytes[1] !== statusKind) return;
    const voice = this.#of(station);
    if (voice.isFound) return;
    if (this.#epochOfStatus(bytes) !== voice.epoch) return;
    voice.from.add(from);
    voice.isFound = voice.from.size + 1 >= this.#quorumOf(voice.epoch);
  }

  leaves(station: ValidatorStation, channel: Channel, bytes: Uint8Array): void {
    if ((channel !== 'votes' && channel !== 'proposals') || unsigned.includes(bytes[1] ?? 0)) return;
    const { isFound, epoch, from } = this.#of(station);
    const heard = `has heard ${from.size + 1} of ${this.#quorumOf(epoch)} in epoch ${epoch}`;
    check(isFound, `validator ${station.index} votes and ${heard}`);
  }

  #epochOfStatus(bytes: Uint8Array): number | undefined {
    try {
      const message = this.#work.decode(bytes);
      return message.type === 'status' ? message.epoch : undefined;
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  }

  #quorumOf(epoch: number): number {
    return (this.#epochs.numbered(epoch) ?? this.#epochs.latest).quorum;
  }

  #of(station: ValidatorStation): Voice {
    const { lives: life, index, parts } = station;
    const epoch = this.#epochs.at(parts.disk.head().height + 1).number;
    const known = this.#voices.get(station);
    if (known?.life === life && known.epoch === epoch) return known;
    const voteKey = this.#epochs.keyOf(index, epoch);
    const isSameKey = known?.voteKey !== undefined && voteKey !== undefined && equalBytes(known.voteKey, voteKey);
    const isFound = known?.life === life && isSameKey && known.isFound;
    const voice = { life, voteKey, epoch, from: new Set<number>(), isFound };
    this.#voices.set(station, voice);
    return voice;
  }
}
