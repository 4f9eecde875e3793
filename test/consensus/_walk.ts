// A random walk over a cluster: messages in any order, lost and repeated, validators that stop between any two effects
// and come back, partitions, validators that lie. Safety is watched at every step; then the network heals, and all that
// was submitted must be committed within a number of ticks.
import { assert } from '../../node/ledger/assert.ts';
import { type Prng, prng } from '../_prng.ts';
import { Cluster, type Loss, type OnTheWire } from './_cluster.ts';
import { Liar } from './_liar.ts';
import type { Station } from './_station.ts';

export interface WalkOptions {
  readonly seed: number;
  readonly validators: number;
}

export interface WalkResult {
  readonly height: number;
  readonly view: number;
  readonly ticksToHeal: number;
  readonly log: readonly string[];
}

type Fault = 'plot' | 'weather' | 'haste' | 'repeat' | 'replay' | 'crash' | 'cut' | 'lie' | 'late';

const messageTypes = ['pre-prepare', 'prepare', 'commit', 'view-change', 'new-view', 'status', 'committed'] as const;
const wireMax = 300;
const pastMax = 200;

/** Throws InvariantError on what must never happen, and when the healed cluster does not get on. */
export function walk(options: WalkOptions): WalkResult {
  const walker = new Walker(options);
  walker.go();
  return walker.heal();
}

/** Ticks within which a healed cluster has committed everything: f+2 views at the longest timeout, and a little. */
export function healTicksMax(cluster: Cluster): number {
  const { proposalTimeoutTicks, statusIntervalTicks } = cluster.timings;
  const faulty = Math.floor((cluster.validators - 1) / 3);
  return proposalTimeoutTicks * 8 * (2 * faulty + 3) + 10 * statusIntervalTicks;
}

class Walker {
  readonly cluster: Cluster;
  readonly #random: Prng;
  readonly #liars: Liar[] = [];
  readonly #past: OnTheWire[] = [];
  readonly #items: string[] = [];
  /** Out of 100, by what can go wrong; most walks leave most of it out. */
  readonly #odds: Readonly<Record<Fault, number>>;
  readonly #isOrderly: boolean;
  /** Steps to a tick. */
  #pace: number;

  constructor({ seed, validators }: WalkOptions) {
    this.#random = prng(seed);
    const odds = (max: number) => (this.#random.int(2) === 0 ? 0 : 1 + this.#random.int(max));
    const faulty = Math.floor((validators - 1) / 3);
    const isLying = this.#random.int(2) === 0;
    const liars = isLying ? this.#someOf(validators, 1 + this.#random.int(faulty)) : [];
    this.cluster = new Cluster(validators, {
      liars,
      timings: {
        proposalTimeoutTicks: 8 + this.#random.int(8),
        oldestTimeoutTicks: 24 + this.#random.int(24),
        statusIntervalTicks: 3 + this.#random.int(5),
        resendTicks: 2 + this.#random.int(4),
        fetchDelayTicks: 1 + this.#random.int(4),
      },
    });
    for (const index of liars) this.#liars.push(new Liar(this.cluster, this.cluster.station(index), this.#random));
    this.#odds = {
      plot: odds(8),
      weather: odds(5),
      haste: odds(6),
      repeat: odds(20),
      replay: odds(5),
      crash: odds(4),
      cut: odds(3),
      lie: isLying ? 1 + this.#random.int(10) : 0,
      late: odds(50),
    };
    this.#isOrderly = this.#random.int(3) === 0;
    this.#pace = 1 + this.#random.int(12);
    this.cluster.start();
  }

  #someOf(below: number, count: number): number[] {
    const chosen = new Set<number>();
    while (chosen.size < count) chosen.add(this.#random.int(below));
    return [...chosen].sort((a, b) => a - b);
  }

  #happens(what: Fault): boolean {
    return this.#random.int(100) < this.#odds[what];
  }

  go(): void {
    const way = this.#random.int(5);
    if (way === 0) for (let step = 0; step < 500; step++) this.#step();
    else if (way === 1) for (let round = 0; round < 12; round++) this.#round();
    else if (way === 2) for (let duel = 0; duel < 4; duel++) this.#duel();
    else for (let view = 0; view < 10; view++) this.#view();
  }

  #step(): void {
    const { cluster } = this;
    const random = this.#random;
    if (this.#happens('crash')) this.#crashOrStart();
    if (this.#happens('cut')) this.#cutOrMend();
    if (this.#happens('weather')) this.#turnWeather();
    if (this.#random.int(10) === 0 && this.#happens('plot')) this.#plot();
    if (this.#happens('haste')) this.#hurry();
    if (this.#happens('lie')) random.pick(this.#liars).act();
    if (this.#happens('replay')) this.#replay();
    if (random.int(40) === 0) this.#submit();
    if (random.int(this.#pace) === 0)
      cluster.tick(random.int(4) === 0 ? [random.pick(cluster.stations)] : cluster.stations);
    while (cluster.tasks.length > 0 && !this.#happens('late')) cluster.finish(random.int(cluster.tasks.length));
    while (cluster.wire.length > wireMax) cluster.wire.splice(random.int(cluster.wire.length), 1);
    for (let i = 0; i < 4 && cluster.wire.length > 0; i++) this.#deliver();
  }

  /** For some ticks each kind of message is lost on links of its own, and whatever arrives is dealt with at once. */
  #round(): void {
    const { cluster } = this;
    const random = this.#random;
    const density = random.pick([0, 10, 30, 50, 70]);
    const broken = new Set<string>();
    for (const type of messageTypes)
      for (let link = 0; link < cluster.validators ** 2; link++)
        if (random.int(100) < density) broken.add(`${type} ${link}`);
    cluster.losses.set('round', (from, to, { type }) => broken.has(`${type} ${from * cluster.validators + to}`));
    if (this.#happens('crash') || this.#happens('crash')) this.#crashOrStart();
    for (const station of cluster.stations) if (!station.isUp && random.int(3) === 0) station.start();
    if (this.#random.int(100) < this.#odds.plot * 6) this.#plot();
    this.#submit();
    for (let tick = 5 + random.int(30); tick > 0; tick--) {
      if (this.#happens('lie')) random.pick(this.#liars).act();
      if (this.#happens('haste')) this.#hurry();
      cluster.tick();
      while (cluster.tasks.length + cluster.wire.length > 0) {
        if (cluster.tasks.length > 0) cluster.finish(0);
        else this.#deliver();
      }
    }
  }

  /** One view: each kind of message reaches some only, then everybody's timer expires and some stop for a while. */
  #view(): void {
    const { cluster } = this;
    const random = this.#random;
    const some = (chances: readonly number[]) => {
      const chance = random.pick(chances);
      return new Set(cluster.stations.filter(() => random.int(100) < chance).map((each) => each.index));
    };
    const [proposed, prepared, committed] = [some([60, 90]), some([40, 60, 90]), some([20, 40, 90])];
    const [asking, entering] = [some([70, 90]), some([60, 90])];
    cluster.losses.set('view', (from, to, { type }) => {
      // Who has just come back hears where the others are; else nobody learns what these views have not shown.
      if (type === 'status') return cluster.station(to).replica?.status().voice !== 'listening';
      if (type === 'committed') return true;
      if (type === 'view-change') return !asking.has(from);
      return !{ 'pre-prepare': proposed, prepare: prepared, commit: committed, 'new-view': entering }[type].has(to);
    });
    this.#submit();
    this.#play();
    for (const station of cluster.stations) {
      if (!station.isUp && random.int(2) === 0) station.start();
      else if (station.isUp && random.int(6) === 0) station.crash();
      else this.#expire(station);
    }
    if (random.int(8) === 0) this.#rest();
  }

  /** Until it leaves its view, or does not want to; what it repeated meanwhile stands on the wire once. */
  #expire(station: Station): void {
    const { cluster } = this;
    const { view, mode } = station.durable.record;
    const isPatient = mode === 'changing' && this.#random.int(2) === 0;
    const { proposalTimeoutTicks, resendTicks } = cluster.timings;
    let ticks = isPatient ? resendTicks : proposalTimeoutTicks * (mode === 'changing' ? 3 : 8);
    for (; ticks > 0 && station.durable.record.view === view; ticks--) cluster.tick([station]);
    const seen = new Set<string>();
    const wire = cluster.wire.filter(({ from, to, message }) => {
      if (from !== station) return true;
      const key = `${cluster.stations.indexOf(to)} ${message.type}`;
      return message.type !== 'status' && !seen.has(key) && seen.add(key);
    });
    cluster.wire.splice(0, cluster.wire.length, ...wire);
  }

  /** For a while everything arrives. */
  #rest(): void {
    this.cluster.losses.clear();
    this.cluster.run(this.cluster.timings.statusIntervalTicks * 3);
  }

  /** Few hear the Commits and stop once they have committed: what was decided lives on in certificates of others. */
  #plot(): void {
    const { cluster } = this;
    const faulty = Math.floor((cluster.validators - 1) / 3);
    const few = this.#someOf(cluster.validators, 1 + this.#random.int(faulty));
    const unheard = this.#random.pick([0, 0, 20, 50]);
    cluster.losses.set('plot', (_, to, { type }) => {
      if (type === 'prepare') return this.#random.int(100) < unheard;
      return type === 'committed' || type === 'status' || (type === 'commit' && !few.includes(to));
    });
    this.#submit(true);
    const stop = few.map((index) => cluster.station(index));
    const heights = stop.map((each) => each.height);
    for (let i = 0; i < 400 && cluster.tasks.length + cluster.wire.length > 0; i++) {
      if (cluster.tasks.length > 0) cluster.finish(0);
      else this.#deliver();
      for (const [at, each] of stop.entries()) if (each.isUp && each.height > (heights[at] ?? 0)) each.crash();
    }
    for (const each of cluster.stations) if (each.isUp && this.#random.int(4) > 0) this.#hurry(each);
    cluster.losses.delete('plot');
  }

  /**
   * Some alone hold a prepared certificate and are left out of the next view; there another block is prepared, and
   * committed by some who stop. In the view after, both certificates are shown, and one of them must win.
   */
  #duel(): void {
    const { cluster } = this;
    const { stations, validators, losses } = cluster;
    const faulty = Math.floor((validators - 1) / 3);
    const first = new Set(this.#someOf(validators, 1 + this.#random.int(faulty)));
    const second = new Set(this.#someOf(validators, 1 + this.#random.int(faulty)));
    const isHeard = (type: string) => type !== 'status' && type !== 'committed';
    losses.set(
      'duel',
      (_, to, { type }) => !isHeard(type) || type === 'commit' || (type === 'prepare' && !first.has(to)),
    );
    this.#submit(true);
    this.#play();
    losses.set('duel', (from, to, { type }) => {
      const isLeftOut = first.has(from) ? type === 'view-change' : first.has(to) && type !== 'view-change';
      return isLeftOut || !isHeard(type) || (type === 'commit' && !second.has(to));
    });
    const heights = stations.map((each) => each.height);
    for (const each of stations) if (each.isUp) this.#expire(each);
    this.#play();
    for (const [at, each] of stations.entries())
      if (each.isUp && second.has(each.index) && each.height > (heights[at] ?? 0)) each.crash();
    losses.set('duel', (_, __, { type }) => !isHeard(type));
    for (let view = 0; view < 2; view++) {
      for (const each of stations) if (each.isUp) this.#expire(each);
      this.#play();
    }
    for (const each of stations) if (!each.isUp && this.#random.int(2) === 0) each.start();
    if (this.#random.int(2) === 0) this.#rest();
  }

  #play(): void {
    const { tasks, wire } = this.cluster;
    for (let i = 0; i < 500 && tasks.length + wire.length > 0; i++) {
      if (this.#happens('lie')) this.#random.pick(this.#liars).act();
      if (tasks.length > 0) this.cluster.finish(0);
      else this.#deliver();
    }
    wire.length = 0;
  }

  #deliver(): void {
    const { wire } = this.cluster;
    const at = this.#isOrderly ? 0 : this.#random.int(wire.length);
    const one = wire[at];
    assert(one !== undefined, 'there is something to deliver');
    this.#remember(one);
    this.cluster.deliver(at, this.#happens('repeat'));
  }

  #remember(one: OnTheWire): void {
    for (const liar of this.#liars) liar.see(one.message);
    if (one.message.type === 'status') return;
    if (this.#past.length < pastMax) this.#past.push(one);
    else this.#past[this.#random.int(pastMax)] = one;
  }

  #replay(): void {
    if (this.#past.length === 0) return;
    const { from, to, message } = this.#random.pick(this.#past);
    this.cluster.arrive(from.index, to, message);
  }

  #submit(everywhere = false): void {
    const item = `item-${this.#items.length}`;
    this.#items.push(item);
    const to = !everywhere && this.#random.int(3) === 0 ? [this.#random.int(this.cluster.validators)] : undefined;
    this.cluster.submit(item, to);
  }

  #crashOrStart(): void {
    const station = this.#random.pick(this.cluster.stations);
    if (!station.isUp) return station.start();
    if (this.#random.int(10) === 0) return this.#everyoneStops();
    // Now, or between two of its next effects.
    if (this.#random.int(3) === 0) station.crash();
    else station.crashBefore = station.performed + this.#random.int(6);
  }

  #everyoneStops(): void {
    for (const each of this.cluster.stations) if (each.isUp) each.crash();
    this.cluster.wire.length = 0;
    for (const each of this.cluster.stations) each.start();
  }

  #turnWeather(): void {
    const { losses, validators } = this.cluster;
    this.#pace = 1 + this.#random.int(12);
    const one = this.#random.int(validators);
    switch (this.#random.int(4)) {
      case 0:
        return void losses.delete('weather');
      case 1:
        return void losses.set('weather', this.#lossByType());
      case 2:
        // One hears what the others do not, and is not heard: it may commit alone.
        return void losses.set('weather', (from, to, { type }) =>
          to === one ? false : type === 'commit' || type === 'committed' || (from === one && type !== 'prepare'),
        );
      default:
        return void losses.set('weather', (from, to) => to === one || (from === one && this.#random.int(2) === 0));
    }
  }

  #lossByType(): Loss {
    const chances = [0, 0, 10, 40, 80, 100];
    const lost = new Map(messageTypes.map((type) => [type, this.#random.pick(chances)]));
    return (_, __, { type }) => this.#random.int(100) < (lost.get(type) ?? 0);
  }

  /** Somebody's clock runs ahead: its timer expires alone. */
  #hurry(station = this.#random.pick(this.cluster.stations)): void {
    const ticks = this.cluster.timings.proposalTimeoutTicks * (1 + this.#random.int(2));
    for (let i = 0; i < ticks; i++) this.cluster.tick([station]);
  }

  #cutOrMend(): void {
    const { losses, validators } = this.cluster;
    if (losses.has('cut') && this.#random.int(2) === 0) return void losses.delete('cut');
    const side = new Set(this.#someOf(validators, 1 + this.#random.int(validators - 1)));
    const isOneWay = this.#random.int(3) === 0;
    losses.set('cut', (from, to) => side.has(from) !== side.has(to) && (!isOneWay || side.has(from)));
  }

  /** Everything works again, liars may go on as they like; clients repeat what they have no answer to. */
  heal(): WalkResult {
    const { cluster } = this;
    cluster.losses.clear();
    for (const station of cluster.stations) {
      station.crashBefore = Number.POSITIVE_INFINITY;
      if (!station.isUp) station.start();
    }
    // Liars fall silent, or go on as honest ones would, or go on lying.
    const afterwards = this.#random.int(3);
    if (afterwards === 0) this.#silenceLiars();
    const before = cluster.witness.height;
    for (const item of [...this.#items, 'last']) cluster.submit(item);
    const ticksMax = healTicksMax(cluster);
    const ticks = this.#ticksUntilDone(ticksMax, afterwards === 2);
    const silent = cluster.honest.filter((each) => each.silence !== undefined || each.incident !== undefined);
    assert(
      silent.length === 0,
      `no honest validator is silenced: ${silent.map((each) => `${each.index} ${each.silence}`)}`,
    );
    assert(
      ticks !== undefined,
      `everything submitted is committed within ${ticksMax} ticks of healing at height ${before}`,
    );
    const view = Math.max(...cluster.honest.map((each) => each.durable.record.view));
    return { height: cluster.witness.height, view, ticksToHeal: ticks, log: cluster.log };
  }

  #ticksUntilDone(ticksMax: number, isLying: boolean): number | undefined {
    const { cluster } = this;
    for (let ticks = 0; ticks <= ticksMax; ticks++) {
      if (cluster.hasAll([...this.#items, 'last'])) return ticks;
      if (isLying && this.#happens('lie')) this.#random.pick(this.#liars).act();
      cluster.run(1);
    }
    return undefined;
  }

  #silenceLiars(): void {
    for (const station of this.cluster.stations) if (!station.isHonest && station.isUp) station.crash();
  }
}
