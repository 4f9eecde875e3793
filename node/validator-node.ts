// One validator without its adapters: what comes from other validators goes through inbound to the driver, what comes
// from clients through the intake, and the driver's sends go out again. It runs over any Store and any Transport.

import type { Epoch } from '../contracts/consortium-state.ts';
import { contracts, lineCount } from '../contracts/registry.ts';
import { Accusations } from './accusations.ts';
import type { BlockListener, LedgerNode, NodeStatus, Submission } from './api/ledger-node.ts';
import { Checkpointing, type NoteKey } from './checkpointing.ts';
import type { SnapshotConfig, TimerConfig } from './config.ts';
import { ConnectionLog } from './connection-log.ts';
import type { NextEpoch, Verified } from './consensus/events.ts';
import { encodeMessage, type Message } from './consensus/messages.ts';
import { Replica } from './consensus/replica.ts';
import type { Timings } from './consensus/timers.ts';
import { type Divergence, damageOf } from './divergence.ts';
import { Driver } from './driver.ts';
import { Executor } from './execution/executor.ts';
import type { StateTree } from './execution/state-tree.ts';
import { TransactionCache } from './execution/transaction-cache.ts';
import { allEpochs } from './execution/validator-sets.ts';
import { FinalityTimes } from './finality.ts';
import { evidenceFrame, Intake } from './intake.ts';
import type { CommitCertificate } from './ledger/certificate.ts';
import type { CosignatureContradiction } from './ledger/cosignature.ts';
import { cosignatureEvidenceOf } from './ledger/evidence.ts';
import { type Digest, digestBytes } from './ledger/hash.ts';
import { Membership, type MembershipParts } from './membership.ts';
import { Mempool, type MempoolLimits } from './mempool.ts';
import { channelOf } from './network/inbound.ts';
import { SyncServer } from './network/sync-server.ts';
import type { Channel, Receiver } from './network/transport.ts';
import { VerifiedSignatures } from './network/verified-signatures.ts';
import { Notices } from './notices.ts';
import { bodiesOf, voteRecordOf } from './opening.ts';
import type { Peers } from './peers.ts';
import { Presence } from './presence.ts';
import { RefusalLog } from './refusal-log.ts';
import { Release } from './release.ts';
import { SnapshotKeeper } from './snapshot/keeper.ts';
import { type ProvenState, StateProver } from './state-prover.ts';
import { StatusPage } from './status-page.ts';
import type { StatePath, Store } from './store/store.ts';

export interface ValidatorNodeParts extends MembershipParts {
  readonly genesisText: string;
  readonly name: string;
  readonly version: string;
  /** Random, anew for each start [R5]. */
  readonly newSession: () => Uint8Array;
  readonly auditKey: NoteKey;
  /** Of the keys that are to follow, while they are being rotated. */
  readonly nextAuditKeys?: () => readonly NoteKey[];
  /** Under the log's name, for whoever asks this node for a checkpoint. */
  readonly logKey: NoteKey;
  readonly mempool: MempoolLimits;
  readonly snapshots: SnapshotConfig;
  /** UTC milliseconds. */
  readonly now: () => number;
  /** The store failed or an invariant broke: the process must end, whoever called. */
  readonly onFailure: (error: unknown) => void;
  readonly onIncident: (reason: string, certificates: readonly CommitCertificate[]) => void;
  /** A validator has cosigned two roots for one size [K7]. */
  readonly onContradiction: (pair: CosignatureContradiction) => void;
  readonly transactions?: TransactionCache | undefined;
  /** The state here differs from the chain; nothing more comes from this node [R4]. */
  readonly onDivergence: (divergence: Divergence) => void;
  /** [S2] True when the store holds a snapshot now, and this node is over. */
  readonly takeSnapshot: (from: readonly number[]) => Promise<boolean>;
  /** Of the store's state, compared with the head. */
  readonly tree: StateTree;
  /** The height of a certified block that was refused here: no vote before it is committed [R4]. */
  readonly awaits: number | undefined;
}

export class ValidatorNode implements LedgerNode, Receiver {
  readonly store: Store;
  readonly genesisText: string;
  readonly #parts: ValidatorNodeParts;
  readonly #executor: Executor;
  readonly #peers: Peers;
  readonly #membership: Membership;
  readonly #replica: Replica;
  readonly #mempool: Mempool;
  readonly #accusations: Accusations;
  readonly #driver: Driver;
  readonly #intake: Intake;
  readonly #server: SyncServer;
  readonly #keeper: SnapshotKeeper;
  readonly #refusals = new RefusalLog({
    monotonicMs: () => this.#parts.loop.monotonicMs(),
    tell: (facts) => this.#parts.log('warn', 'a message was refused', facts),
    idOf: (peer) => this.#peers.idOf(peer),
  });
  readonly #connections = new ConnectionLog({
    monotonicMs: () => this.#parts.loop.monotonicMs(),
    tell: (text, facts) => this.#parts.log('info', text, facts),
    idOf: (peer) => this.#peers.idOf(peer),
  });
  readonly #release = new Release({
    epochs: () => allEpochs(this.store),
    isIn: (validators) => this.#membership.isIn(validators),
    tell: (text) => this.#parts.log('info', text),
  });
  readonly #prover: StateProver;
  readonly #presence: Presence;
  /** Statuses of peers that do not hold the claim of this start yet. */
  readonly #early = new Map<number, Verified<Message>>();
  readonly #checkpoints: Checkpointing;
  readonly #finality = new FinalityTimes();
  readonly #notices: Notices;
  readonly #page: StatusPage;

  /** Throws StoreError when this validator is none of the chain's. */
  constructor(parts: ValidatorNodeParts) {
    const { store } = parts;
    this.#parts = parts;
    this.store = store;
    this.genesisText = parts.genesisText;
    const cache = parts.transactions ?? new TransactionCache();
    const chainId = digestBytes(parts.chainId);
    this.#executor = new Executor({ store, chainId, contracts, tree: parts.tree, cache });
    this.#mempool = new Mempool(parts.mempool, (transaction) => lineCount(transaction.body));
    const epoch = this.#executor.epoch;
    const { record, amnesia } = voteRecordOf(store, epoch.number);
    const { height, digest } = store.head();
    const certificate = height < epoch.from ? undefined : store.certificate(height); // [E4]
    this.#membership = new Membership(parts, epoch, () => this.#replica.position());
    this.#peers = this.#membership.peers;
    this.#replica = new Replica({
      self: this.#membership.seat.self,
      ...{ validators: epoch.validators.length, chainId, timings: timingsOf(parts.timers) },
      head: { height, digest, certificate },
      record,
      bodies: bodiesOf(store, record),
      sign: (message, number) => this.#membership.sign(message, number),
      ...{ amnesia, awaits: parts.awaits },
    });
    this.#notices = new Notices(store, parts.now, (peer, message) => this.#send(peer, message));
    this.#keeper = this.#newKeeper();
    this.#prover = new StateProver({ store, now: () => this.#executor });
    this.#server = new SyncServer(store, this.#keeper);
    this.#presence = this.#newPresence();
    this.#accusations = this.#newAccusations();
    this.#checkpoints = this.#newCheckpointing(parts);
    this.#driver = new Driver({
      self: () => this.#membership.seat.self,
      replica: this.#replica,
      executor: this.#executor,
      store,
      mempool: this.#mempool,
      accusations: this.#accusations,
      fetcher: {
        blocks: (from, peers, head) => this.#membership.seat.blocks(from, peers, head),
        body: (at, name, peers, holds) => this.#membership.seat.body(at, name, peers, holds),
      },
      checkpoints: this.#checkpoints,
      soon: parts.loop.soon,
      send: (to, message) => this.#send(this.#peers.peerOf(to), message),
      broadcast: (message) => parts.transport.broadcast(channelOf(message), encodeMessage(message)),
      announce: (message) => {
        for (const peer of this.#peers.followers) this.#send(peer, message);
      },
      placeIn: (next) => this.#placeIn(next),
      onMembership: () => this.#membershipChanged(),
      now: parts.now,
      onSilence: (reason) => this.#silenced(reason),
      ...driverHooks(parts),
    });
    this.#intake = this.#newIntake(cache);
    this.#page = this.#newPage();
    this.#driver.onBlock(({ height }, transactions) => this.#settled(height, transactions));
  }

  #settled(height: number, transactions: Parameters<BlockListener>[1]): void {
    this.#keeper.onBlock(height);
    for (const [id] of transactions) this.#finality.settled(id, this.#parts.loop.monotonicMs());
  }

  #placeIn(next: Epoch): NextEpoch {
    return { ...this.#membership.placeIn(next), unclaimed: !this.#presence.isHeldIn(next.validators) };
  }

  #newKeeper(): SnapshotKeeper {
    const { store, snapshots: settings, loop } = this.#parts;
    return new SnapshotKeeper({
      ...{ store, settings, monotonicMs: loop.monotonicMs },
      warn: (text) => this.#parts.log('warn', text),
      now: () => {
        const { head, tree, parameters } = this.#executor;
        return { head, tree, sets: allEpochs(store), windowMs: parameters.referenceWindowMs };
      },
      stableHeight: () => this.#checkpoints.published?.height ?? 0,
      soon: (work) => loop.soon(() => this.#guarded(work)),
    });
  }

  /** [K7] The pair does not say whose set has the key. */
  #accuseCosigner(pair: CosignatureContradiction): void {
    const { number } = this.#executor.epoch;
    for (const epoch of [number, number - 1].filter((each) => each >= 0)) {
      const evidence = cosignatureEvidenceOf(epoch, this.#parts.name, pair);
      if (this.#executor.evidenceProblem(evidence) === undefined) return void this.#accusations.take(evidence);
    }
  }

  #newIntake(cache: TransactionCache): Intake {
    const { transport, loop, now, timers } = this.#parts;
    return new Intake({
      ...{ executor: this.#executor, mempool: this.#mempool, accusations: this.#accusations, cache, now },
      announce: (frame) => transport.broadcast('transactions', frame),
      tell: (validator, frame) => transport.send(this.#peers.peerOf(validator) ?? -1, 'transactions', frame),
      primary: () => this.#otherPrimary(),
      tellTicks: timingsOf(timers).resendTicks,
      changed: () => this.#driver.noteWork(),
      ...{ soon: loop.soon, monotonicMs: loop.monotonicMs },
      refusal: () => this.#page.refusal(this.#driver.replica.voice),
    });
  }

  #newPage(): StatusPage {
    const { version, chainId, name, validator, awaits, now } = this.#parts;
    return new StatusPage({
      identity: { version, chainId, name, validator, startedAt: now() },
      ...{ finality: this.#finality, mempool: this.#mempool, awaits },
      replica: () => this.#driver.status(),
      head: () => this.store.head(),
      self: () => this.#membership.seat.self,
      validators: () => this.#executor.validators.length,
      connected: () => this.#peers.connected(),
    });
  }

  #newAccusations(): Accusations {
    return new Accusations({
      problem: (evidence) => this.#executor.evidenceProblem(evidence),
      announce: (evidence) => this.#parts.transport.broadcast('transactions', evidenceFrame(evidence)),
      changed: () => this.#driver.noteWork(),
    });
  }

  start(): void {
    this.#presence.begin();
    if (this.#membership.seat.self < 0)
      this.#parts.log('warn', 'this node has no vote: it follows what the validators decide');
    this.#driver.start();
  }

  stop(): void {
    this.#presence.stop();
    this.#driver.stop();
    this.#keeper.stop();
  }

  tick(): void {
    this.#driver.put({ type: 'tick' });
    this.#presence.tick();
    this.#guarded(() => this.#checkpoints.tick());
    this.#guarded(() => this.#intake.tick());
    const { settled } = this.#driver.replica;
    this.#guarded(() => this.#membership.tick(settled));
    this.#release.tick(settled, this.#membership.seat.self >= 0);
  }

  #otherPrimary(): { validator: number; view: string } | undefined {
    const { voice, mode, epoch, view, primary } = this.#driver.status();
    const isOther = voice === 'voting' && mode === 'normal' && primary !== this.#membership.seat.self;
    return isOther ? { validator: primary, view: `${epoch}/${view}` } : undefined;
  }

  /** Once in a while: what clients wait for is sent again, what expired is dropped. */
  tidyMempool(): void {
    this.#guarded(() => {
      this.#intake.expire();
      this.#intake.repeat();
      this.#accusations.repeat();
    });
    this.#finality.dropUnless((id) => this.#mempool.has(id));
  }

  /** Below the free-space watermark nothing new is taken, so that what is agreed can still be written. */
  setReadOnly(isReadOnly: boolean): void {
    if (isReadOnly !== this.#page.isReadOnly)
      this.#parts.log('warn', isReadOnly ? 'read-only: the disk is nearly full' : 'read-write again');
    this.#page.isReadOnly = isReadOnly;
  }

  submit(bytes: Uint8Array): Submission {
    const submission = this.#guarded(() => this.#intake.submit(bytes));
    if (submission === undefined) return { status: 'refused', code: 'not-ready', detail: 'this node is stopping' };
    if (submission.status === 'admitted') this.#finality.submitted(submission.id, this.#parts.loop.monotonicMs());
    return submission;
  }

  /** Evidence that this node holds and that stands in no block yet. */
  get accusationsWaiting(): number {
    return this.#accusations.size;
  }

  isWaiting(id: Digest): boolean {
    return this.#mempool.has(id);
  }

  onBlock(listener: BlockListener): () => void {
    return this.#driver.onBlock(listener);
  }

  receive(from: number, channel: Channel, bytes: Uint8Array): void {
    this.#guarded(() => this.#take(from, channel, bytes));
  }

  #take(from: number, channel: Channel, bytes: Uint8Array): void {
    if (channel === 'transactions') return this.#peers.mayPassOn(from) ? this.#intake.receive(from, bytes) : undefined;
    const index = this.#peers.indexOf(from);
    if (channel === 'checkpoints') {
      const reason = this.#checkpoints.receive(from, bytes);
      if (reason !== undefined) this.#refusals.refused(from, { refused: 'malformed', reason });
      return;
    }
    const judged = this.#membership.seat.check(index ?? -1, channel, bytes);
    if ('message' in judged) return this.#hand(index ?? -1, judged.message);
    this.#refusals.refused(from, judged);
    if ('late' in judged && judged.late !== undefined) this.#driver.put({ type: 'message', message: judged.late });
    if (judged.refused === 'committed-height') this.#notices.committed(from, judged.height);
    else if (judged.refused === 'other-epoch' && judged.type !== 'committed') this.#notices.ended(from, judged.epoch);
  }

  /** [R5] A status gives a voice only from a peer that holds the claim of this start. */
  #hand(from: number, message: Verified<Message>): void {
    const isCounted = message.type === 'status' && message.epoch === this.#membership.epoch.number;
    const isEarly = this.#driver.replica.voice === 'listening' && !this.#presence.isKnownTo(from);
    if (!isCounted || !isEarly) return this.#driver.put({ type: 'message', message });
    this.#early.set(from, message);
    // [R3] What it holds from this key counts at once: of those whose status gives the voice none may have it.
    if (message.heard !== undefined) this.#driver.put({ type: 'heard', from, heard: message.heard });
  }

  #knownTo(peer: number): void {
    const message = this.#early.get(peer);
    this.#early.delete(peer);
    if (message !== undefined) this.#driver.put({ type: 'message', message });
  }

  #membershipChanged(): void {
    const former = this.#membership.seat;
    this.#membership.changed(this.#executor.epoch);
    const { seat } = this.#membership;
    if (seat === former) return;
    this.#early.clear();
    this.#presence.enter(seat.epoch.validators, seat.self);
  }

  #newPresence(): Presence {
    const { store, chainId, newSession, timers, loop, sign } = this.#parts;
    const { epoch, self, transport } = this.#membership.seat;
    return new Presence({
      ...{ store, chainId: digestBytes(chainId), validators: epoch.validators, self, session: newSession() },
      ...{ transport, timeoutMs: timers.syncTimeoutMs, loop, sign, check: new VerifiedSignatures().check },
      ticksBetween: Math.max(1, Math.ceil(timers.statusIntervalMs / timers.tickMs)),
      onKnown: (peer) => this.#knownTo(peer),
      onRewound: (reason) => this.#driver.put({ type: 'rewound', reason }),
    });
  }

  serve(from: number, request: Uint8Array): Uint8Array | undefined {
    return this.#guarded(() =>
      this.#server.serve(request, (claim) => this.#presence.note(this.#peers.indexOf(from) ?? -1, claim)),
    );
  }

  /** Callers, libp2p among them, may swallow what is thrown; a failed store must not be swallowed. */
  #guarded<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#driver.stop();
      const damage = damageOf(error);
      if (damage === undefined) this.#parts.onFailure(error);
      else this.#parts.onDivergence(damage);
      return undefined;
    }
  }

  connected(peer: number): void {
    this.#connections.say('connected', peer);
    const index = this.#peers.indexOf(peer);
    if (index === undefined) return;
    this.#presence.ask(index);
    this.#guarded(() => this.#driver.put({ type: 'connected', peer: index }));
  }

  disconnected(peer: number): void {
    this.#connections.say('disconnected', peer);
  }

  #send(peer: number | undefined, message: Message): void {
    if (peer !== undefined) this.#parts.transport.send(peer, channelOf(message), encodeMessage(message));
  }

  status(): NodeStatus {
    return this.#page.show();
  }

  #silenced(reason: string): void {
    this.#page.silence = reason;
    this.#parts.log('error', 'this validator votes no more: it must come back under a rotated key', { reason });
  }

  #newCheckpointing(parts: ValidatorNodeParts): Checkpointing {
    const { store, name, chainId, auditKey, logKey, transport, now, timers } = parts;
    const onContradiction = (pair: CosignatureContradiction) => {
      parts.onContradiction(pair);
      this.#accuseCosigner(pair);
    };
    return new Checkpointing({
      ...{ store, log: { ledger: name, chainId }, logKey, transport, now, onContradiction },
      auditKeys: () => [auditKey, ...(parts.nextAuditKeys?.() ?? [])],
      speaksFor: (from, validator, height) => this.#peers.speaksFor(from, validator, height),
      validatorsOf: (height) => this.#executor.validatorsAt(height),
      check: new VerifiedSignatures(1_024).check,
      status: () => this.#driver.status(),
      statusTicks: timingsOf(timers).statusIntervalTicks,
    });
  }

  /** The newest stable checkpoint as a signed note; none before the first block has one. */
  checkpoint(): Uint8Array | undefined {
    return this.#checkpoints.note();
  }

  checkpointAt(height: number, hasOwnLine: boolean): Uint8Array | undefined {
    return this.#checkpoints.noteAt(height, hasOwnLine);
  }

  proveState(path: StatePath): Promise<ProvenState | undefined> {
    return this.#prover.prove(path);
  }

  /** The verifier key of the note's first line. */
  get logKey(): string {
    return this.#checkpoints.logKey;
  }

  /** Why this validator does not vote, if it does not [R3]; in a later epoch it may again [E7]. */
  get silence(): string | undefined {
    return this.#driver.status().voice === 'silenced' ? this.#page.silence : undefined;
  }
}

function driverHooks({ takeSnapshot, onIncident, onDivergence, onFailure }: ValidatorNodeParts) {
  return { takeSnapshot, onIncident, onDivergence, onFailure };
}

function timingsOf(timers: TimerConfig): Timings {
  const ticks = (milliseconds: number) => Math.max(1, Math.ceil(milliseconds / timers.tickMs));
  return {
    proposalTimeoutTicks: ticks(timers.proposalTimeoutMs),
    oldestTimeoutTicks: ticks(timers.oldestTimeoutMs),
    statusIntervalTicks: ticks(timers.statusIntervalMs),
    resendTicks: ticks(timers.proposalTimeoutMs / 3),
    fetchDelayTicks: ticks(timers.statusIntervalMs / 2),
  };
}
