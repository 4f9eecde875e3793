// What a liar can make with its own key and with everything that it has seen: contradicting votes, other blocks, padded
// certificates, view changes that leave out what is prepared. It holds no key but its own.
import {
  type Block,
  type Message,
  type NewView,
  newViewPosition,
  type PrePrepare,
  type PreparedCertificate,
  type ViewChange,
  type Vote,
  viewChangePosition,
} from '../../node/consensus/messages.ts';
import type { CommitCertificate, Signer } from '../../node/ledger/certificate.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { decodeHeader, encodeHeader, headerDigest } from '../../node/ledger/entry.ts';
import { type Evidence, evidenceOf } from '../../node/ledger/evidence.ts';
import { type Digest, digestOf } from '../../node/ledger/hash.ts';
import type { Header } from '../../node/ledger/header.ts';
import { type VoteKind, type VotePosition, voteMessage } from '../../node/ledger/vote.ts';
import type { Chance } from './chance.ts';
import { flipped, withOneWrong } from './mutate.ts';

const votesKept = 200;

/** Where a liar stands in the epoch that it speaks in. */
export interface Standing {
  readonly epoch: number;
  /** -1 where it has no vote. */
  readonly self: number;
  readonly validators: number;
  readonly quorum: number;
  /** [E4] Height of the block before it. */
  readonly base: number;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

export class Forger {
  readonly chainId: Uint8Array;
  readonly #standingIn: (epoch: number) => Standing;
  #standing: Standing;
  readonly #chance: Chance;
  /** Votes of everyone, the latest. */
  readonly #votes: Vote[] = [];
  readonly #viewChanges = new Map<string, ViewChange>();
  last: PrePrepare | undefined;

  constructor(chainId: Uint8Array, standingIn: (epoch: number) => Standing, chance: Chance) {
    this.chainId = chainId;
    this.#standingIn = standingIn;
    this.#standing = standingIn(0);
    this.#chance = chance;
  }

  /** From now on it speaks in this epoch. */
  enter(epoch: number): void {
    if (epoch === this.#standing.epoch) return;
    this.#standing = this.#standingIn(epoch);
    this.#votes.length = 0;
    this.#viewChanges.clear();
    this.last = undefined;
  }

  get standing(): Standing {
    return this.#standing;
  }

  get self(): number {
    return this.#standing.self;
  }

  see(message: Message): void {
    if (message.type === 'prepare' || message.type === 'commit') {
      this.#votes.push(message);
      if (this.#votes.length > votesKept) this.#votes.shift();
    }
    if (message.type === 'pre-prepare') this.last = message;
    if (message.type === 'view-change') this.#viewChanges.set(`${message.view} ${message.validator}`, message);
    if (this.#viewChanges.size > votesKept) this.#viewChanges.clear();
  }

  signed(kind: VoteKind, position: VotePosition): Uint8Array {
    return this.#standing.sign(voteMessage(kind, this.chainId, position));
  }

  /** Also in an epoch that is over. */
  vote(type: Vote['type'], { epoch, view, height, digest }: VotePosition): Vote {
    const position = { epoch, view, height, digest };
    const { self, sign } = this.#in(epoch);
    return { type, ...position, validator: self, signature: sign(voteMessage(type, this.chainId, position)) };
  }

  mayVoteIn(epoch: number): boolean {
    return this.#in(epoch).self >= 0;
  }

  #in(epoch: number): Standing {
    return epoch === this.#standing.epoch ? this.#standing : this.#standingIn(epoch);
  }

  proposal(place: VotePosition, block: Block): PrePrepare {
    const { epoch, view, height } = place;
    const position = { epoch, view, height, digest: headerDigest(block.header) };
    return {
      type: 'pre-prepare',
      ...position,
      validator: this.self,
      signature: this.signed('pre-prepare', position),
      block,
    };
  }

  /** As good a block as the first, if nothing in it depends on the millisecond. */
  otherBlock(message: PrePrepare): PrePrepare {
    const { header, transactions, evidence } = message.block;
    const later = { ...decodeHeader(header), timestamp: decodeHeader(header).timestamp + 1 + this.#chance.int(3) };
    return this.proposal(message, { header: encodeHeader(later), evidence, transactions });
  }

  /** A block that no honest validator may prepare. */
  wrongBlock(message: PrePrepare): PrePrepare {
    const { header, transactions, evidence } = message.block;
    const chance = this.#chance;
    if (chance.hits(0.2))
      return this.proposal(message, { header, evidence, transactions: [...transactions, ...transactions] });
    if (chance.hits(0.2)) return this.proposal(message, { header, evidence, transactions: transactions.slice(1) });
    try {
      const good = decodeHeader(header);
      const early = { ...good, timestamp: Math.max(0, good.timestamp - chance.pick([1_000, 9_000])) };
      if (chance.hits(0.1)) return this.proposal(message, { header: encodeHeader(early), evidence, transactions });
      const root = chance.pick(['logRoot', 'stateRoot', 'parent'] as const);
      const isRoot = chance.hits(0.5);
      const wrong: Header = isRoot ? { ...good, [root]: flipped(good[root], chance) } : withOneWrong(good, chance);
      return this.proposal(message, { header: encodeHeader(wrong), evidence, transactions });
    } catch (error) {
      if (!(error instanceof DecodeError) && !(error instanceof TypeError)) throw error;
      return message;
    }
  }

  /** Everything right but one root. */
  wrongRoot(message: PrePrepare): PrePrepare {
    const good = decodeHeader(message.block.header);
    const root = this.#chance.pick(['logRoot', 'stateRoot'] as const);
    const header = encodeHeader({ ...good, [root]: flipped(good[root], this.#chance) });
    return this.proposal(message, { ...message.block, header });
  }

  /** [E1] Everything right but one of the sets that the header names. */
  wrongSet(message: PrePrepare): PrePrepare {
    const good = decodeHeader(message.block.header);
    const set = this.#chance.pick(['validatorSetHash', 'nextValidatorSetHash'] as const);
    const header = encodeHeader({ ...good, [set]: flipped(good[set], this.#chance) });
    return this.proposal(message, { ...message.block, header });
  }

  /** [E4] As if its epoch had begun after another block, or it had not come as far. */
  wrongBase(message: ViewChange): ViewChange {
    const height = Math.max(0, this.#standing.base - this.#chance.int(2));
    const committed = { height, digest: this.anyDigest(), certificate: undefined };
    return this.viewChange(message, { committed, prepared: undefined });
  }

  viewChange(message: ViewChange, change: Partial<ViewChange>): ViewChange {
    const unsigned = { ...message, ...change };
    return { ...unsigned, signature: this.signed('view-change', viewChangePosition(unsigned)) };
  }

  freshViewChange(view: number, committed: ViewChange['committed']): ViewChange {
    const unsigned = {
      type: 'view-change',
      epoch: this.#standing.epoch,
      view,
      validator: this.self,
      committed,
      prepared: undefined,
    } as const;
    return { ...unsigned, signature: this.signed('view-change', viewChangePosition(unsigned)) };
  }

  newView(message: NewView, viewChanges: readonly ViewChange[]): NewView {
    const unsigned = { ...message, viewChanges };
    return { ...unsigned, signature: this.signed('new-view', newViewPosition(unsigned)) };
  }

  /** Another quorum's ViewChanges, or this validator's own without what is prepared. */
  otherNewView(message: NewView): NewView {
    const known = [...this.#viewChanges.values()].filter(({ view, validator }) => {
      return view === message.view && validator !== this.self;
    });
    const own = message.viewChanges.find(({ validator }) => validator === this.self);
    const mine = own === undefined ? [] : [this.#poorer(own)];
    const others = this.#chance.some(known, this.#standing.quorum - mine.length);
    if (others.length + mine.length < this.#standing.quorum) return message;
    return this.newView(
      message,
      [...mine, ...others].sort((a, b) => a.validator - b.validator),
    );
  }

  /** Without what it prepared; where that is nothing, as if it had committed nothing. */
  #poorer(own: ViewChange): ViewChange {
    if (own.prepared !== undefined || own.epoch > 0) return this.viewChange(own, { prepared: undefined });
    const genesis = { height: 0, digest: digestOf(this.chainId), certificate: undefined };
    return this.viewChange(own, { committed: genesis });
  }

  /** Commits for a digest as far as they exist, and then whatever looks like one. */
  forgedCertificate(place: VotePosition): CommitCertificate {
    const { epoch, view, height, digest } = place;
    const position = { epoch, view, height, digest };
    const kinds = this.#chance.pick([['commit'], ['prepare'], ['commit', 'prepare']]);
    const seen = this.#votes.filter((vote) => kinds.includes(vote.type) && vote.digest === digest);
    const signers = new Map<number, Signer>();
    for (const { validator, signature } of seen) signers.set(validator, { validator, signature });
    signers.set(this.self, { validator: this.self, signature: this.signed('commit', position) });
    return { ...position, signers: this.#padded([...signers.values()]) };
  }

  /** Commit votes where Prepares belong, and its own signature in others' names. */
  forgedPrepared(place: VotePosition, primary: number): PreparedCertificate {
    const { signers, ...position } = this.forgedCertificate(place);
    const prepares = signers.filter(({ validator }) => validator !== primary).slice(0, this.#standing.quorum - 1);
    return { ...position, prePrepare: { validator: primary, signature: this.signed('pre-prepare', place) }, prepares };
  }

  /** Two honest votes of another as if they contradicted each other, or one and a second that is not the other's. */
  slander(other: number): Evidence | undefined {
    const votes = this.#votes.filter(({ validator }) => validator === other);
    const [one, two] = this.#chance.some(votes, Math.min(2, votes.length));
    if (one === undefined || two === undefined) return undefined;
    const statement = ({ type: kind, ...vote }: Vote) => ({ kind, ...vote });
    if (this.#chance.hits(0.5)) return evidenceOf(one.epoch, other, statement(one), statement(two));
    const made = this.vote(one.type, { ...one, digest: this.anyDigest() });
    return evidenceOf(one.epoch, other, statement(one), statement(made));
  }

  #padded(signers: readonly Signer[]): Signer[] {
    const own = signers.find(({ validator }) => validator === this.self);
    const list = [...signers];
    const way = this.#chance.int(3);
    for (let i = 0; list.length < this.#standing.quorum && own !== undefined; i++) {
      const validator = way === 0 ? own.validator : i;
      if (way === 0 || !list.some((each) => each.validator === i)) list.push({ ...own, validator });
      if (way === 2) break; // one short
    }
    return list.sort((a, b) => a.validator - b.validator).slice(0, this.#standing.quorum);
  }

  anyDigest(): Digest {
    return Buffer.from(this.#chance.bytes(32)).toString('hex') as Digest;
  }
}
