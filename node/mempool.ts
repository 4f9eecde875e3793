// Admitted transactions that wait to be ordered. Bounded and fair between members; no clock, no I/O, and no opinion on
// whether a transaction is valid: whoever adds one has checked it, and says after each commit what still holds.
import { assert } from './ledger/assert.ts';
import type { Digest } from './ledger/hash.ts';
import { batchLinesMax, transactionBytesMax } from './ledger/limits.ts';
import type { Transaction } from './ledger/transaction.ts';

export interface MempoolLimits {
  readonly transactionsMax: number;
  readonly bytesMax: number;
  /** Above 0 and under 1: the part of either limit that one member may fill when nobody else waits. */
  readonly memberShare: number;
}

/** Who brought it: a client of this node, which then repeats it to the others, or a validator by its index. */
export type Origin = 'client' | number;

/** `conflict`: the member already waits with another body under this reference; a block could hold only one of them. */
export type Added = 'added' | 'waiting' | 'conflict' | 'full';

export interface TakeLimits {
  readonly transactionsMax: number;
  readonly bytesMax: number;
  readonly linesMax: number;
  readonly memberTransactionsMax: number;
}

interface Waiting {
  readonly transaction: Transaction;
  readonly origin: Origin;
  /** Grows by one with each arrival. */
  readonly sequence: number;
  /** How many primaries had been replaced when it came, or when a client asked again for what no longer counted. */
  replaced: number;
  /** Its place among all that ever began to count for timers. */
  since: number;
  /** The view whose primary was told of it from here. */
  toldIn?: string;
}

/** [T4] Everything that counted when it began. It ends when none of that counts any more. */
interface Round {
  readonly last: number;
  readonly number: number;
}

interface MemberQueue {
  readonly byId: Map<Digest, Waiting>;
  readonly byReference: Map<string, Waiting>;
  bytes: number;
}

export class Mempool {
  readonly #limits: MempoolLimits;
  readonly #lineCount: (transaction: Transaction) => number;
  /** In order of arrival, as every Map here. */
  readonly #waiting = new Map<Digest, Waiting>();
  readonly #members = new Map<string, MemberQueue>();
  /** Those that still count for timers, in the order in which they began to. */
  readonly #driving = new Map<Digest, Waiting>();
  /** Those that clients of this node brought, the least recently repeated first. */
  readonly #own = new Map<Digest, Waiting>();
  #bytes = 0;
  #sequence = 0;
  #replaced = 0;
  #began = 0;
  #round: Round | undefined;
  #rounds = 0;

  /** `lineCount` tells how many of a block's lines a transaction takes: at most `batchLinesMax`. */
  constructor(limits: MempoolLimits, lineCount: (transaction: Transaction) => number = () => 1) {
    assert(limits.transactionsMax >= 1 && limits.bytesMax >= transactionBytesMax, 'a mempool holds a transaction');
    assert(limits.memberShare > 0 && limits.memberShare < 1, 'a member may fill a part of the mempool');
    this.#limits = limits;
    this.#lineCount = lineCount;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(transaction: Transaction, origin: Origin): Added {
    const { id } = transaction;
    const known = this.#waiting.get(id);
    if (known !== undefined) {
      if (origin === 'client') this.#askedAgain(known);
      return 'waiting';
    }
    const problem = this.problem(transaction);
    if (problem !== undefined) return problem;
    this.#insert({ transaction, origin, sequence: this.#sequence++, replaced: this.#replaced, since: 0 });
    return 'added';
  }

  /** Or a primary that leaves it out, after others that could not serve, might do so until it expires. */
  #askedAgain(waiting: Waiting): void {
    const { id } = waiting.transaction;
    if (!this.#own.has(id)) this.#own.set(id, waiting);
    if (this.#driving.has(id)) return;
    waiting.replaced = this.#replaced;
    this.#drive(waiting);
  }

  #drive(waiting: Waiting): void {
    waiting.since = this.#began++;
    this.#driving.set(waiting.transaction.id, waiting);
  }

  /** Why it would not be added. Costs nothing, so it is worth asking before a signature is verified. */
  problem({ id, body, bytes }: Transaction): Exclude<Added, 'added'> | undefined {
    if (this.#waiting.has(id)) return 'waiting';
    const queue = this.#members.get(body.member);
    if (queue?.byReference.has(body.reference)) return 'conflict';
    return this.#hasRoom(queue, bytes.length) ? undefined : 'full';
  }

  has(id: Digest): boolean {
    return this.#waiting.has(id);
  }

  get(id: Digest): Transaction | undefined {
    return this.#waiting.get(id)?.transaction;
  }

  byReference(member: string, reference: string): Transaction | undefined {
    return this.#members.get(member)?.byReference.get(reference)?.transaction;
  }

  /**
   * The next transactions in fair order, without removing them: only a commit does. One of each member in turn, the
   * member that waits longest first; a member's own keep the order in which they came.
   */
  take(limits: TakeLimits): Transaction[] {
    let turns = [...this.#members.values()]
      .map((queue) => ({ items: queue.byId.values(), taken: 0 }))
      .map((turn) => ({ ...turn, next: turn.items.next().value }))
      .sort((a, b) => (a.next?.sequence ?? 0) - (b.next?.sequence ?? 0));
    const chosen: Transaction[] = [];
    let bytes = 0;
    let lines = 0;
    while (turns.length > 0) {
      const still: typeof turns = [];
      for (const turn of turns) {
        if (chosen.length >= limits.transactionsMax) return chosen;
        const transaction = turn.next?.transaction;
        if (transaction === undefined || turn.taken >= limits.memberTransactionsMax) continue;
        const lineCount = this.#lineCount(transaction);
        // What does not fit ends its member's turn in this block: a later one must not overtake it.
        if (bytes + transaction.bytes.length > limits.bytesMax || lines + lineCount > limits.linesMax) continue;
        chosen.push(transaction);
        bytes += transaction.bytes.length;
        lines += lineCount;
        turn.taken += 1;
        turn.next = turn.items.next().value;
        still.push(turn);
      }
      turns = still;
    }
    return chosen;
  }

  /**
   * What a block has settled. A full block was no place for the rest: where the present round had its fair share of it,
   * one part for each member that waits, and each member of it half of such a part, the round begins anew [T4]; and so
   * where it had all that the consortium lets its members have in one block.
   */
  settled(transactions: readonly Transaction[], limits: TakeLimits): void {
    const last = this.#round?.last ?? -1;
    const served = transactions.filter(({ id }) => (this.#driving.get(id)?.since ?? Number.POSITIVE_INFINITY) <= last);
    const isServed = served.length * Math.max(1, this.#members.size) >= transactions.length;
    const isFull = isServed && this.#isFull(transactions, limits) && this.#isFair(transactions, served, last);
    if (isFull || this.#isAtMemberLimit(served, last, limits.memberTransactionsMax))
      this.#round = { last, number: ++this.#rounds };
    this.remove(transactions.map(({ id }) => id));
  }

  /** Whether each member that waits in the round got its part: of as many as have a place in one block at all. */
  #isFair(transactions: readonly Transaction[], served: readonly Transaction[], last: number): boolean {
    const waiting = new Map<string, number>();
    for (const { since, transaction } of this.#driving.values()) {
      if (since > last) break;
      waiting.set(transaction.body.member, (waiting.get(transaction.body.member) ?? 0) + 1);
    }
    const ofMember = new Map<string, Transaction[]>();
    for (const each of served) {
      const known = ofMember.get(each.body.member);
      if (known === undefined) ofMember.set(each.body.member, [each]);
      else known.push(each);
    }
    const whole = this.#measure(transactions);
    const parts = 2 * this.#members.size;
    let content = 0;
    for (const [member, count] of waiting) {
      const own = ofMember.get(member) ?? [];
      const hasPart = this.#measure(own).some((size, at) => size * parts >= (whole[at] ?? 0));
      if (own.length === count || (own.length > 0 && hasPart)) content += 1;
    }
    return content >= Math.min(waiting.size, Math.ceil(transactions.length / 2));
  }

  /**
   * Whether each member that waits in the round has all it had there, or its first and as many as one may have: no
   * primary can give more. Its first must be among them, or one that lies could leave that one out behind the others.
   */
  #isAtMemberLimit(served: readonly Transaction[], last: number, memberTransactionsMax: number): boolean {
    if (served.length < memberTransactionsMax) return false;
    const ids = new Set(served.map(({ id }) => id));
    const ofMember = new Map<string, { waiting: number; served: number; readonly hasFirst: boolean }>();
    for (const { since, transaction } of this.#driving.values()) {
      if (since > last) break;
      const isServed = ids.has(transaction.id);
      const { member } = transaction.body;
      const counted = ofMember.get(member) ?? { waiting: 0, served: 0, hasFirst: isServed };
      counted.waiting += 1;
      if (isServed) counted.served += 1;
      ofMember.set(member, counted);
    }
    return [...ofMember.values()].every(
      ({ waiting, served, hasFirst }) => served === waiting || (hasFirst && served >= memberTransactionsMax),
    );
  }

  /** Count, bytes and lines: a block is full of one of them. */
  #measure(transactions: readonly Transaction[]): readonly number[] {
    const bytes = transactions.reduce((sum, each) => sum + each.bytes.length, 0);
    return [transactions.length, bytes, transactions.reduce((sum, each) => sum + this.#lineCount(each), 0)];
  }

  #isFull(transactions: readonly Transaction[], { transactionsMax, bytesMax, linesMax }: TakeLimits): boolean {
    const [count = 0, bytes = 0, lines = 0] = this.#measure(transactions);
    if (count >= transactionsMax) return true;
    return bytes > bytesMax - transactionBytesMax || lines > linesMax - batchLinesMax;
  }

  /** What this node found that it may not propose. Unknown ids are fine. */
  remove(ids: Iterable<Digest>): void {
    for (const id of ids) {
      const waiting = this.#waiting.get(id);
      if (waiting !== undefined) this.#delete(waiting);
    }
  }

  /** After each commit: drops what no longer holds, and returns it. */
  recheck(holds: (transaction: Transaction) => boolean): Transaction[] {
    return this.#drop((transaction) => !holds(transaction));
  }

  /** Drops what no block with a timestamp of `nowMs` or later may hold, and returns it. */
  expired(nowMs: number): Transaction[] {
    return this.#drop((transaction) => transaction.body.validUntil <= nowMs);
  }

  /** The longest waiting transaction that counts for timers. `sequence` tells whether it is still the same one. */
  oldest(): { readonly id: Digest; readonly sequence: number } | undefined {
    for (const [id, { sequence }] of this.#driving) return { id, sequence };
    return undefined;
  }

  /**
   * [T4] The round under way, if anything counts: the same name as long as something waits that counted when it began.
   * A timer of the oldest alone would let a primary that serves one transaction at a time starve all others.
   */
  round(): string | undefined {
    const [first] = this.#driving.values();
    if (first === undefined) this.#round = undefined;
    else if (this.#round === undefined || first.since > this.#round.last)
      this.#round = { last: this.#began - 1, number: ++this.#rounds };
    return this.#round && String(this.#round.number);
  }

  /**
   * A primary was replaced. What `primaries` of them in a row left out no longer drives timers, or one transaction that
   * no honest validator would order could keep the network changing views for ever. It may still be ordered.
   */
  leftOut(primaries: number): void {
    this.#replaced += 1;
    for (const [id, waiting] of this.#driving) {
      if (this.#replaced - waiting.replaced < primaries) return;
      this.#driving.delete(id);
    }
  }

  /** The next of this node's clients' transactions whose turn it is to be sent to the others again. */
  repeat(transactionsMax: number, bytesMax: number): Transaction[] {
    const chosen: Transaction[] = [];
    let bytes = 0;
    for (const { transaction } of this.#own.values()) {
      if (chosen.length >= transactionsMax || bytes + transaction.bytes.length > bytesMax) break;
      chosen.push(transaction);
      bytes += transaction.bytes.length;
    }
    for (const { id } of chosen) {
      const waiting = this.#own.get(id);
      this.#own.delete(id);
      if (waiting !== undefined) this.#own.set(id, waiting);
    }
    return chosen;
  }

  /** [C4] What other validators brought of the round under way, and the primary of this view was not told from here. */
  untold(view: string, transactionsMax: number, bytesMax: number): Transaction[] {
    const last = this.#round?.last ?? -1;
    const chosen: Transaction[] = [];
    let bytes = 0;
    for (const waiting of this.#driving.values()) {
      const { transaction, since } = waiting;
      if (since > last || chosen.length >= transactionsMax || bytes + transaction.bytes.length > bytesMax) break;
      if (waiting.toldIn === view || this.#own.has(transaction.id)) continue;
      waiting.toldIn = view;
      chosen.push(transaction);
      bytes += transaction.bytes.length;
    }
    return chosen;
  }

  /** The name of the round under way, as `round` told it last. */
  get roundNumber(): number | undefined {
    return this.#round?.number;
  }

  /**
   * Dynamic thresholds (Choudhury and Hahne, 1998): a member may hold at most a multiple of what is free. One alone
   * fills its share of the whole; each further greedy one the same share of what is left; whoever holds nothing always
   * may add.
   */
  #hasRoom(queue: MemberQueue | undefined, length: number): boolean {
    const { transactionsMax, bytesMax, memberShare } = this.#limits;
    const freeBytes = bytesMax - this.#bytes;
    if (this.#waiting.size >= transactionsMax || length > freeBytes) return false;
    const multiple = memberShare / (1 - memberShare);
    const count = queue?.byId.size ?? 0;
    if (count === 0) return true;
    return count < multiple * (transactionsMax - this.#waiting.size) && (queue?.bytes ?? 0) < multiple * freeBytes;
  }

  #insert(waiting: Waiting): void {
    const { id, body, bytes } = waiting.transaction;
    let queue = this.#members.get(body.member);
    if (queue === undefined) {
      queue = { byId: new Map(), byReference: new Map(), bytes: 0 };
      this.#members.set(body.member, queue);
    }
    queue.byId.set(id, waiting);
    queue.byReference.set(body.reference, waiting);
    queue.bytes += bytes.length;
    this.#bytes += bytes.length;
    this.#waiting.set(id, waiting);
    this.#drive(waiting);
    if (waiting.origin === 'client') this.#own.set(id, waiting);
  }

  #delete(waiting: Waiting): void {
    const { id, body, bytes } = waiting.transaction;
    const queue = this.#members.get(body.member);
    assert(queue !== undefined, 'what waits stands in its member queue');
    queue.byId.delete(id);
    queue.byReference.delete(body.reference);
    queue.bytes -= bytes.length;
    if (queue.byId.size === 0) this.#members.delete(body.member);
    this.#bytes -= bytes.length;
    this.#waiting.delete(id);
    this.#driving.delete(id);
    this.#own.delete(id);
  }

  #drop(gone: (transaction: Transaction) => boolean): Transaction[] {
    const dropped: Transaction[] = [];
    for (const waiting of this.#waiting.values()) {
      if (!gone(waiting.transaction)) continue;
      this.#delete(waiting);
      dropped.push(waiting.transaction);
    }
    return dropped;
  }
}
