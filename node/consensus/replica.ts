// The PBFT replica: events in, effects out. Synchronous and deterministic; it has no clock, chance, promise, I/O or
// logger, and no input makes it throw. The rules are docs/consensus.md's; the handlers beside this file hold them.
import { unreachable } from '../ledger/assert.ts';
import {
  considerFetch,
  findVoice,
  noteHeard,
  onConnected,
  onFetchEnded,
  onHeard,
  onStatus,
  repeat,
  resume,
  sendStatuses,
} from './catch-up.ts';
import { Core, type Ended, type ReplicaOptions, type Voice } from './core.ts';
import type { Effect, Event, Verified } from './events.ts';
import { Watch } from './evidence.ts';
import type { Awaited } from './floor.ts';
import type { Message, Mode, Vote } from './messages.ts';
import {
  onBody,
  onBodyMissing,
  onCertificate,
  onCommit,
  onEpochEnd,
  onFetched,
  onPrePrepare,
  onPrepare,
  onProposal,
  onVerdict,
  tryPropose,
} from './normal-case.ts';
import {
  isViewChangeJoined,
  onNewView,
  onViewChange,
  openWithAll,
  recallNewView,
  restoreChoice,
  startViewChange,
} from './view-change.ts';

export interface ReplicaStatus {
  readonly epoch: number;
  readonly view: number;
  readonly mode: Mode;
  readonly primary: number;
  readonly height: number;
  readonly voice: Voice;
  /** A quorum has come to this epoch: nobody need be waited for on whom the one before depends [E8]. */
  readonly settled: boolean;
  /** The height that at least one honest validator has, so far as statuses show; at least this replica's own. */
  readonly bestHeight: number;
}

export class Replica {
  readonly #options: ReplicaOptions;
  #core: Core;
  #watch: Watch;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#core = new Core(options);
    this.#watch = new Watch(options.self, options.record.epoch);
    this.#core.choice = restoreChoice(options.record.newView);
  }

  /** Once, before any event. */
  start(): Effect[] {
    resume(this.#core, this.#options.amnesia);
    return this.#core.takeEffects();
  }

  step(event: Event): Effect[] {
    this.#handle(event);
    if (this.#core.voice === 'following') findVoice(this.#core); // [R4]
    const { demanded, ended } = this.#core;
    if (ended !== undefined) {
      const found = this.#watch.take().map((evidence): Effect => ({ type: 'evidence', evidence }));
      return [...this.#beginEpoch(ended), ...found]; // [A3] it may stand in a block of the next epoch, too
    }
    this.#core.demanded = undefined;
    if (demanded !== undefined) startViewChange(this.#core, demanded);
    for (const evidence of this.#watch.take()) this.#core.emit({ type: 'evidence', evidence });
    return this.#core.takeEffects();
  }

  /** [E3] All that an epoch knows is in its core: the next one has a new one. */
  #beginEpoch({ next, record, voice }: Ended): Effect[] {
    const former = this.#core;
    const { height, digest } = former.committed;
    const { self, validators } = next;
    const head = { height, digest, certificate: undefined }; // [E4]
    const core = new Core({ ...this.#options, self, validators, head, record, bodies: new Map(), amnesia: undefined });
    core.voice = voice;
    core.logSize = former.logSize;
    core.waiting = former.waiting;
    core.oldest = former.oldest;
    core.accused = former.accused;
    for (const each of former.asked) core.asked.add(each); // by the numbers with which each fetch will end
    this.#core = core;
    this.#watch = new Watch(self, record.epoch);
    tryPropose(core);
    return [...former.takeEffects(), ...core.takeEffects()];
  }

  status(): ReplicaStatus {
    const { epoch, view, mode, primary, committed } = this.#core;
    const { voice, settled } = this;
    return { epoch, view, mode, primary, height: committed.height, voice, settled, bestHeight: this.#bestHeight() };
  }

  /** Asked for with every message. */
  get voice(): Voice {
    return this.#core.voice;
  }

  /** Asked for with every tick. */
  get settled(): boolean {
    const { statuses, electorate, self } = this.#core;
    return statuses.size + (self < 0 ? 0 : 1) >= electorate.quorum;
  }

  #bestHeight(): number {
    const { committed, statuses, electorate, later } = this.#core;
    const heights = new Map(later);
    for (const { validator, height } of statuses.values())
      heights.set(validator, Math.max(height, heights.get(validator) ?? 0));
    return Math.max(committed.height, electorate.attested([...heights.values()]) ?? 0); // [C1]
  }

  /** The view and mode it is in and the height that votes are for. */
  position(): { readonly view: number; readonly mode: Mode; readonly height: number } {
    const { view, mode, height } = this.#core;
    return { view, mode, height };
  }

  /** Entries in the log, for statuses only: consensus does not use it. */
  noteLogSize(logSize: number): void {
    this.#core.logSize = logSize;
  }

  #handle(event: Event): void {
    const core = this.#core;
    switch (event.type) {
      case 'tick':
        return this.#tick();
      case 'message':
        return this.#message(event.message);
      case 'work':
        if (event.oldest !== core.oldest) core.timers.oldestChanged();
        if (event.accused !== core.accused) core.timers.accusedChanged();
        core.waiting = event.waiting;
        core.oldest = event.oldest;
        core.accused = event.accused;
        return tryPropose(core);
      case 'proposal':
        if (event.epoch === core.epoch && event.height === core.height) onProposal(core, event.view, event.proposed);
        return;
      case 'verdict':
        if (event.epoch === core.epoch && event.height === core.height)
          onVerdict(core, event.view, event.digest, event.valid, event.next);
        return;
      case 'fetched':
        // The driver has executed it; a certificate for another height came too late or too early.
        this.#watch.certificate(event.certificate);
        if (event.certificate.height === core.height) onFetched(core, event.certificate, event.next);
        return;
      case 'body':
        if (event.height === core.height) onBody(core, event.digest, event.block);
        return;
      case 'heard':
        return onHeard(core, event.from, event.heard);
      case 'rewound':
        return core.silence(event.reason); // [R5]
      case 'connected':
        return onConnected(core, event.peer);
      case 'shown':
        return this.#watch.certificate(event.certificate);
      case 'fetchEnded':
        return onFetchEnded(core, event.height, event.from);
      case 'bodyMissing':
        if (event.height === core.height) onBodyMissing(core, event.digest);
        return;
      default:
        return unreachable(event);
    }
  }

  #message(message: Verified<Message>): void {
    const core = this.#core;
    if (message.type === 'committed') {
      this.#watch.certificate(message.certificate);
      return message.header === undefined
        ? onCertificate(core, message.certificate)
        : onEpochEnd(core, message.certificate);
    }
    if (message.validator === core.self) {
      if (message.type === 'new-view') recallNewView(core, message as Verified<typeof message>);
      return;
    }
    if (message.type === 'status') return onStatus(core, message as Verified<typeof message>);
    if (message.epoch !== core.epoch) return;
    this.#watch.message(message);
    noteHeard(core, message);
    switch (message.type) {
      case 'pre-prepare':
        return onPrePrepare(core, message as Verified<typeof message>);
      case 'prepare':
        return onPrepare(core, message as Verified<Vote>);
      case 'commit':
        return onCommit(core, message as Verified<Vote>);
      case 'view-change':
        return onViewChange(core, message as Verified<typeof message>);
      case 'new-view':
        return onNewView(core, message as Verified<typeof message>);
      default:
        return unreachable(message);
    }
  }

  #tick(): void {
    const core = this.#core;
    if (core.timers.countStatus()) sendStatuses(core);
    considerFetch(core);
    if (core.voice !== 'voting') return;
    const open = core.accepted !== undefined || core.prepared !== undefined || core.fixed !== undefined;
    if (core.mode === 'changing') {
      if (core.timers.countProgress(isViewChangeJoined(core)))
        core.demandView(core.view + 1); // [T2]
      else if (core.timers.countResend(true)) {
        repeat(core);
        openWithAll(core);
      }
      return;
    }
    const counts = core.oldest !== undefined;
    const accuses = core.accused !== undefined;
    const late = core.timers.countProgress(open || counts || accuses); // [T1]
    const starved = core.timers.countOldest(counts); // [T4]
    const hushed = core.timers.countAccused(accuses); // [A6]
    const slow = core.floor.count(awaited(core), core.timers.timeoutTicks); // [T5]
    if (late || starved || hushed || slow) return core.demandView(core.view + 1);
    if (core.timers.countResend(open)) repeat(core);
    tryPropose(core);
  }
}

/** [T5] The primary owes a proposal only to who is not behind itself: what a quorum has settled it proposes no more. */
function awaited(core: Core): Awaited {
  if (core.accepted !== undefined) return owesCommit(core) ? 'proposal' : 'votes';
  const isOwed = core.oldest !== undefined || core.accused !== undefined || core.fixed !== undefined;
  if (!isOwed || core.isPrimary || core.certified !== undefined) return 'nothing';
  const heights = [...core.statuses.values()].map((each) => each.height);
  return (core.electorate.attested(heights) ?? 0) > core.committed.height ? 'nothing' : 'proposal';
}

/** [T5] Where others are missing the primary's own Commit decides how long its block takes. */
function owesCommit({ commit, certified, isPrimary, primary, votes, electorate }: Core): boolean {
  if (commit === undefined || certified !== undefined || isPrimary || votes.hasCommit(primary, commit)) return false;
  return votes.commitsLike(commit).length >= electorate.quorum - 1;
}
