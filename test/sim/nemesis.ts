// Brings one class of faults upon a cluster, one fault after another, and takes each away again.
import { claimSchema, sessionsMax } from '../../node/ledger/claim.ts';
import { toHex } from '../../node/ledger/hash.ts';
import { decodeAs } from '../../node/ledger/schema.ts';
import type { Channel } from '../../node/network/transport.ts';
import type { MemoryImage } from '../../node/store/memory-store.ts';
import type { Chance } from './chance.ts';
import { type Cluster, heightOf } from './cluster.ts';
import { damaged, withDamagedOffers } from './disk.ts';
import { Governance } from './governance.ts';
import type { FaultClass } from './plan.ts';
import { Rewinds } from './rewinds.ts';
import type { ValidatorStation } from './station.ts';
import { millisecond, second } from './timeline.ts';

const hourMs = 3_600_000;

export class Nemesis {
  readonly #cluster: Cluster;
  readonly #chance: Chance;
  readonly #images = new Map<number, MemoryImage[]>();
  #governance: Governance | undefined;
  #rewinds: Rewinds | undefined;
  #isOver = false;
  #isHunting = false;
  #isLeaving = false;
  #slower = 1;

  constructor(cluster: Cluster, chance: Chance) {
    this.#cluster = cluster;
    this.#chance = chance;
  }

  /** Each class has chances of its own, so that leaving one out moves no other. */
  begin(fault: FaultClass): void {
    const { faultEverySeconds } = this.#cluster.plan;
    const governance = fault === 'membership' ? new Governance(this.#cluster, this.#chance) : undefined;
    this.#governance = governance;
    const rewinds = fault === 'rewind' ? new Rewinds(this.#cluster, this.#chance) : undefined;
    this.#rewinds = rewinds;
    const acts: { readonly [F in FaultClass]?: () => void } = {
      partition: () => this.#partition(),
      crash: () => this.#crash(this.#victim()),
      'effect-crash': () => this.#armCrash(),
      'crash-all': () => this.#crashAll(),
      pause: () => this.#pause(),
      'slow-disk': () => this.#slowDisk(),
      'disk-error': () => this.#diskError(),
      clock: () => this.#bendClock(),
      amnesia: () => this.#forget(),
      hunt: () => this.#hunt(),
      snapshots: () => this.#leaveBehind(),
      'bit-flip': () => this.#flip(),
      membership: () => governance?.act(),
      backup: () => this.#backUp(),
      'crash-loop': () => this.#loop(this.#victim()),
      rewind: () => rewinds?.act(),
    };
    if (fault === 'unheard') this.#cluster.network.isUnheard = firstWords();
    const act = acts[fault];
    const rare: readonly FaultClass[] = ['crash-all', 'amnesia', 'backup', 'crash-loop'];
    if (act !== undefined) this.#repeat(rare.includes(fault) ? 5 * faultEverySeconds : faultEverySeconds, act);
  }

  /** Faults come so many times more seldom: a run in which nothing gets through shows little. */
  ease(factor: number): void {
    if (this.#slower === 1) for (const { parts } of this.#cluster.stations) parts.clock.repair(0);
    this.#slower = factor;
  }

  /** Nothing begins any more; what goes on is ended by the cluster. */
  end(): void {
    this.#isOver = true;
    this.#governance?.end();
    this.#rewinds?.end();
    this.#cluster.network.isUnheard = undefined;
  }

  #repeat(meanSeconds: number, act: () => void): void {
    this.#later(this.#slower * this.#chance.waiting(meanSeconds * second), () => {
      act();
      this.#repeat(meanSeconds, act);
    });
  }

  #later(delay: number, work: () => void): void {
    this.#cluster.timeline.after(delay, () => {
      if (!this.#isOver) work();
    });
  }

  #victim(): ValidatorStation {
    return this.#chance.pick(this.#cluster.stations);
  }

  #note(text: string): void {
    this.#cluster.timeline.note(`fault: ${text}`);
  }

  #crash(station: ValidatorStation): void {
    station.crash('killed');
    this.#restartLater(station);
  }

  #restartLater(station: ValidatorStation): void {
    const downMs = this.#chance.pick([1, 50, 500, 2_000, 8_000]);
    this.#later(downMs * millisecond, () => {
      if (!station.isUp() && !this.#cluster.isRetired(station)) this.#cluster.start(station);
    });
  }

  /** A supervisor starts it again and again where it hears nobody, more often than a claim has room for [R5]. */
  #loop(station: ValidatorStation): void {
    const times = this.#chance.between(sessionsMax + 1, 3 * sessionsMax);
    this.#note(`${station.station} starts ${times} times, cut off`);
    this.#isolate(station.station, true);
    const step = (left: number) => {
      if (this.#cluster.isRetired(station)) return this.#isolate(station.station, false);
      station.crash('its supervisor starts it again');
      this.#cluster.start(station);
      if (left > 1) this.#later(5 * millisecond, () => step(left - 1));
      else this.#later(5 * millisecond, () => this.#isolate(station.station, false));
    };
    step(times);
  }

  /** With another disk. */
  #comeBack(station: ValidatorStation): void {
    if (this.#cluster.plan.faults.has('crash-loop')) this.#loop(station);
    else this.#restartLater(station);
  }

  /** Wherever it is then: between two sends, before or after a write. */
  #armCrash(): void {
    const station = this.#victim();
    if (!station.isUp()) return;
    station.boundariesLeft = this.#chance.between(1, 60);
    this.#note(`${station.station} dies after ${station.boundariesLeft} effects`);
  }

  #crashAll(): void {
    for (const station of this.#cluster.stations) this.#crash(station);
  }

  #pause(): void {
    const station = this.#victim();
    const pauseMs = this.#chance.pick([100, 500, 2_000, 10_000]);
    this.#note(`${station.station} stands still for ${pauseMs} ms`);
    station.pause(pauseMs * millisecond);
  }

  #slowDisk(): void {
    const station = this.#victim();
    station.writeMsMax = this.#chance.pick([1, 20, 100, 400, 2_000]);
    this.#note(`${station.station} writes within ${station.writeMsMax} ms`);
    this.#later(this.#chance.waiting(4 * second), () => {
      station.writeMsMax = 1;
    });
  }

  #diskError(): void {
    const station = this.#victim();
    station.writeFails = this.#chance.pick(['lost', 'kept']);
    this.#note(`${station.station} fails its next write: ${station.writeFails}`);
  }

  #bendClock(): void {
    const chance = this.#chance;
    const { clock, index } = this.#victim().parts;
    const [kind, byMs] = [chance.int(4), chance.pick([50, 500, 5_000, 9_900, 20_000, hourMs])];
    this.#note(`the clock of ${index} bends: ${kind} ${byMs}`);
    if (kind === 0) clock.jump(byMs);
    else if (kind === 1) clock.jump(-byMs);
    else if (kind === 2) clock.drift(chance.pick([-500, -10, 10, 500, 9_000]));
    else clock.freeze();
    if (chance.hits(0.5)) this.#later(chance.waiting(8 * second), () => clock.repair(chance.between(-50, 50)));
  }

  /** An older copy of the disk, an empty one, or one that is damaged and then replaced by an empty one. */
  #forget(): void {
    const chance = this.#chance;
    const { amnesiacs } = this.#cluster.plan;
    const station = this.#cluster.stations.find((each) => amnesiacs.includes(each.index));
    if (station === undefined) return;
    const { disk } = station.parts;
    const images = this.#images.get(station.station) ?? [];
    this.#images.set(station.station, images);
    if (images.length === 0 || chance.hits(0.5)) {
      const copy = disk.snapshot();
      this.#cluster.amnesia.copied(station, copy);
      images.push(copy);
      return;
    }
    const voted = ['normal', 'changing'].includes(station.node?.status().mode ?? '');
    station.crash('its disk is exchanged');
    const kind = chance.pick(['older', 'older', 'empty', 'damaged'] as const);
    this.#note(`${station.station} gets a disk that is ${kind}`);
    this.#cluster.losses.forgets(station);
    this.#cluster.wiped.delete(station);
    this.#cluster.rewound.delete(station);
    if (kind === 'older') {
      const image = chance.pick(images);
      // A quorum knows of a start that the copy does not: it must be silent [R5].
      const startsOf = (each: MemoryImage) => this.#startsOf(station, each);
      if (voted && startsOf(image) < startsOf(disk.snapshot())) this.#cluster.rewound.add(station);
      disk.restore(image);
      this.#cluster.amnesia.exchanged(station, image);
    } else if (kind === 'empty') this.#cluster.wipe(station);
    else disk.restore(damaged(disk.snapshot(), chance.int(10_000)));
    this.#comeBack(station);
  }

  /** A copy of a running store is taken, and put in its place when all have lost power and remember nothing. */
  #backUp(): void {
    const { stations, plan } = this.#cluster;
    const station = stations.find((each) => plan.amnesiacs.includes(each.index));
    if (station === undefined) return;
    const { disk } = station.parts;
    const copy = this.#images.get(station.station)?.pop();
    if (copy === undefined) {
      const image = disk.snapshot();
      this.#cluster.amnesia.copied(station, image);
      this.#images.set(station.station, [image]);
      return;
    }
    this.#note(`all lose power, and ${station.station} gets a copy of its disk`);
    const hasVoted = ['normal', 'changing'].includes(station.node?.status().mode ?? '');
    const isRewound = hasVoted && this.#startsOf(station, copy) < this.#startsOf(station, disk.snapshot());
    for (const each of stations) each.crash('lost power');
    this.#cluster.wiped.delete(station);
    this.#cluster.rewound.delete(station);
    if (isRewound) this.#cluster.rewound.add(station);
    disk.restore(copy);
    this.#cluster.amnesia.exchanged(station, copy);
    for (const each of stations) if (each !== station) this.#restartLater(each);
    this.#comeBack(station);
  }

  /** A byte of the state, while the validator runs: it heals, whenever it notices [R4]. */
  #flip(): void {
    const station = this.#victim();
    if (station.node?.isHealing === true) return;
    const { disk } = station.parts;
    this.#note(`a byte of the state of ${station.station} flips`);
    this.#cluster.flipped.add(station);
    disk.restore(damaged(disk.snapshot(), this.#chance.int(10_000)));
    if (this.#cluster.plan.snapshots !== undefined) this.#flipOffers(station);
  }

  /**
   * One validator's snapshots may be damaged, too, and others heal it. Were they damaged everywhere in one chunk,
   * nobody would have what they say.
   */
  #flipOffers({ index, station, parts: { disk } }: ValidatorStation): void {
    const { seed, validators } = this.#cluster.plan;
    if (index !== seed % validators || this.#chance.hits(0.5)) return;
    this.#note(`a byte of each snapshot of ${station} flips`);
    disk.restore(withDamagedOffers(disk.snapshot(), this.#chance.int(10_000)));
  }

  #partition(): void {
    const { network, stations } = this.#cluster;
    const chance = this.#chance;
    const numbers = stations.map(({ station }) => station);
    const kind = chance.pick([
      'half',
      'minority',
      'single',
      'one-way',
      'ring',
      'flapping',
      'swizzle',
      'primary',
    ] as const);
    const lasts = chance.pick([300, 1_000, 3_000, 10_000]) * millisecond;
    this.#note(`partition: ${kind} for ${lasts}`);
    switch (kind) {
      case 'half':
        return this.#split(chance.some(numbers, numbers.length >> 1), lasts);
      case 'minority':
        return this.#split(chance.some(numbers, this.#cluster.epochs.latest.faulty), lasts);
      case 'single':
        return this.#split(chance.some(numbers, 1), lasts);
      case 'primary':
        return this.#split(this.#cluster.primaries(), lasts);
      case 'flapping': {
        const side = chance.some(numbers, chance.between(1, numbers.length - 1));
        for (let i = 0; i < 8; i++) this.#later((i * lasts) / 8, () => this.#split(side, lasts / 16));
        return;
      }
      case 'one-way': {
        const [from, to] = [chance.some(numbers, chance.between(1, numbers.length - 1)), chance.some(numbers, 2)];
        return this.#sever(
          from.flatMap((a) => to.map((b) => [a, b] as const)),
          lasts,
        );
      }
      case 'ring': {
        const isNear = (a: number, b: number) => [1, numbers.length - 1].includes(Math.abs(a - b));
        return this.#sever(
          numbers.flatMap((a) => numbers.filter((b) => !isNear(a, b)).map((b) => [a, b] as const)),
          lasts,
        );
      }
      case 'swizzle':
        // Clogged one by one in one order, and freed one by one in another.
        for (const [i, one] of chance.some(numbers, numbers.length).entries())
          this.#later((i * lasts) / 20, () => this.#split([one], lasts / 2 + chance.int(lasts)));
        network.heal();
    }
  }

  /** One stays away until the others have forgotten what it needs next, or for as long as that may take. */
  #leaveBehind(): void {
    const station = this.#victim();
    const { retired, stations, timeline } = this.#cluster;
    if (this.#isLeaving || retired.has(station)) return;
    this.#isLeaving = true;
    this.#note(`${station.station} is left behind`);
    retired.add(station);
    station.crash('stays away');
    const ends = timeline.now + this.#chance.pick([20, 60, 120]) * second;
    const [height, peers] = [heightOf(station), stations.filter((each) => each !== station)];
    const isForgotten = () => peers.every(({ parts }) => parts.disk.base().height > height);
    const step = () => {
      if (timeline.now < ends && !isForgotten()) return this.#later(second, step);
      this.#isLeaving = false;
      retired.delete(station);
      if (!station.isUp()) this.#cluster.start(station);
    };
    step();
  }

  /** Whoever is primary is cut off, a little later, and comes back when another is: view after view fails. */
  #hunt(): void {
    if (this.#isHunting) return;
    this.#isHunting = true;
    const chance = this.#chance;
    const ends = this.#cluster.timeline.now + chance.pick([5, 20, 120, 600]) * second;
    const everyMs = chance.pick([5, 10, 100, 700]);
    this.#note(`hunts primaries every ${everyMs} ms until ${ends}`);
    let hunted: number | undefined;
    const step = () => {
      const [primary] = this.#cluster.timeline.now < ends ? this.#cluster.primaries() : [];
      if (hunted !== undefined && primary !== hunted) this.#isolate(hunted, false);
      if (primary !== undefined && primary !== hunted) this.#isolate(primary, true);
      hunted = primary;
      this.#isHunting = primary !== undefined;
      if (this.#isHunting) this.#later(everyMs * millisecond, step);
    };
    step();
  }

  #isolate(one: number, isCut: boolean): void {
    const { network, stations } = this.#cluster;
    for (const { station } of stations) {
      if (station === one) continue;
      for (const [from, to] of [
        [station, one],
        [one, station],
      ] as const)
        if (isCut) network.cut(from, to);
        else network.mend(from, to);
    }
  }

  #split(side: readonly number[], lasts: number): void {
    const others = this.#cluster.stations.map(({ station }) => station).filter((each) => !side.includes(each));
    this.#sever(
      side.flatMap((a) => others.flatMap((b) => [[a, b] as const, [b, a] as const])),
      lasts,
    );
  }

  #sever(links: readonly (readonly [number, number])[], lasts: number): void {
    const { network } = this.#cluster;
    for (const [a, b] of links) if (a !== b) network.cut(a, b);
    this.#later(lasts, () => {
      for (const [a, b] of links) network.mend(a, b);
    });
  }

  /** Under the key that the station has now. */
  #startsOf({ parts }: ValidatorStation, image: MemoryImage): number {
    const { epochs } = this.#cluster;
    const key = epochs.keyOf(parts.index, epochs.at(parts.disk.head().height + 1).number);
    const claim = key === undefined ? undefined : image.claims.get(toHex(key));
    return claim === undefined ? 0 : decodeAs(claimSchema, claim).start;
  }
}

/** [A5] The first time that a station passes a piece of evidence on nobody hears it. */
function firstWords(): (from: number, channel: Channel, bytes: Uint8Array) => boolean {
  const first = new Map<string, Uint8Array>();
  return (from, channel, bytes) => {
    if (channel !== 'transactions' || bytes[0] !== 0x82 || bytes[1] !== 1) return false;
    const name = `${from} ${toHex(bytes)}`;
    const known = first.get(name) ?? bytes;
    first.set(name, known);
    return known === bytes; // a broadcast is one frame
  };
}
