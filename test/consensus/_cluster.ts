// A cluster of validators without sockets, disks or clocks: messages wait on the wire until somebody delivers, loses or
// repeats them, and time passes by ticks. It is the second minter of Verified: it makes the checks of the node's edge.
import type { Effect, Event, Verified } from '../../node/consensus/events.ts';
import type { Message } from '../../node/consensus/messages.ts';
import type { Timings } from '../../node/consensus/timers.ts';
import { assert } from '../../node/ledger/assert.ts';
import { certificateProblem } from '../../node/ledger/certificate.ts';
import { type Evidence, evidenceProblem } from '../../node/ledger/evidence.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import { quorumOf } from '../../node/ledger/validators.ts';
import {
  type Jurisdiction,
  newViewProblem,
  signatureProblem,
  viewChangeProblem,
} from '../../node/network/message-checks.ts';
import { digestOfBlock, jurisdictionOf } from './_chain.ts';
import { type Errand, Station, type Surroundings } from './_station.ts';
import { Witness } from './_witness.ts';
import { effectWords } from './_words.ts';

export interface OnTheWire {
  readonly from: Station;
  readonly to: Station;
  readonly message: Message;
}

export interface Task {
  readonly station: Station;
  readonly life: number;
  readonly errand: Errand;
}

/** True when the message shall not arrive. */
export type Loss = (from: number, to: number, message: Message) => boolean;

export const shortTimings: Timings = {
  proposalTimeoutTicks: 12,
  oldestTimeoutTicks: 36,
  statusIntervalTicks: 6,
  resendTicks: 4,
  fetchDelayTicks: 3,
};

/** Blocks in one answer to a fetch. */
const fetchMax = 3;
const heightsAhead = 2;
const heightsBehind = 2;

export class Cluster implements Surroundings {
  readonly validators: number;
  readonly quorum: number;
  readonly timings: Timings;
  readonly under: Jurisdiction;
  readonly witness: Witness;
  /** Honest validators and twins of the others; `honest` are those that the promises are about. */
  readonly stations: Station[] = [];
  readonly wire: OnTheWire[] = [];
  readonly tasks: Task[] = [];
  readonly losses = new Map<string, Loss>();
  readonly log: string[] = [];
  /** In whose names a test speaks, or whose disks it turned back: they may have signed anything. */
  readonly spokenFor = new Set<number>();
  readonly #bad = new Map<string, ReadonlySet<number>>();
  readonly #genuine = new WeakMap<Message, boolean>();

  constructor(validators: number, options: { timings?: Partial<Timings>; liars?: readonly number[] } = {}) {
    this.validators = validators;
    this.quorum = quorumOf(validators).size;
    this.timings = { ...shortTimings, ...options.timings };
    this.under = jurisdictionOf(validators);
    this.witness = new Witness(this.under);
    const liars = new Set(options.liars);
    for (let index = 0; index < validators; index++) this.stations.push(new Station(index, this, !liars.has(index)));
    // Two under one key, each with its own disk.
    for (const index of liars) this.stations.push(new Station(index, this, false));
  }

  get honest(): Station[] {
    return this.stations.filter((each) => each.isHonest);
  }

  station(index: number): Station {
    const station = this.stations[index];
    assert(station !== undefined, `no validator ${index}`);
    return station;
  }

  /** Everybody starts and has heard everybody. */
  start(): this {
    for (const station of this.stations) station.start();
    this.tick();
    this.settle();
    return this;
  }

  submit(item: string, to: readonly number[] = this.stations.map((each) => each.index)): void {
    for (const station of this.stations) if (to.includes(station.index)) station.submit(item);
  }

  /** Execution refuses blocks with this item, at these validators. */
  markBad(item: string, at: readonly number[] = this.stations.map((each) => each.index)): void {
    this.#bad.set(item, new Set(at));
  }

  isBad(validator: number, item: string): boolean {
    return this.#bad.get(item)?.has(validator) ?? false;
  }

  tick(stations: readonly Station[] = this.stations): void {
    for (const station of stations) station.step({ type: 'tick' });
  }

  /** Delivers and answers everything, in order, until nothing is under way. */
  settle(stepsMax = 200_000): void {
    for (let steps = 0; this.tasks.length + this.wire.length > 0; steps++) {
      assert(steps < stepsMax, 'a cluster comes to rest');
      if (this.tasks.length > 0) this.finish(0);
      else this.deliver(0);
    }
  }

  /** So many ticks, everything settled after each. */
  run(ticks: number): void {
    for (let i = 0; i < ticks; i++) {
      this.tick();
      this.settle();
    }
  }

  /** Ticks until it holds, or gives up. Answers the ticks it took. */
  runUntil(holds: () => boolean, ticksMax: number): number | undefined {
    for (let ticks = 0; ticks <= ticksMax; ticks++) {
      if (holds()) return ticks;
      this.run(1);
    }
    return undefined;
  }

  hasAll(items: readonly string[]): boolean {
    return this.honest.every(({ durable }) => {
      const held = new Set(
        durable.chain.flatMap(({ block }) => block.transactions.map((b) => new TextDecoder().decode(b))),
      );
      return items.every((item) => held.has(item));
    });
  }

  send(from: Station, to: number, message: Message): void {
    if (from.isHonest) this.witness.leaves(from.index, message, from.durable);
    for (const station of this.stations) if (station.index === to) this.wire.push({ from, to: station, message });
  }

  undertake(station: Station, errand: Errand): void {
    this.tasks.push({ station, life: station.life, errand });
  }

  note(station: Station, effect: Effect): void {
    const words = effectWords(effect);
    if (words !== undefined) this.log.push(`${station.index} ${words}`);
    if (effect.type === 'evidence' && station.isHonest) this.#accused(effect.evidence);
  }

  /** [A1] [A2] Evidence holds, and names nobody who kept to the rules. */
  #accused(evidence: Evidence): void {
    const { chainId, validators, check } = this.under;
    assert(evidenceProblem(evidence, chainId, validators, check) === undefined, 'what a replica finds is evidence');
    const isGuilty = this.spokenFor.has(evidence.validator) || !this.station(evidence.validator).isHonest;
    assert(isGuilty, `validator ${evidence.validator} is honest and is accused`);
  }

  committed(station: Station): void {
    const certificate = station.durable.chain.at(-1)?.certificate;
    assert(certificate !== undefined, 'a block was just committed');
    if (station.isHonest) this.witness.commits(station.index, certificate, station.durable);
  }

  /** Takes a message off the wire and hands it over, unless it is to be lost. */
  deliver(at: number, keep = false): void {
    const [one] = keep ? this.wire.slice(at, at + 1) : this.wire.splice(at, 1);
    assert(one !== undefined, 'there is a message on the wire');
    const { from, to, message } = one;
    for (const loss of this.losses.values()) if (loss(from.index, to.index, message)) return;
    this.arrive(from.index, to, message);
  }

  /** What the node's edge does before the replica sees a message. */
  arrive(from: number, to: Station, message: Message): void {
    if (to.replica === undefined || !this.isGenuine(message)) return;
    if (message.type !== 'committed' && message.type !== 'new-view' && message.validator !== from) return;
    if (message.type === 'status' && message.heard !== undefined && message.heard.validator !== to.index) return;
    if (message.type === 'pre-prepare' || message.type === 'prepare' || message.type === 'commit') {
      const height = to.replica.status().height + 1;
      if (message.height < height) this.#notice(to, from, message.height); // [C3]
      if (message.height < height - heightsBehind || message.height > height + heightsAhead) return;
    }
    to.step({ type: 'message', message: message as Verified<Message> });
  }

  #notice(station: Station, to: number, height: number): void {
    const certificate = station.durable.chain[height - 1]?.certificate;
    if (certificate !== undefined) this.send(station, to, { type: 'committed', certificate });
  }

  isGenuine(message: Message): boolean {
    let genuine = this.#genuine.get(message);
    if (genuine === undefined) {
      genuine = this.#problem(message) === undefined;
      this.#genuine.set(message, genuine);
    }
    return genuine;
  }

  #problem(message: Message): string | undefined {
    const { under } = this;
    switch (message.type) {
      case 'pre-prepare':
        if (message.validator !== message.view % this.validators) return 'not the primary';
        if (digestOfBlock(message.block) !== message.digest) return 'the header has another digest';
        return signatureProblem('pre-prepare', message, message.validator, message.signature, under);
      case 'prepare':
      case 'commit':
        return signatureProblem(message.type, message, message.validator, message.signature, under);
      case 'view-change':
        return viewChangeProblem(message, under);
      case 'new-view':
        return newViewProblem(message, under);
      case 'status': {
        const { heard } = message;
        return heard && signatureProblem(heard.kind, heard, heard.validator, heard.signature, under);
      }
      case 'committed':
        return certificateProblem(message.certificate, under.chainId, under.validators, under.check);
    }
  }

  /** Does what a station asked for, with what the others have durable. What it told itself comes in order. */
  finish(at: number): void {
    const asked = this.tasks[at];
    const first =
      asked?.errand.type === 'event'
        ? this.tasks.findIndex((each) => each.station === asked.station && each.errand.type === 'event')
        : at;
    const [task] = this.tasks.splice(first, 1);
    assert(task !== undefined, 'there is a task');
    const { station, life, errand } = task;
    const step = (event: Event) => {
      if (station.life === life) station.step(event);
    };
    switch (errand.type) {
      case 'event':
        return step(errand.event);
      case 'fetch':
        for (const { block, certificate } of this.#blocksFor(station, errand.height, errand.from)) {
          if (certificate.height !== station.height + 1 || station.life !== life || !station.isUp) continue;
          assert(station.execute(certificate.digest, block), 'a certified block is good everywhere');
          step({ type: 'fetched', certificate });
        }
        return step({ type: 'fetchEnded', height: errand.height, from: errand.from });
      case 'fetchBody': {
        const { height, digest } = errand;
        const block = this.#bodyFor(station, digest, errand.from);
        return step(block ? { type: 'body', height, digest, block } : { type: 'bodyMissing', height, digest });
      }
    }
  }

  #isReachable(from: Station, to: Station): boolean {
    const probe: Message = {
      type: 'status',
      validator: from.index,
      epoch: 0,
      view: 0,
      mode: 'normal',
      height: 0,
      logSize: 0,
      heard: undefined,
    };
    const isCut = [...this.losses.values()].some(
      (loss) => loss(from.index, to.index, probe) || loss(to.index, from.index, probe),
    );
    return to.isUp && !isCut;
  }

  /** Validators that lie serve nothing. */
  #servers(station: Station, from: readonly number[]): Station[] {
    return from.flatMap((index) =>
      this.honest.filter((each) => each.index === index && this.#isReachable(station, each)),
    );
  }

  #blocksFor(station: Station, height: number, from: readonly number[]) {
    const server = this.#servers(station, from).find((each) => each.height >= height);
    return server?.durable.chain.slice(height - 1, height - 1 + fetchMax) ?? [];
  }

  #bodyFor(station: Station, digest: Digest, from: readonly number[]) {
    for (const { durable } of this.#servers(station, from)) {
      const block =
        durable.bodies.get(digest) ?? durable.chain.find((each) => each.certificate.digest === digest)?.block;
      if (block !== undefined && station.execute(digest, block)) return block;
    }
    return undefined;
  }
}
