// What a replica knows, and the few ways in which it may change: the state that the handlers (normal-case, view-change,
// catch-up) share. Every change that must survive a crash leaves here as a `persist` or `commit` effect.
import type { CommitCertificate } from '../ledger/certificate.ts';
import type { Digest } from '../ledger/hash.ts';
import { covers } from './amnesia.ts';
import type { Choice } from './choice.ts';
import type { Effect, NextEpoch } from './events.ts';
import { Floor } from './floor.ts';
import type {
  Block,
  Committed,
  Heard,
  Mode,
  NewView,
  PreparedCertificate,
  Status,
  ViewChange,
  Vote,
} from './messages.ts';
import { Electorate } from './quorum.ts';
import { bodiesMax, firstRecord, reasonCharactersMax, type VoteRecord } from './record.ts';
import { VoteSigner } from './signer.ts';
import { Timers, type Timings } from './timers.ts';
import { Votes } from './votes.ts';

export interface ReplicaOptions {
  /** -1 for who follows without a vote [E8]. */
  readonly self: number;
  readonly validators: number;
  readonly chainId: Uint8Array;
  readonly timings: Timings;
  /** The last block in the store, with its certificate; without one where it is the base of the epoch [E4]. */
  readonly head: Committed;
  readonly record: VoteRecord;
  /** Bodies that the record's votes are for. */
  readonly bodies: ReadonlyMap<Digest, Block>;
  /** Ed25519 with the vote key that this validator has in the epoch. */
  readonly sign: (message: Uint8Array, epoch: number) => Uint8Array;
  /** Why the record cannot be what this key signed last, if it cannot [R3]. */
  readonly amnesia?: string | undefined;
  /** No vote before this height is committed here: its certified block was refused by this state once [R4]. */
  readonly awaits?: number | undefined;
}

/** A proposal of the current view at the open height. */
export interface Accepted {
  readonly view: number;
  readonly digest: Digest;
  readonly validator: number;
  /** The primary's; absent while the primary itself has not found valid what it must propose again [V7]. */
  signature: Uint8Array | undefined;
  valid: boolean;
}

/**
 * [R2, R3, R4] A replica signs only while `voting`; `following` and `silenced` it commits what others decide, and so it
 * does `observing`, without a vote, or without one any more in this epoch [E6, E8].
 */
export type Voice = 'listening' | 'following' | 'voting' | 'silenced' | 'observing';

/** [E3] What the next epoch begins with. */
export interface Ended {
  readonly next: NextEpoch;
  readonly record: VoteRecord;
  readonly voice: Voice;
}

const digestsKept = 64;

export class Core {
  readonly self: number;
  readonly electorate: Electorate;
  readonly signer: VoteSigner;
  readonly timers: Timers;
  readonly floor: Floor;
  readonly votes = new Votes();
  readonly epoch: number;

  view: number;
  mode: Mode;
  voice: Voice = 'listening';
  silenced: string | undefined;
  committed: Committed;
  logSize = 0;
  readonly awaits: number;
  accepted: Accepted | undefined;
  prepare: Vote | undefined;
  commit: Vote | undefined;
  prepared: PreparedCertificate | undefined;
  viewChange: ViewChange | undefined;
  newView: NewView | undefined;
  /** Of `newView`. */
  choice: Choice | undefined;
  /** [P4] A certificate for the open height whose block was not executed here yet. */
  certified: CommitCertificate | undefined;

  readonly viewChanges = new Map<number, ViewChange>();
  readonly statuses = new Map<number, Status>();
  /** [E5] Heights of who says that this epoch is over. */
  readonly later = new Map<number, number>();
  /** [E5] The certificate of this epoch's last block, once it was shown. */
  epochEnd: CommitCertificate | undefined;
  readonly heard = new Map<number, Heard>();
  readonly bodies: Map<Digest, Block>;
  /** Digests whose bodies are durable: this replica, or a quorum, found them valid. */
  readonly #stored: Set<Digest>;
  /** Digests that execution found valid on the last committed block, and what would follow from them [E1]. */
  readonly valid = new Map<Digest, NextEpoch | undefined>();
  readonly #digests = new Map<number, Digest>();

  waiting = false;
  oldest: string | undefined;
  accused: string | undefined;
  /** A view that a handler asks for; the replica starts the change once the event is dealt with. */
  demanded: number | undefined;
  proposing = false;
  /** [C2] Who is asked for blocks by the fetches under way. */
  readonly asked = new Set<number>();
  fetchingBody: Digest | undefined;
  /** A body that nobody had, until it is asked for again. */
  missingBody: Digest | undefined;
  /** [V4] Of the open height: prepared blocks whose bodies nobody gave. */
  readonly unserved = new Set<Digest>();
  /** [C4] Peers that were sent this view's message since the last status. */
  readonly broughtUp = new Set<number>();
  /** Set by the commit of the epoch's last block: nothing leaves after it in this epoch's name. */
  ended: Ended | undefined;
  #effects: Effect[] = [];

  constructor(options: ReplicaOptions) {
    const { record } = options;
    this.self = options.self;
    this.electorate = new Electorate(options.validators);
    this.signer = new VoteSigner(options.chainId, record, options.sign);
    this.timers = new Timers(options.timings, this.electorate.faulty);
    this.floor = new Floor(this.electorate.faulty);
    this.epoch = record.epoch;
    this.view = record.view;
    this.mode = record.mode;
    this.committed = options.head;
    this.awaits = options.awaits ?? 0;
    this.#digests.set(options.head.height, options.head.digest);
    this.prepare = record.prepare;
    this.commit = record.commit;
    this.prepared = record.prepared;
    this.viewChange = record.viewChange;
    this.newView = record.newView;
    this.silenced = record.silenced;
    if (options.self < 0) this.voice = 'observing'; // [E8]
    this.judgePrimary();
    this.bodies = new Map(options.bodies);
    this.#stored = new Set(options.bodies.keys());
    if (record.accepted !== undefined) this.accepted = { ...record.accepted, valid: false };
    if (record.prepare !== undefined) this.votes.addPrepare(record.prepare);
    if (record.commit !== undefined) this.votes.addCommit(record.commit);
  }

  /** The height that votes are for. */
  get height(): number {
    return this.committed.height + 1;
  }

  get primary(): number {
    return this.electorate.primaryOf(this.view);
  }

  get isPrimary(): boolean {
    return this.primary === this.self;
  }

  /** The certificate whose block must stand at the open height in this view [V5]. */
  get fixed(): PreparedCertificate | undefined {
    return this.choice?.fixed?.height === this.height ? this.choice.fixed : undefined;
  }

  get isSilenced(): boolean {
    return this.voice === 'silenced';
  }

  emit(effect: Effect): void {
    if (this.ended === undefined || effect.type === 'incident') this.#effects.push(effect);
  }

  /** [V1] */
  demandView(view: number): void {
    this.demanded = Math.max(view, this.demanded ?? 0);
  }

  takeEffects(): Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  record(): VoteRecord {
    const { prepare } = this;
    return {
      epoch: this.epoch,
      view: this.view,
      mode: this.mode,
      height: this.height,
      accepted: this.#vouchedFor(),
      prepare,
      commit: this.commit,
      prepared: this.prepared,
      viewChange: this.viewChange,
      newView: this.newView,
      bodies: [...this.#stored],
      silenced: this.silenced,
    };
  }

  #vouchedFor(): VoteRecord['accepted'] {
    const { accepted, prepare, self } = this;
    if (accepted?.signature === undefined || (prepare === undefined && accepted.validator !== self)) return undefined;
    const { view, digest, validator, signature } = accepted;
    return { view, digest, validator, signature };
  }

  /** [D1-D3] Everything emitted after this is sent only once the record is durable. */
  persist(putBodies: readonly Digest[] = []): void {
    const bodies = putBodies.flatMap((digest) => {
      const block = this.bodies.get(digest);
      return block === undefined || this.#stored.has(digest) ? [] : [[digest, block] as const];
    });
    for (const [digest] of bodies) this.#stored.add(digest);
    const deleteBodies = this.#dropSurplus();
    this.emit({ type: 'persist', record: this.record(), putBodies: bodies, deleteBodies });
  }

  /** [L1] Bodies beyond the limit, oldest first, save those that votes are for. Answers what the store drops. */
  #dropSurplus(): Digest[] {
    const needed = [this.accepted?.digest, this.prepared?.digest, this.certified?.digest];
    const dropped: Digest[] = [];
    for (const digest of this.bodies.keys()) {
      if (this.bodies.size <= bodiesMax) break;
      if (needed.includes(digest)) continue;
      this.bodies.delete(digest);
      this.valid.delete(digest); // or another body of this header could not take its place
      if (this.#stored.delete(digest)) dropped.push(digest);
    }
    return dropped;
  }

  /** A body that came with a message: it takes the place of one that nobody has found valid yet. */
  offerBody(digest: Digest, block: Block): void {
    if (!this.#stored.has(digest) && !this.valid.has(digest)) this.bodies.set(digest, block);
  }

  /** Execution refused it: perhaps another body has this header. What was found valid once is only late now [P2]. */
  refuseBody(digest: Digest): void {
    if (!this.#stored.has(digest) && !this.valid.has(digest)) this.bodies.delete(digest);
  }

  /** Forgets what belonged to the view that was left. The prepared certificate and the bodies stay until the commit. */
  leaveView(): void {
    this.accepted = undefined;
    this.prepare = undefined;
    this.commit = undefined;
    this.proposing = false;
    this.fetchingBody = undefined;
    this.missingBody = undefined;
    this.votes.enterView();
  }

  viewEntered(): void {
    this.timers.viewEntered();
    this.judgePrimary();
  }

  /** [T5] From here on this view's primary is watched; nobody watches itself. */
  judgePrimary(): void {
    this.floor.viewEntered(this.isPrimary ? undefined : this.primary);
  }

  digestAt(height: number): Digest | undefined {
    return this.#digests.get(height);
  }

  /** Moves to the next height: `certificate` is for the open one. [D4] */
  advance(certificate: CommitCertificate, next: NextEpoch | undefined, isFetched: boolean): void {
    this.committed = { height: certificate.height, digest: certificate.digest, certificate };
    this.#digests.set(certificate.height, certificate.digest);
    this.#digests.delete(certificate.height - digestsKept);
    this.leaveView();
    this.prepared = undefined;
    this.certified = undefined;
    this.valid.clear();
    this.unserved.clear();
    this.votes.enterHeight();
    this.timers.committed();
    this.floor.committed();
    const deleteBodies = [...this.#stored];
    this.#stored.clear();
    this.bodies.clear();
    if (next !== undefined) return this.#endEpoch(certificate, next, isFetched, deleteBodies);
    // [V9]
    if (certificate.view > this.view || (certificate.view === this.view && this.mode === 'changing')) {
      this.view = certificate.view;
      this.mode = 'normal';
      this.viewChange = undefined;
      this.newView = undefined;
      this.choice = undefined;
      this.viewEntered();
    }
    this.emit({ type: 'commit', certificate, record: this.record(), deleteBodies, silenced: this.isSilenced });
  }

  /** [E3] */
  #endEpoch(certificate: CommitCertificate, next: NextEpoch, isFetched: boolean, deleteBodies: Digest[]): void {
    const voice = this.#voiceIn(next, isFetched);
    const silenced = voice === 'silenced' ? this.silenced : undefined;
    const record = { ...firstRecord(this.height, this.epoch + 1), silenced };
    this.emit({ type: 'commit', certificate, record, deleteBodies, silenced: this.isSilenced });
    this.ended = { next, record, voice };
  }

  // [E7]
  #voiceIn({ self, rekeyed, unclaimed }: NextEpoch, isFetched: boolean): Voice {
    if (self < 0) return 'observing';
    if (this.voice === 'silenced') return rekeyed ? 'listening' : 'silenced';
    // [R5] Nobody holds the claim of a new key yet.
    return this.voice === 'voting' && !isFetched && !rekeyed && unclaimed !== true ? 'voting' : 'listening';
  }

  incident(reason: string, certificates: readonly CommitCertificate[]): void {
    this.silence(reason);
    this.emit({ type: 'incident', reason, certificates });
  }

  /** [R3] Durable, so that no restart gives the voice back. */
  silence(reason: string): void {
    if (this.voice === 'silenced') return;
    this.voice = 'silenced';
    this.silenced = reason.slice(0, reasonCharactersMax);
    this.persist();
    this.emit({ type: 'silence', reason });
  }

  /** [R3] A message that holds what this key signed shows it as a status does. */
  recall(signed: readonly (Heard | undefined)[]): void {
    const forgotten = signed.find((each) => each !== undefined && !this.remembers(each));
    if (forgotten !== undefined)
      this.silence(
        `a certificate holds a ${forgotten.kind} of this key (height ${forgotten.height}) that its record lacks`,
      );
  }

  /** [R3] */
  remembers(heard: Heard): boolean {
    return covers(this.record(), heard);
  }
}
