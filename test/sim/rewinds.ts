// An older copy of a validator's store over changes of the set [R5, E7]. It is taken while the validator is stopped;
// the start that follows is heard by few, and what it commits by nobody, so that as little as may be tells of it. Once
// it has signed in a later epoch, or in the very block that ends one, all lose power, and what was only in memory with
// them; the copy is put back, and those who know of the start that it does not know come last.
import { decodeMessage } from '../../node/consensus/messages.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { decodeSyncRequest } from '../../node/network/sync-messages.ts';
import type { MemoryImage } from '../../node/store/memory-store.ts';
import type { Chance } from './chance.ts';
import type { Cluster } from './cluster.ts';
import type { ValidatorStation } from './station.ts';
import { millisecond } from './timeline.ts';

/** From a copy to its return. */
interface Round {
  readonly station: ValidatorStation;
  readonly copy: MemoryImage;
  /** The epoch of the copy. */
  readonly epoch: number;
  readonly life: number;
  /** Machines that hear of the start. */
  readonly hearers: readonly number[];
  /** It waits until so few of a set know of the start that a quorum of it may not [R5]. */
  readonly waitsForStrangers: boolean;
}

/** A claim names the sessions of 32 starts: a copy that is older is not told apart. */
const startsMax = 24;

export class Rewinds {
  readonly #cluster: Cluster;
  readonly #chance: Chance;
  #round: Round | undefined;
  #isStriking = false;
  #isOver = false;

  constructor(cluster: Cluster, chance: Chance) {
    this.#cluster = cluster;
    this.#chance = chance;
    cluster.losses.onSigned = (station, epoch) => this.#signed(station, epoch);
  }

  /** Everybody hears everything again. */
  end(): void {
    this.#isOver = true;
    this.#hearAll();
  }

  /** A copy, where none waits to be put back. */
  act(): void {
    const { stations, plan, timeline } = this.#cluster;
    const station = stations.find(({ index }) => plan.amnesiacs.includes(index));
    if (this.#round !== undefined || station === undefined || !hasVoice(station)) return;
    const { disk } = station.parts;
    station.crash('is stopped for a copy');
    this.#cluster.losses.copied(station);
    const { number: epoch } = this.#cluster.epochs.at(disk.head().height + 1);
    const round: Round = {
      ...{ station, copy: disk.snapshot(), epoch, life: station.lives },
      hearers: this.#drawHearers(station),
      waitsForStrangers: this.#chance.hits(0.6),
    };
    this.#round = round;
    timeline.note(
      `fault: the store of ${station.station} is copied; ${round.hearers.join(' ')} hear of its next start`,
    );
    this.#hearLess(round);
    this.#later(this.#chance.pick([1, 50, 500]), () => this.#start(station));
    this.#later(this.#chance.pick(round.waitsForStrangers ? [30_000, 60_000] : [10_000, 30_000]), () => {
      if (this.#round === round) this.#strike();
    });
  }

  /** So many that it gets a voice, or all. */
  #drawHearers(station: ValidatorStation): readonly number[] {
    const { epochs, stations } = this.#cluster;
    const others = epochs.latest.machines.filter((machine) => machine !== station.index);
    if (this.#chance.hits(0.3)) return stations.map(({ index }) => index);
    const honest = others.filter((index) => this.#cluster.isHonest({ index }));
    const least = epochs.latest.quorum - 1;
    return this.#chance.some(honest.length >= least ? honest : others, least);
  }

  #hearLess({ station, hearers }: Round): void {
    const { network } = this.#cluster;
    const isLess = this.#chance.hits(0.8);
    network.isUnheard = (from, channel, bytes) => {
      return isLess && from === station.station && channel === 'votes' && decodeMessage(bytes).type === 'commit';
    };
    network.isUnanswered = (from, to, request) => {
      return from === station.station && !hearers.includes(to) && isClaim(request);
    };
  }

  #hearAll(): void {
    const { network } = this.#cluster;
    network.isUnheard = undefined;
    network.isUnanswered = undefined;
  }

  #signed(station: ValidatorStation, epoch: number): void {
    const round = this.#round;
    if (round?.station !== station || this.#isStriking || epoch <= round.epoch) return;
    const { machines, quorum } = this.#cluster.epochs.numbered(epoch) ?? this.#cluster.epochs.latest;
    const hearers = machines.filter((machine) => machine !== station.index && round.hearers.includes(machine));
    if (round.waitsForStrangers && hearers.length > machines.length - quorum) return;
    this.#isStriking = true;
    // What it says may reach nobody, some or all.
    this.#later(this.#chance.pick([0.001, 0.001, 1, 3, 20, 500]), () => {
      if (this.#round === round) this.#strike();
    });
  }

  #strike(): void {
    const round = this.#round;
    this.#round = undefined;
    this.#isStriking = false;
    this.#hearAll();
    if (round === undefined) return;
    const { station, copy, hearers, life } = round;
    const { losses, rewound, wiped, stations, retired, timeline } = this.#cluster;
    if (station.lives - life > startsMax) return;
    timeline.note(`fault: all lose power, and ${station.station} gets its copy of epoch ${round.epoch}`);
    const up = stations.filter((each) => each !== station && each.isUp());
    const isSpared = this.#chance.hits(0.2);
    for (const each of isSpared ? [] : up) each.crash('lost power');
    station.crash('its disk is exchanged');
    wiped.delete(station);
    rewound.delete(station);
    if (losses.rewinds(station)) rewound.add(station);
    station.parts.disk.restore(copy);
    const last = up.filter(({ index }) => hearers.includes(index) && hearers.length < stations.length);
    for (const each of up) {
      if (last.includes(each)) this.#awayFor(each, this.#chance.pick([2_000, 10_000, 30_000]));
      else this.#later(this.#chance.pick([50, 500]), () => this.#start(each));
    }
    if (retired.has(station)) return;
    this.#later(this.#chance.pick([50, 500]), () => this.#start(station));
  }

  /** Its operator comes late. */
  #awayFor(station: ValidatorStation, awayMs: number): void {
    const { retired } = this.#cluster;
    if (retired.has(station)) return;
    retired.add(station);
    station.crash('stays away');
    this.#later(awayMs, () => {
      retired.delete(station);
      this.#start(station);
    });
  }

  #start(station: ValidatorStation): void {
    if (!station.isUp() && !this.#cluster.isRetired(station)) this.#cluster.start(station);
  }

  #later(delayMs: number, work: () => void): void {
    this.#cluster.timeline.after(delayMs * millisecond, () => {
      if (!this.#isOver) work();
    });
  }
}

function hasVoice({ node }: ValidatorStation): boolean {
  const mode = node?.status().mode;
  return mode === 'normal' || mode === 'changing';
}

function isClaim(request: Uint8Array): boolean {
  try {
    return decodeSyncRequest(request).type === 'claim';
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}
