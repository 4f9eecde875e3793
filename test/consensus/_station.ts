// One validator of a test cluster: a replica, what would survive its crash, and the duties of the driver, with a crash
// possible between any two effects. The network belongs to the cluster.
import type { Effect, Event } from '../../node/consensus/events.ts';
import type { Block, Message } from '../../node/consensus/messages.ts';
import { bodiesMax, decodeRecord, encodeRecord, firstRecord, type VoteRecord } from '../../node/consensus/record.ts';
import { Replica } from '../../node/consensus/replica.ts';
import type { Timings } from '../../node/consensus/timers.ts';
import { assert } from '../../node/ledger/assert.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import { chainId, genesis, itemsOf, makeBlock, readHeader, type StoredBlock, signAs } from './_chain.ts';

/** What a crash leaves. Changed by persist and commit alone. */
export interface Durable {
  record: VoteRecord;
  bodies: Map<Digest, Block>;
  chain: StoredBlock[];
}

/** What a station asks of the cluster; its answer comes as an event, if the station lives so long. */
export type Errand =
  | { readonly type: 'event'; readonly event: Event }
  | { readonly type: 'fetch'; readonly height: number; readonly from: readonly number[] }
  | { readonly type: 'fetchBody'; readonly height: number; readonly digest: Digest; readonly from: readonly number[] };

/** What surrounds a station. */
export interface Surroundings {
  readonly validators: number;
  readonly timings: Timings;
  send(station: Station, to: number, message: Message): void;
  undertake(station: Station, errand: Errand): void;
  /** Every effect, before it is performed. */
  note(station: Station, effect: Effect): void;
  committed(station: Station): void;
  isBad(validator: number, item: string): boolean;
}

/** Most that a block holds. */
export const batchMax = 3;

export class Station {
  readonly index: number;
  /** Two stations under one key are what a lying validator is made of; neither is honest then. */
  readonly isHonest: boolean;
  durable: Durable = { record: firstRecord(), bodies: new Map(), chain: [] };
  replica: Replica | undefined;
  /** Grows with every start: answers to an earlier life find nobody. */
  life = 0;
  /** A clock far from the others' fails what is checked freshly. */
  isClockWrong = false;
  silence: string | undefined;
  incident: string | undefined;
  /** Effects performed in all lives. */
  performed = 0;
  /** Stops right before the effect of this number. */
  crashBefore = Number.POSITIVE_INFINITY;
  readonly #around: Surroundings;
  readonly #waiting = new Set<string>();
  #executed = new Map<Digest, Block>();
  #work = { waiting: false, oldest: undefined as string | undefined };

  constructor(index: number, around: Surroundings, isHonest = true) {
    this.index = index;
    this.isHonest = isHonest;
    this.#around = around;
  }

  get isUp(): boolean {
    return this.replica !== undefined;
  }

  get height(): number {
    return this.durable.chain.length;
  }

  get waiting(): readonly string[] {
    return [...this.#waiting];
  }

  start(amnesia?: string): void {
    assert(this.replica === undefined, 'only what is down starts');
    const { durable } = this;
    // Through the bytes, as a store would.
    const record = decodeRecord(encodeRecord(durable.record));
    const last = durable.chain.at(-1)?.certificate;
    this.life += 1;
    this.silence = undefined;
    this.replica = new Replica({
      self: this.index,
      validators: this.#around.validators,
      chainId,
      timings: this.#around.timings,
      head: last === undefined ? genesis : { height: last.height, digest: last.digest, certificate: last },
      record,
      bodies: new Map(record.bodies.map((digest) => [digest, this.#bodyOf(digest)])),
      sign: signAs(this.index),
      amnesia,
    });
    this.#perform(this.replica.start());
  }

  #bodyOf(digest: Digest): Block {
    const block = this.durable.bodies.get(digest);
    assert(block !== undefined, 'the record names no body that is not stored');
    return block;
  }

  crash(): void {
    this.replica = undefined;
    this.#waiting.clear();
    this.#executed = new Map();
    this.#work = { waiting: false, oldest: undefined };
  }

  /** A disk as it was: with `keep` undefined, an empty one. */
  rollBack(to: Durable): void {
    assert(!this.isUp, 'a disk is changed while its validator is down');
    this.durable = copyOf(to);
  }

  snapshot(): Durable {
    return copyOf(this.durable);
  }

  submit(item: string): void {
    if (!this.isUp || this.#isSettled(item)) return;
    this.#waiting.add(item);
    this.noteWork();
  }

  step(event: Event): void {
    if (this.replica === undefined || this.incident !== undefined) return;
    this.#perform(this.replica.step(event));
  }

  noteWork(): void {
    const waiting = this.#waiting.size > 0;
    const [oldest] = this.#waiting;
    if (waiting === this.#work.waiting && oldest === this.#work.oldest) return;
    this.#work = { waiting, oldest };
    this.#answer({ type: 'work', waiting, oldest });
  }

  #isSettled(item: string): boolean {
    return this.durable.chain.some(({ block }) => itemsOf(block).includes(item));
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (this.performed >= this.crashBefore) {
        this.crashBefore = Number.POSITIVE_INFINITY;
        this.crash();
      }
      if (this.replica === undefined || this.incident !== undefined) return;
      this.performed += 1;
      this.#around.note(this, effect);
      this.#performOne(effect);
    }
  }

  #performOne(effect: Effect): void {
    switch (effect.type) {
      case 'announce':
        return;
      case 'persist':
        for (const digest of effect.deleteBodies) this.durable.bodies.delete(digest);
        for (const [digest, block] of effect.putBodies) this.durable.bodies.set(digest, block);
        this.durable.record = effect.record;
        this.#checkBodies();
        return;
      case 'send':
        return this.#around.send(this, effect.to, effect.message);
      case 'broadcast':
        for (let to = 0; to < this.#around.validators; to++)
          if (to !== this.index) this.#around.send(this, to, effect.message);
        return;
      case 'propose':
        return this.#propose(effect);
      case 'validate': {
        const { epoch, view, height, digest, block, fresh } = effect;
        const valid = !(fresh && this.isClockWrong) && this.execute(digest, block);
        return this.#answer({ type: 'verdict', epoch, view, height, digest, valid });
      }
      case 'commit':
        return this.#commit(effect);
      case 'fetch':
      case 'fetchBody':
        return this.#around.undertake(this, effect);
      case 'evidence':
        return;
      case 'silence':
        this.silence = effect.reason;
        return;
      case 'incident':
        this.incident = effect.reason;
        return;
    }
  }

  /** [L1] The record names the bodies that are stored, and they are few. */
  #checkBodies(): void {
    const { bodies, record } = this.durable;
    assert(bodies.size <= bodiesMax, 'bodies kept for one height are bounded');
    assert(bodies.size === record.bodies.length && record.bodies.every((each) => bodies.has(each)), 'bodies as named');
  }

  #answer(event: Event): void {
    this.#around.undertake(this, { type: 'event', event });
  }

  #propose({ epoch, view, height }: Extract<Effect, { type: 'propose' }>): void {
    const items = this.waiting.filter((item) => !this.#around.isBad(this.index, item)).slice(0, batchMax);
    const parent = this.durable.chain.at(-1)?.certificate.digest ?? genesis.digest;
    const label = items.join('+');
    const proposed = items.length === 0 ? undefined : makeBlock({ height, parent, proposer: this.index, label });
    if (proposed !== undefined) this.#executed.set(proposed.digest, proposed.block);
    else this.#work = { waiting: false, oldest: undefined };
    this.#answer({ type: 'proposal', epoch, view, height, proposed });
  }

  /** True when the block is good on top of what is committed here. */
  execute(digest: Digest, block: Block): boolean {
    if (this.#executed.has(digest)) return true;
    const { height, parent, label } = readHeader(block);
    const head = this.durable.chain.at(-1)?.certificate.digest ?? genesis.digest;
    const items = itemsOf(block);
    const isGood =
      parent === head &&
      height === this.height + 1 &&
      items.join('+') === label &&
      !items.some((item) => this.#around.isBad(this.index, item) || this.#isSettled(item));
    if (isGood) this.#executed.set(digest, block);
    return isGood;
  }

  #commit({ certificate, record, deleteBodies }: Extract<Effect, { type: 'commit' }>): void {
    const block = this.#executed.get(certificate.digest);
    assert(block !== undefined, 'only a block that was executed here is committed');
    this.durable.chain.push({ block, certificate });
    for (const digest of deleteBodies) this.durable.bodies.delete(digest);
    this.durable.record = record;
    this.#executed = new Map();
    this.#around.committed(this);
    for (const item of itemsOf(block)) this.#waiting.delete(item);
    this.noteWork();
  }
}

function copyOf({ record, bodies, chain }: Durable): Durable {
  return { record, bodies: new Map(bodies), chain: [...chain] };
}
