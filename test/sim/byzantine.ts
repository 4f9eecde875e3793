// A validator that lies. Its node is the real one; what passes between it and the network is changed by a few habits,
// drawn from the seed. It shows its own node nothing that would silence it, and never forges another's key.
import {
  type CheckpointMessage,
  decodeCheckpointMessage,
  encodeCheckpointMessage,
} from '../../node/consensus/checkpoint-messages.ts';
import {
  decodeMessage,
  encodeMessage,
  type Message,
  type PrePrepare,
  type PreparedCertificate,
  type ViewChange,
} from '../../node/consensus/messages.ts';
import { evidenceFrame } from '../../node/intake.ts';
import { claimSchema } from '../../node/ledger/claim.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import type { CosignedHead } from '../../node/ledger/cosignature.ts';
import { digestOf, sha256 } from '../../node/ledger/hash.ts';
import { bytes as bytesOf, decodeAs, encodeAs, list } from '../../node/ledger/schema.ts';
import { decodeTransaction } from '../../node/ledger/transaction.ts';
import { channelOf } from '../../node/network/inbound.ts';
import { decodeSyncRequest } from '../../node/network/sync-messages.ts';
import type { Channel } from '../../node/network/transport.ts';
import { members } from '../execution/_ledger.ts';
import type { Chance } from './chance.ts';
import { type Exchange, falseAnswer } from './false-answers.ts';
import type { Forger } from './forger.ts';
import type { Habit } from './habits.ts';
import { flipped, withOneWrong } from './mutate.ts';
import { strayDelayMs, straysBeside } from './stray.ts';
import type { Outgoing, Tamper } from './tamper.ts';

const transactionsFrame = list(bytesOf(1, 20_000), 1, 2_000);

export interface LiarParts {
  readonly forger: Forger;
  readonly chance: Chance;
  readonly habits: ReadonlySet<Habit>;
  readonly machine: number;
  /** Of the cluster as it begins. */
  readonly validators: number;
  /** Machine that is a validator of an epoch. */
  machineOf(validator: number, epoch: number): number;
  /** Machines that are validators now. */
  others(): readonly number[];
  readonly proposalTimeoutMs: number;
  /** Its node's. */
  readonly store: Exchange['store'];
  /** The head under a good signature of this validator's audit key. */
  readonly cosign: (head: CosignedHead) => CosignedHead;
}

export class Liar implements Tamper {
  readonly #parts: LiarParts;
  /** Who is shown the other side of every contradiction. */
  readonly #otherSide: ReadonlySet<number>;
  readonly #shunned: ReadonlySet<number>;
  readonly #censored: string;
  readonly #doubled = new Set<string>();
  readonly #extra: Outgoing[] = [];
  #bytes: Uint8Array | undefined;
  #message: Message | undefined;
  #other: Message | undefined;
  #isWrong = false;

  constructor(parts: LiarParts) {
    this.#parts = parts;
    const { chance, validators, machine } = parts;
    const others = Array.from({ length: validators }, (_, index) => index).filter((index) => index !== machine);
    this.#otherSide = new Set(chance.some(others, chance.between(1, others.length - 1)));
    this.#shunned = new Set(chance.some(others, chance.between(1, others.length - 1)));
    this.#censored = chance.pick(members);
  }

  outgoing(to: number, channel: Channel, bytes: Uint8Array): readonly Outgoing[] {
    const extra = this.#extra.splice(0);
    if (channel === 'transactions') return [...(this.#isPassedBy(to) ? [] : [{ to, channel, bytes }]), ...extra];
    if (channel === 'checkpoints') return [...this.#checkpoint(to, bytes), ...extra];
    const message = this.#decoded(bytes);
    const strays = this.#parts.habits.has('stray') ? this.#strays(to, message) : [];
    return [...this.#changed(to, message, { to, channel, bytes }), ...extra, ...strays, ...this.#nuisance(to, message)];
  }

  /** What clients ask of it the primary is not told, so that others take that one for a censor [C4]. */
  #isPassedBy(to: number): boolean {
    const { forger, habits, machineOf } = this.#parts;
    if (!habits.has('whisper')) return false;
    const { epoch, validators } = forger.standing;
    return to === machineOf((forger.last?.view ?? 0) % validators, epoch);
  }

  /** Other roots, others' names, words of nobody; the same contradiction for all who are shown it. */
  #checkpoint(to: number, bytes: Uint8Array): readonly Outgoing[] {
    const { chance, habits: has } = this.#parts;
    const channel = 'checkpoints';
    if ((has.has('mute') && this.#shunned.has(to)) || (has.has('selective-votes') && chance.hits(0.5))) return [];
    const plain: Outgoing = { to, channel, bytes };
    const message = decodeCheckpointMessage(bytes);
    const frames = has.has('junk') && chance.hits(0.05) ? [{ ...plain, bytes: flipped(bytes, chance) }] : [];
    if (message.type === 'stable')
      return has.has('forge-certificates')
        ? [...sentCheckpoint(to, withOneWrong(message, chance)), ...frames]
        : [plain, ...frames];
    if (message.type === 'wanted') return [plain, ...frames];
    const { cosigned } = message;
    if (has.has('impersonate') && chance.hits(0.2))
      frames.push(...sentCheckpoint(to, { ...message, cosigned: { ...cosigned, validator: (to + 1) % 4 } }));
    if (has.has('far-future') && chance.hits(0.2))
      frames.push(...sentCheckpoint(to, { ...message, cosigned: this.#otherLog(cosigned, chance.int(1_000)) }));
    if (!has.has('two-logs') || !this.#otherSide.has(to)) return [plain, ...frames];
    const other = sentCheckpoint(to, { ...message, cosigned: this.#otherLog(cosigned, 0) });
    return [...(chance.hits(0.3) ? [plain] : []), ...other, ...frames];
  }

  #otherLog(head: CosignedHead, more: number): CosignedHead {
    const size = head.size + more;
    const root = digestOf(sha256(new TextEncoder().encode(`another log of ${size}`)));
    return this.#parts.cosign({ ...head, size, root });
  }

  /** Each broadcast is decoded once, and has one other side. */
  #decoded(bytes: Uint8Array): Message {
    if (bytes !== this.#bytes || this.#message === undefined) {
      this.#bytes = bytes;
      this.#message = decodeMessage(bytes);
      this.#other = undefined;
      this.#isWrong = this.#parts.chance.hits(0.5);
      if (this.#message.type !== 'committed') this.#parts.forger.enter(this.#message.epoch);
      this.#parts.forger.see(this.#message);
    }
    return this.#message;
  }

  #strays(to: number, message: Message): readonly Outgoing[] {
    const { forger } = this.#parts;
    const isOwn = message.type !== 'committed' && message.validator === forger.self;
    return isOwn ? straysBeside(message, forger).flatMap((each) => sent(to, each)) : [];
  }

  #changed(to: number, message: Message, plain: Outgoing): readonly Outgoing[] {
    const { chance, forger } = this.#parts;
    const has = (habit: Habit) => this.#parts.habits.has(habit);
    const isOwn = message.type !== 'committed' && message.validator === forger.self;
    if (has('mute') && this.#shunned.has(to)) return [];
    const isVote = message.type === 'prepare' || message.type === 'commit';
    if (isVote && isOwn && has('two-faced')) return [];
    if (isVote && has('selective-votes') && chance.hits(0.5)) return [];
    if (has('lie-status') && message.type === 'status')
      return sent(to, chance.hits(0.5) ? withOneWrong(message, chance) : { ...message, height: message.height + 9 });
    if (!isOwn) return [plain];
    const isOther = this.#otherSide.has(to);
    if (message.type === 'pre-prepare') return this.#proposal(to, message, plain);
    if (message.type === 'new-view' && has('two-new-views') && isOther)
      return sent(
        to,
        this.#once(() => forger.otherNewView(message)),
      );
    if (message.type === 'view-change' && has('omit-prepared'))
      return sent(
        to,
        this.#once(() => forger.viewChange(message, { prepared: undefined })),
      );
    if (message.type === 'view-change' && has('wrong-base'))
      return sent(
        to,
        this.#once(() => forger.wrongBase(message)),
      );
    if (message.type === 'view-change' && has('forge-certificates'))
      return sent(
        to,
        this.#once(() => forger.viewChange(message, { prepared: this.#madeUp(message) })),
      );
    if (has('wrong-fields') && chance.hits(0.5)) return this.#wrongFields(to, message);
    return [plain];
  }

  /** As if a block had been prepared just now, where ViewChanges speak of one. */
  #madeUp({ epoch, view, committed }: ViewChange): PreparedCertificate {
    const { forger, chance } = this.#parts;
    const { validators } = forger.standing;
    const height = committed.height + 1;
    const known = forger.last?.height === height && chance.hits(0.5) ? forger.last : undefined;
    const digest = known?.digest ?? forger.anyDigest();
    const prepared = known?.view ?? view - 1;
    return forger.forgedPrepared({ epoch, view: prepared, height, digest }, prepared % validators);
  }

  /** The other side of the message in hand, the same for all who are shown it. */
  #once(make: () => Message): Message {
    this.#other ??= make();
    return this.#other;
  }

  #proposal(to: number, message: PrePrepare, plain: Outgoing): readonly Outgoing[] {
    const { forger, proposalTimeoutMs } = this.#parts;
    const { validators } = forger.standing;
    const has = (habit: Habit) => this.#parts.habits.has(habit);
    if (has('withhold') && (to + message.height) % validators === forger.self) return [];
    if (has('equivocate') && this.#otherSide.has(to))
      return sent(
        to,
        this.#once(() => forger.otherBlock(message)),
      );
    if (has('stray') && this.#otherSide.has(to)) {
      const late = sent(
        to,
        this.#once(() => forger.otherBlock(message)),
      );
      return late.map((each) => ({ ...each, delayMs: strayDelayMs(this.#parts.chance) }));
    }
    if (has('wrong-blocks') && this.#isWrong)
      return sent(
        to,
        this.#once(() => forger.wrongBlock(message)),
      );
    if (has('wrong-roots') && this.#isWrong)
      return sent(
        to,
        this.#once(() => forger.wrongRoot(message)),
      );
    if (has('wrong-sets') && this.#isWrong)
      return sent(
        to,
        this.#once(() => forger.wrongSet(message)),
      );
    if (has('throttle')) return [{ ...plain, delayMs: Math.floor(proposalTimeoutMs * 0.7) }];
    return [plain];
  }

  /** Signed again where the wrong field is under the signature, so that it is not that which gives it away. */
  #wrongFields(to: number, message: Message): readonly Outgoing[] {
    const { chance, forger } = this.#parts;
    const wrong = withOneWrong(message, chance);
    try {
      if (wrong.type === 'view-change') return sent(to, forger.viewChange(wrong, {}));
      if (wrong.type === 'new-view') return sent(to, forger.newView(wrong, wrong.viewChanges));
      if (wrong.type === 'prepare' || wrong.type === 'commit') return sent(to, forger.vote(wrong.type, wrong));
      return sent(to, wrong);
    } catch {
      return []; // no bytes say such a thing
    }
  }

  #nuisance(to: number, message: Message): readonly Outgoing[] {
    const { chance, forger } = this.#parts;
    const { validators } = forger.standing;
    const has = (habit: Habit) => this.#parts.habits.has(habit);
    const frames: Outgoing[] = [];
    const place = forger.last;
    if (has('junk') && chance.hits(0.05)) {
      const length = chance.pick([0, 1, 50, 1_000, 3_000_000]);
      frames.push({ to, channel: chance.pick(['votes', 'proposals', 'transactions']), bytes: chance.bytes(length) });
      frames.push({ to, channel: channelOf(message), bytes: flipped(encodeMessage(message), chance) });
      frames.push({ to, channel: chance.pick(['votes', 'proposals']), bytes: encodeMessage(message) });
    }
    if (place === undefined || forger.self < 0) return frames;
    if (has('forge-certificates') && chance.hits(0.2)) {
      const digest = chance.hits(0.5) ? place.digest : forger.anyDigest();
      const height = chance.hits(0.05) ? 0 : place.height + chance.int(2);
      frames.push(
        ...sent(to, { type: 'committed', certificate: forger.forgedCertificate({ ...place, digest, height }) }),
      );
    }
    if (has('impersonate') && chance.hits(0.2)) {
      const other = (forger.self + chance.between(1, validators - 1)) % validators;
      frames.push(...sent(to, { ...forger.vote(chance.pick(['prepare', 'commit']), place), validator: other }));
      const slander = forger.slander(other);
      if (slander !== undefined) frames.push({ to, channel: 'transactions', bytes: evidenceFrame(slander) });
    }
    if (has('far-future') && chance.hits(0.1)) {
      const far = chance.pick([1, 2, 100, 2 ** 40]);
      const position = { ...place, height: place.height + far, view: place.view + chance.pick([0, far]) };
      frames.push(...sent(to, forger.vote(chance.pick(['prepare', 'commit']), position)));
      const committed = { height: 0, digest: digestOf(forger.chainId), certificate: undefined };
      frames.push(...sent(to, forger.freshViewChange(place.view + far * validators, committed)));
    }
    return frames;
  }

  incoming(_from: number, channel: Channel, bytes: Uint8Array): Uint8Array | undefined {
    const has = (habit: Habit) => this.#parts.habits.has(habit);
    // What accuses it, or anybody, its node never proposes [A6].
    if (channel === 'transactions' && has('hush') && bytes[0] === 0x82 && bytes[1] === 1) return undefined;
    if (channel === 'transactions') return has('censor') ? this.#withoutCensored(bytes) : bytes;
    if (channel === 'checkpoints') return bytes;
    let message: Message;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (error instanceof DecodeError) return bytes;
      throw error;
    }
    const { forger } = this.#parts;
    const isOfNow = message.type !== 'committed' && message.epoch === forger.standing.epoch;
    if (isOfNow || message.type === 'committed') forger.see(message);
    if (has('double-vote')) this.#voteFor(message);
    if (has('two-faced')) this.#agreeWith(message);
    if (has('usurp') && message.type === 'pre-prepare' && isOfNow && forger.self >= 0) this.#usurp(message);
    // What it is shown of its own key would make it silent.
    return message.type === 'status' ? encodeMessage({ ...message, heard: undefined }) : bytes;
  }

  /** A Prepare and a Commit for every digest that it hears of. */
  #voteFor(message: Message): void {
    if (message.type !== 'pre-prepare' && message.type !== 'prepare' && message.type !== 'commit') return;
    const { forger } = this.#parts;
    const name = `${message.view} ${message.height} ${message.digest}`;
    if (!forger.mayVoteIn(message.epoch)) return;
    if (this.#doubled.has(name)) return;
    if (this.#doubled.size > 1_000) this.#doubled.clear();
    this.#doubled.add(name);
    this.#toAll(forger.vote('prepare', message));
    this.#toAll(forger.vote('commit', message));
  }

  /** Votes for whatever a validator votes for, told to that one alone. */
  #agreeWith(message: Message): void {
    if (message.type !== 'prepare' && message.type !== 'commit') return;
    const { forger } = this.#parts;
    const name = `agrees ${message.view} ${message.height} ${message.digest} ${message.validator}`;
    if (this.#doubled.has(name) || !forger.mayVoteIn(message.epoch)) return;
    this.#doubled.add(name);
    const to = this.#parts.machineOf(message.validator, message.epoch);
    for (const kind of ['prepare', 'commit'] as const) this.#extra.push(...sent(to, forger.vote(kind, message)));
  }

  /** A proposal of its own where it is not the primary, and its votes for it. */
  #usurp(message: PrePrepare): void {
    // Once a place: other liars would answer with theirs.
    const place = `usurped ${message.view} ${message.height}`;
    if (this.#doubled.has(place)) return;
    this.#doubled.add(place);
    const own = this.#parts.forger.otherBlock(message);
    this.#toAll(own);
    this.#voteFor(own);
  }

  /** With whatever its node sends next. */
  #toAll(message: Message): void {
    for (const to of this.#parts.others()) this.#extra.push(...sent(to, message));
  }

  #withoutCensored(bytes: Uint8Array): Uint8Array | undefined {
    try {
      const left = decodeAs(transactionsFrame, bytes).filter(
        (each) => decodeTransaction(each).body.member !== this.#censored,
      );
      return left.length === 0 ? undefined : encodeAs(transactionsFrame, left);
    } catch (error) {
      if (error instanceof DecodeError) return bytes;
      throw error;
    }
  }

  /** [R5] Every start of this key is the present one: two copies of it both go on. */
  answered(request: Uint8Array, answer: Uint8Array): Uint8Array {
    const asked = decodeSyncRequest(request);
    return asked.type === 'claim' ? encodeAs(claimSchema, asked.claim) : answer;
  }

  answer(_from: number, request: Uint8Array, answer: Uint8Array | undefined): Uint8Array | undefined | 'stalls' {
    const { store, habits, chance } = this.#parts;
    return falseAnswer({ store, request, answer }, habits, chance);
  }
}

function sentCheckpoint(to: number, message: CheckpointMessage): readonly Outgoing[] {
  try {
    return [{ to, channel: 'checkpoints', bytes: encodeCheckpointMessage(message) }];
  } catch {
    return []; // it broke a limit of the form itself: no such bytes exist
  }
}

function sent(to: number, message: Message): readonly Outgoing[] {
  try {
    return [{ to, channel: channelOf(message), bytes: encodeMessage(message) }];
  } catch {
    return []; // it broke a limit of the form itself: no such bytes exist
  }
}
