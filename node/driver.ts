// The one loop: events in, replica.step, effects performed in their order. Storage is synchronous, so that nothing
// after a persist or a commit begins before it is durable; what takes time (fetching) is started and answers with a
// later event. The clock is here, not in the core.

import type { Epoch } from '../contracts/consortium-state.ts';
import type { Accusations } from './accusations.ts';
import type { BlockListener } from './api/ledger-node.ts';
import type { Effect, Event, NextEpoch } from './consensus/events.ts';
import { type Block, blockSchema, type Message } from './consensus/messages.ts';
import { bodiesMax, encodeRecord, type VoteRecord } from './consensus/record.ts';
import type { Replica, ReplicaStatus } from './consensus/replica.ts';
import { type Divergence, damageOf } from './divergence.ts';
import type { EventLoop } from './event-loop.ts';
import { type ExecutedBlock, type Executor, isBlockProblem } from './execution/executor.ts';
import { assert, unreachable } from './ledger/assert.ts';
import type { CommitCertificate } from './ledger/certificate.ts';
import { DecodeError } from './ledger/codec.ts';
import { decodeHeader } from './ledger/entry.ts';
import { type Evidence, evidenceSchema } from './ledger/evidence.ts';
import { type Digest, equalBytes } from './ledger/hash.ts';
import { blockBytesMax, blockLinesMax, blockTransactionsMax, timestampDriftMsMax } from './ledger/limits.ts';
import { encodeAs } from './ledger/schema.ts';
import type { Mempool } from './mempool.ts';
import type { CheckpointChange, Head, Store } from './store/store.ts';

/** Twice the bodies that the replica keeps: whatever it may still commit is among them. */
const executedMax = 2 * bodiesMax;

const blockLimits = { transactionsMax: blockTransactionsMax, bytesMax: blockBytesMax, linesMax: blockLinesMax };

/** A block that was fetched and checked against its certificate and its log root, not yet executed. */
export interface FetchedBlock {
  readonly entries: readonly Uint8Array[];
  readonly certificate: CommitCertificate;
  readonly digest: Digest;
}

/** Gets from other validators what this one misses. Answers undefined when nobody has it; never rejects. */
export interface Fetcher {
  blocks(height: number, from: readonly number[], head: Head): Promise<readonly FetchedBlock[] | 'pruned' | undefined>;
  body(
    height: number,
    digest: Digest,
    from: readonly number[],
    holds: (block: Block) => boolean,
  ): Promise<Block | undefined>;
}

/** [K1] What is cosigned of a block goes into the block's own write. */
export interface Cosigning {
  cosign(head: Head, isSilenced: boolean): CheckpointChange;
  committed(head: Head): void;
}

export interface DriverParts {
  /** Own index in the epoch in force. */
  self(): number;
  readonly replica: Replica;
  readonly executor: Executor;
  readonly store: Store;
  readonly mempool: Mempool;
  readonly accusations: Accusations;
  readonly fetcher: Fetcher;
  readonly checkpoints: Cosigning;
  readonly soon: EventLoop['soon'];
  /** Puts a snapshot in place of what the store holds; true when it did, and this driver is over [S2]. */
  takeSnapshot(from: readonly number[]): Promise<boolean>;
  send(to: number, message: Message): void;
  broadcast(message: Message): void;
  /** [E8] */
  announce(message: Message): void;
  /** Own place in an epoch to be [E1]. */
  placeIn(epoch: Epoch): NextEpoch;
  /** A block that is committed now has changed who votes or who may follow. */
  onMembership(): void;
  /** UTC milliseconds: for proposing and judging timestamps only. */
  now(): number;
  /** This replica votes no more in this epoch [R3]. */
  onSilence(reason: string): void;
  /** The state here differs from the chain: the node ends as if killed, and heals [R4]. */
  onDivergence(divergence: Divergence): void;
  /** A write that failed or a broken invariant: nothing may go on after it, for what is durable is not known. */
  onFailure(error: unknown): void;
  /** Nothing may go on after it: the process writes down what it was told and ends. */
  onIncident(reason: string, certificates: readonly CommitCertificate[]): void;
}

interface Work {
  readonly waiting: boolean;
  readonly oldest: string | undefined;
  readonly accused: string | undefined;
}

export class Driver {
  readonly #parts: DriverParts;
  readonly #queue: Event[] = [];
  /** Blocks executed on the present head: whatever is committed next is one of them. */
  readonly #executed = new Map<Digest, ExecutedBlock>();
  readonly #listeners = new Set<BlockListener>();
  /** True until the start too: what arrives before the replica has looked at its record waits. */
  #isDraining = true;
  #isStopped = false;
  #view: number;
  #isViewOpen = false;
  #isTakingSnapshot = false;
  #work: Work = { waiting: false, oldest: undefined, accused: undefined };

  constructor(parts: DriverParts) {
    this.#parts = parts;
    const { view, mode } = parts.replica.position();
    this.#view = view;
    this.#isViewOpen = mode === 'normal';
    parts.replica.noteLogSize(parts.store.head().logSize);
  }

  start(): void {
    try {
      this.#perform(this.#parts.replica.start());
    } catch (error) {
      return this.#failed(error);
    }
    this.#isDraining = false;
    this.#drain();
  }

  /** Takes an event and all that follows from it. An event that arrives meanwhile waits its turn. */
  put(event: Event): void {
    this.#queue.push(event);
    this.#drain();
  }

  /** Nothing is performed any more; what was started finds nobody. */
  stop(): void {
    this.#isStopped = true;
    this.#queue.length = 0;
  }

  status(): ReplicaStatus {
    return this.#parts.replica.status();
  }

  get replica(): Pick<Replica, 'voice' | 'settled'> {
    return this.#parts.replica;
  }

  onBlock(listener: BlockListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the replica what waits, if that has changed. */
  noteWork(): void {
    const { mempool, accusations } = this.#parts;
    const { oldest, accused } = this.#rounds();
    const waiting = mempool.size > 0 || accusations.size > 0;
    const known = this.#work;
    if (waiting === known.waiting && oldest === known.oldest && accused === known.accused) return;
    this.#work = { waiting, oldest, accused };
    this.put({ type: 'work', ...this.#work });
  }

  /** [T4, A6] What the timers are of. Evidence is a round of its own: an honest primary's next block holds it. */
  #rounds(): Pick<Work, 'oldest' | 'accused'> {
    const { mempool, accusations } = this.#parts;
    return { oldest: mempool.round(), accused: accusations.oldest() };
  }

  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      for (let event = this.#queue.shift(); event !== undefined && !this.#isStopped; event = this.#queue.shift()) {
        this.#perform(this.#parts.replica.step(event));
        this.#noteView();
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isDraining = false;
    }
  }

  #noteView(): void {
    const { view, mode } = this.#parts.replica.position();
    const [wasOpen, isOpen] = [this.#isViewOpen, mode === 'normal'];
    const isLeft = wasOpen && (view !== this.#view || !isOpen);
    this.#view = view;
    this.#isViewOpen = isOpen;
    if (!isLeft) return;
    // [T4] What every primary in turn has left out no longer drives the timers. One whose view was never entered left
    // nothing out: else some failed views would make everyone forget what waits.
    const { mempool, accusations, executor } = this.#parts;
    mempool.leftOut(executor.validators.length);
    accusations.leftOut(executor.validators.length);
    this.noteWork();
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (this.#isStopped) return;
      this.#performOne(effect);
    }
  }

  #performOne(effect: Effect): void {
    const { store } = this.#parts;
    switch (effect.type) {
      case 'persist': {
        const putBodies = effect.putBodies.map(([digest, block]) => [digest, encodeAs(blockSchema, block)] as const);
        store.persistVote({ record: encodeRecord(effect.record), putBodies, deleteBodies: effect.deleteBodies });
        return this.#forgetExecuted(effect.record);
      }
      case 'send':
        return this.#parts.send(effect.to, effect.message);
      case 'broadcast':
        return this.#parts.broadcast(effect.message);
      case 'announce':
        return this.#parts.announce(effect.message);
      case 'propose':
        return this.#propose(effect);
      case 'validate':
        return this.#validate(effect);
      case 'commit':
        return this.#commit(effect);
      case 'fetch':
        return this.#watched(this.#fetch(effect.height, effect.from));
      case 'fetchBody':
        return this.#watched(this.#fetchBody(effect.height, effect.digest, effect.from));
      case 'evidence':
        this.#parts.accusations.take(effect.evidence);
        return;
      case 'silence':
        return this.#parts.onSilence(effect.reason);
      case 'incident':
        this.stop();
        return this.#parts.onIncident(effect.reason, effect.certificates);
      default:
        return unreachable(effect);
    }
  }

  #watched(started: Promise<void>): void {
    started.catch((error: unknown) => this.#failed(error));
  }

  /** Wherever it was thrown, nothing after it is performed: what is durable is that of a crash at this place. */
  #failed(error: unknown): void {
    this.stop();
    const damage = damageOf(error);
    if (damage === undefined) this.#parts.onFailure(error);
    else this.#parts.onDivergence(damage);
  }

  #propose({ epoch, view, height }: Extract<Effect, { type: 'propose' }>): void {
    const { executor, mempool, accusations, store } = this.#parts;
    const { block, left } = executor.propose({
      proposer: this.#parts.self(),
      timestamp: Math.max(this.#parts.now(), executor.head.timestamp + 1),
      lastCommit: store.certificate(executor.head.height),
      evidence: accusations.values(),
      candidates: mempool.take({ ...blockLimits, ...executor.parameters }),
    });
    mempool.remove(left.filter(({ problem }) => problem.code !== 'too-far').map(({ id }) => id));
    if (block !== undefined) this.#executed.set(block.digest, block);
    const proposed = block && {
      digest: block.digest,
      next: this.#nextOf(block.digest),
      block: {
        header: block.headerBytes,
        evidence: block.evidence,
        transactions: block.transactions.map(({ bytes }) => bytes),
      },
    };
    this.#queue.push({ type: 'proposal', epoch, view, height, proposed });
    if (block !== undefined) return;
    // What was dropped must drive no timer; what stays is offered again when the mempool next changes.
    accusations.recheck();
    this.#work = { waiting: false, ...this.#rounds() };
    this.#queue.push({ type: 'work', ...this.#work });
  }

  #validate({ epoch, view, height, digest, block, fresh }: Extract<Effect, { type: 'validate' }>): void {
    const valid = (!fresh || this.#isTimely(block)) && this.#execute(digest, block);
    this.#queue.push({ type: 'verdict', epoch, view, height, digest, valid, next: this.#nextOf(digest) });
  }

  // [E1]
  #nextOf(digest: Digest): NextEpoch | undefined {
    const epoch = this.#executed.get(digest)?.nextEpoch;
    return epoch && this.#parts.placeIn(epoch);
  }

  #execute(digest: Digest, block: Block): boolean {
    const known = this.#executed.get(digest);
    // A header is named by its digest; that this body is its own, too, only a comparison shows.
    if (known !== undefined) return isSame(known, block);
    const { executor, store } = this.#parts;
    const result = executor.execute(block, { trustedLastCommit: store.certificate(executor.head.height) });
    if (isBlockProblem(result) || result.digest !== digest) return false;
    this.#executed.set(digest, result);
    return true;
  }

  /** [L1] Blocks of views long gone, should none be committed for many views. What votes are for stays. */
  #forgetExecuted({ accepted, prepared, bodies }: VoteRecord): void {
    for (const digest of this.#executed.keys()) {
      if (this.#executed.size <= executedMax) return;
      if (digest === accepted?.digest || digest === prepared?.digest || bodies.includes(digest)) continue;
      this.#executed.delete(digest);
    }
  }

  /** A first proposal is near this clock, or as early as it can be when the parent is ahead of this clock. */
  #isTimely(block: Block): boolean {
    try {
      const { timestamp } = decodeHeader(block.header);
      const now = this.#parts.now();
      const parent = this.#parts.executor.head.timestamp;
      return Math.abs(timestamp - now) <= timestampDriftMsMax || (parent >= now && timestamp === parent + 1);
    } catch (error) {
      if (error instanceof DecodeError) return false;
      throw error;
    }
  }

  #commit({ certificate, record, deleteBodies, silenced }: Extract<Effect, { type: 'commit' }>): void {
    const { store, executor, mempool, accusations, replica, checkpoints } = this.#parts;
    const executed = this.#executed.get(certificate.digest);
    assert(executed !== undefined, 'only a block that was executed here is committed');
    const vote = { record: encodeRecord(record), putBodies: [], deleteBodies };
    const { head } = executed.commit;
    store.commit({ ...executed.commit, certificate }, vote, checkpoints.cosign(head, silenced));
    executor.committed(executed);
    checkpoints.committed(head);
    if (executed.commit.writes.some(([path]) => decidesMembership(path))) this.#parts.onMembership();
    this.#executed.clear();
    replica.noteLogSize(executor.head.logSize);
    mempool.settled(executed.transactions, { ...blockLimits, ...executor.parameters });
    this.#recheck(executed);
    accusations.recheck();
    const { lastCommit } = executed.header;
    if (lastCommit !== undefined) this.#queue.push({ type: 'shown', certificate: lastCommit });
    for (const listener of this.#listeners) listener(executed.commit.block, executed.commit.transactions);
    this.noteWork();
  }

  /** What this block has made inadmissible: who used its references, and everything when users changed. */
  #recheck({ commit }: ExecutedBlock): void {
    const { mempool, executor } = this.#parts;
    const timestamp = commit.head.timestamp + 1;
    if (commit.writes.some(([path]) => decidesAdmission(path))) {
      // By this block's time what came since it was proposed may be valid for too long; by the next one's it is not.
      mempool.recheck((each) => {
        const problem = executor.admissionProblem(each, timestamp, true);
        return problem === undefined || problem.code === 'too-far';
      });
      return;
    }
    for (const { member, reference } of commit.references) {
      const waiting = mempool.byReference(member, reference);
      if (waiting !== undefined) mempool.remove([waiting.id]);
    }
  }

  /** [C2] Blocks come checked; they are executed one after another, and the replica commits each. */
  async #fetch(height: number, from: readonly number[]): Promise<void> {
    const { fetcher, executor, store } = this.#parts;
    const found = height === executor.head.height + 1 ? await fetcher.blocks(height, from, executor.head) : undefined;
    // [S2] Whoever takes a snapshot begins anew with what is in the store then.
    if (found === 'pruned' && !this.#isStopped && (await this.#takeSnapshot(from))) return;
    const blocks = found === 'pruned' ? [] : (found ?? []);
    for (const block of blocks) {
      if (this.#isStopped) return;
      // Meanwhile votes may have committed it.
      if (block.certificate.height !== executor.head.height + 1) continue;
      const trustedLastCommit = store.certificate(executor.head.height);
      const result = executor.replay(block.entries, { trustedLastCommit });
      if (isBlockProblem(result)) {
        this.stop();
        const reason = `block ${block.certificate.height} is certified, but here ${result.rule}: ${result.detail}`;
        return this.#parts.onDivergence({ reason, refused: block.certificate }); // [R4]
      }
      this.#executed.set(result.digest, result);
      this.put({ type: 'fetched', certificate: block.certificate, next: this.#nextOf(result.digest) });
      // Lets votes and clients in between two blocks.
      await new Promise<void>((resolve) => this.#parts.soon(resolve));
    }
    if (!this.#isStopped) this.put({ type: 'fetchEnded', height, from });
  }

  /** One at a time: all are staged in one place. */
  async #takeSnapshot(from: readonly number[]): Promise<boolean> {
    if (this.#isTakingSnapshot) return false;
    this.#isTakingSnapshot = true;
    const isTaken = await this.#parts.takeSnapshot(from);
    this.#isTakingSnapshot = false;
    return isTaken;
  }

  // [V7]
  async #fetchBody(height: number, digest: Digest, from: readonly number[]): Promise<void> {
    const { fetcher, executor } = this.#parts;
    // Where the block came otherwise meanwhile nobody can say, nor need, whether this is its body: that is no lie.
    const holds = (block: Block) => height !== executor.head.height + 1 || this.#execute(digest, block);
    const block = await fetcher.body(height, digest, from, holds);
    if (this.#isStopped) return;
    this.put(block === undefined ? { type: 'bodyMissing', height, digest } : { type: 'body', height, digest, block });
  }
}

function decidesMembership(path: string): boolean {
  return path.startsWith('consortium/epochs/') || path.startsWith('consortium/learners/');
}

/** Of what a transaction's admission depends on in the state; a proposal or an approval changes none of it. */
function decidesAdmission(path: string): boolean {
  return path.startsWith('consortium/keys/') || path.startsWith('consortium/parameters/');
}

function isSame({ evidence, transactions }: ExecutedBlock, block: Block): boolean {
  const encoded = (each: Evidence | undefined) => (each === undefined ? noBytes : encodeAs(evidenceSchema, each));
  return (
    equalBytes(encoded(evidence), encoded(block.evidence)) &&
    transactions.length === block.transactions.length &&
    transactions.every(({ bytes }, at) => equalBytes(bytes, block.transactions[at] ?? noBytes))
  );
}

const noBytes = new Uint8Array(0);
