// One validator of transcripts in which the set changes: a replica over what would survive its crash, the duties of its
// driver, and of its node's edge what docs/consensus.md says of epochs (E1, E4, E5, E8). Its name stays, its number and
// its keys do not.
import type { Effect, Event, NextEpoch, Verified } from '../../node/consensus/events.ts';
import type { Block, Message } from '../../node/consensus/messages.ts';
import { firstRecord, type VoteRecord } from '../../node/consensus/record.ts';
import { Replica } from '../../node/consensus/replica.ts';
import { assert } from '../../node/ledger/assert.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import { chainId, genesis, itemsOf, makeBlock, readHeader, type StoredBlock, signAs } from './_chain.ts';
import { shortTimings } from './_cluster.ts';
import { type Era, eraAfter, firstEra, isRekeyed } from './_eras.ts';

export interface Around {
  /** To a machine, or to all that vote. */
  send(from: Machine, to: string | 'all', message: Message): void;
  /** To those who follow. */
  announce(from: Machine, message: Message): void;
  fetch(from: Machine, height: number, of: readonly string[]): void;
  note(from: Machine, effect: Effect): void;
}

interface Disk {
  readonly record: VoteRecord | undefined;
  readonly bodies: ReadonlyMap<Digest, Block>;
  readonly chain: readonly StoredBlock[];
}

const timings = { ...shortTimings, statusIntervalTicks: 5, oldestTimeoutTicks: 22 };
const batchMax = 3;

export class Machine {
  readonly name: string;
  replica: Replica | undefined;
  record: VoteRecord | undefined = firstRecord();
  bodies = new Map<Digest, Block>();
  chain: StoredBlock[] = [];
  /** Of the block after the last one here, and all before it. */
  readonly eras: Era[];
  readonly #around: Around;
  readonly #waiting = new Set<string>();
  readonly #events: Event[] = [];
  #fetch: { readonly height: number; readonly from: readonly number[] } = { height: 1, from: [] };
  #executed = new Map<Digest, Block>();
  #isBusy = false;
  #work = { waiting: false, oldest: undefined as string | undefined };

  constructor(name: string, names: readonly string[], around: Around) {
    this.name = name;
    this.#around = around;
    this.eras = [firstEra(names)];
  }

  get era(): Era {
    return this.eras.at(-1) as Era;
  }

  get height(): number {
    return this.chain.length;
  }

  get self(): number {
    return this.era.seats.findIndex(({ name }) => name === this.name);
  }

  /** [E8] The key that others know it by: the former one until a quorum of the new set is heard. */
  get speaks(): string {
    const keyIn = (era: Era | undefined) => era?.seats.find(({ name }) => name === this.name)?.key;
    const [own, former] = [keyIn(this.era), keyIn(this.eras.at(-2))];
    return (this.replica?.status().settled === true ? own : (former ?? own)) ?? former ?? this.name;
  }

  /** [E8] Those of the set in force and of the one before. */
  admits(key: string): boolean {
    return this.eras.slice(-2).some(({ seats }) => seats.some((each) => each.key === key));
  }

  /** Who follows: validators of the epoch before that have no vote any more. */
  get followers(): string[] {
    const former = this.eras.at(-2)?.seats ?? [];
    return former.map(({ name }) => name).filter((name) => !this.era.seats.some((each) => each.name === name));
  }

  start(): void {
    assert(this.replica === undefined, 'only what is down starts');
    const { era, height } = this;
    const last = this.chain.at(-1)?.certificate;
    const isBase = last === undefined || height < era.from;
    const digest = last?.digest ?? genesis.digest;
    const record = this.record ?? firstRecord(height + 1, era.number);
    this.replica = new Replica({
      self: this.self,
      validators: era.seats.length,
      ...{ chainId, timings, record },
      head: { height, digest, certificate: isBase ? undefined : last },
      bodies: new Map(this.bodies),
      sign: (message, epoch) => {
        const seat = this.eras[epoch]?.seats.find(({ name }) => name === this.name);
        assert(seat !== undefined && epoch === this.era.number, 'only a validator of the epoch signs in it');
        return signAs(seat.number)(message);
      },
      amnesia: this.record === undefined ? 'the vote record is missing' : undefined,
    });
    this.#perform(this.replica.start());
    this.noteWork();
  }

  stop(): void {
    this.replica = undefined;
    this.#events.length = 0;
    this.#executed = new Map();
    this.#work = { waiting: false, oldest: undefined };
  }

  disk(): Disk {
    const { record, bodies, chain } = this;
    return { record, bodies: new Map(bodies), chain: [...chain] };
  }

  restore({ record, bodies, chain }: Disk): void {
    this.record = record;
    this.bodies = new Map(bodies);
    this.chain = [];
    this.eras.splice(1);
    for (const each of chain) this.#append(each);
  }

  submit(item: string): void {
    this.#waiting.add(item);
    this.noteWork();
  }

  noteWork(): void {
    const waiting = this.#waiting.size > 0;
    const [oldest] = this.#waiting;
    if (waiting === this.#work.waiting && oldest === this.#work.oldest) return;
    this.#work = { waiting, oldest };
    this.put({ type: 'work', waiting, oldest });
  }

  put(event: Event): void {
    if (this.replica === undefined) return;
    this.#events.push(event);
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift())
      this.#perform(this.replica.step(next));
    this.#isBusy = false;
  }

  take(message: Message): void {
    this.put({ type: 'message', message: message as Verified<Message> });
  }

  /** [E6] Blocks of a peer, certified under the set of this epoch: what comes after its end is asked for again. */
  fetched(blocks: readonly StoredBlock[]): void {
    const { number } = this.era;
    for (const { block, certificate } of blocks) {
      if (certificate.epoch !== number || certificate.height !== this.height + 1) continue;
      assert(this.#isGood(certificate.digest, block), 'a certified block is good everywhere');
      this.put({ type: 'fetched', certificate, next: this.#nextOf(certificate.digest) });
    }
    this.put({ type: 'fetchEnded', ...this.#fetch });
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.#around.note(this, effect);
      this.#performOne(effect);
    }
  }

  #performOne(effect: Effect): void {
    switch (effect.type) {
      case 'announce':
        return this.#around.announce(this, effect.message);
      case 'persist':
        this.record = effect.record;
        for (const [digest, block] of effect.putBodies) this.bodies.set(digest, block);
        return;
      case 'send':
        return this.#around.send(this, this.era.seats[effect.to]?.name ?? '', effect.message);
      case 'broadcast':
        return this.#around.send(this, 'all', effect.message);
      case 'propose':
        return this.#propose(effect);
      case 'validate': {
        const { epoch, view, height, digest, block } = effect;
        const valid = this.#isGood(digest, block);
        return this.put({ type: 'verdict', epoch, view, height, digest, valid, next: this.#nextOf(digest) });
      }
      case 'commit':
        return this.#commit(effect);
      case 'fetch':
        this.#fetch = { height: effect.height, from: effect.from };
        return this.#around.fetch(
          this,
          effect.height,
          effect.from.map((index) => this.era.seats[index]?.name ?? ''),
        );
      default:
        return;
    }
  }

  #propose({ epoch, view, height }: Extract<Effect, { type: 'propose' }>): void {
    const items = [...this.#waiting].slice(0, batchMax);
    const parent = this.chain.at(-1)?.certificate.digest ?? genesis.digest;
    const header = { height, parent, proposer: this.name.charCodeAt(0), label: items.join('+') };
    const proposed = items.length === 0 ? undefined : makeBlock(header);
    if (proposed !== undefined) this.#executed.set(proposed.digest, proposed.block);
    const next = proposed && this.#nextOf(proposed.digest);
    this.put({ type: 'proposal', epoch, view, height, proposed: proposed && { ...proposed, next } });
  }

  #isGood(digest: Digest, block: Block): boolean {
    const { height, parent } = readHeader(block);
    const head = this.chain.at(-1)?.certificate.digest ?? genesis.digest;
    const isGood = parent === head && height === this.height + 1;
    if (isGood) this.#executed.set(digest, block);
    return isGood;
  }

  // [E1]
  #nextOf(digest: Digest): NextEpoch | undefined {
    const block = this.#executed.get(digest);
    const next = block && eraAfter(this.era, itemsOf(block), this.height + 1, digest);
    if (next === undefined) return undefined;
    const self = next.seats.findIndex(({ name }) => name === this.name);
    return { validators: next.seats.length, self, rekeyed: isRekeyed(this.era, next, this.name) };
  }

  #commit({ certificate, record }: Extract<Effect, { type: 'commit' }>): void {
    const block = this.#executed.get(certificate.digest);
    assert(block !== undefined, 'only a block that was executed here is committed');
    this.record = record;
    this.bodies.clear();
    this.#executed = new Map();
    this.#append({ block, certificate });
    for (const item of itemsOf(block)) this.#waiting.delete(item);
    this.noteWork();
  }

  #append(stored: StoredBlock): void {
    this.chain.push(stored);
    const next = eraAfter(this.era, itemsOf(stored.block), this.height, stored.certificate.digest);
    if (next !== undefined) this.eras.push(next);
  }
}
