// Which start of a validator is the present one, as the others know it (rule R5): each start is claimed before anything
// else is said, the others keep the latest claim of each vote key durably and show it to its owner, and who is shown a
// claim that its store does not know of has an older store, or is not the only one with this key.
import type { EventLoop } from './event-loop.ts';
import type { SignatureCheck } from './ledger/certificate.ts';
import { type Claim, claimMessage, claimSchema, knows, readClaim } from './ledger/claim.ts';
import { equalBytes } from './ledger/hash.ts';
import { encodeAs } from './ledger/schema.ts';
import { quorumOf, type ValidatorSet } from './ledger/validators.ts';
import { encodeSyncRequest } from './network/sync-messages.ts';
import type { Transport } from './network/transport.ts';
import { hasBeenThrough, nextStart, rowFor } from './starts.ts';
import type { ClaimStore } from './store/store.ts';

export interface PresenceParts {
  readonly store: ClaimStore;
  readonly chainId: Uint8Array;
  /** Of the epoch in which it begins, and the own number in it. */
  readonly validators: ValidatorSet;
  readonly self: number;
  /** Of this start: never drawn twice. */
  readonly session: Uint8Array;
  readonly transport: Pick<Transport, 'request'>;
  readonly timeoutMs: number;
  readonly ticksBetween: number;
  readonly loop: Pick<EventLoop, 'after' | 'monotonicMs'>;
  readonly check: SignatureCheck;
  /** Ed25519 with this vote key. */
  sign(message: Uint8Array, voteKey: Uint8Array): Uint8Array;
  /** This peer holds the claim of this start; once each. */
  onKnown(peer: number): void;
  onRewound(reason: string): void;
}

/** Who holds the claim is asked again after so many rounds: a second process may have come. */
const roundsBetween = 20;
/** A peer that claims a new start again and again must not keep this disk busy. */
const notesMax = 8;
const notesWindowMs = 10_000;
const noKey = new Uint8Array(0);
/** Why a claim is not waited for any longer: without it each abort makes an error with a stack, which nobody reads. */
const gaveUp = 'no answer in time';
/** Asked and not answered yet, a peer: the oldest is given up for the next, so that no lost answer holds it up. */
const askedMax = 16;

export class Presence {
  readonly #parts: PresenceParts;
  #validators: ValidatorSet;
  #self: number;
  #known = new Set<number>();
  readonly #asked = new Map<number, AbortController[]>();
  readonly #noted = new Map<number, { readonly since: number; count: number }>();
  #own: Claim | undefined;
  /** For each peer that holds a start further back than a claim reaches: the claim that names that one, too. */
  readonly #naming = new Map<number, Claim>();
  #ticks = 0;
  #isStopped = false;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
    this.#validators = parts.validators;
    this.#self = parts.self;
  }

  /** Durable before anything of this start is sent. */
  begin(): void {
    const { store, session } = this.#parts;
    const key = this.#validators[this.#self]?.voteKey;
    if (key === undefined) return;
    const claimed = nextStart(store, key, session);
    const own = this.#signed(claimed, key);
    store.putClaim(key, encodeAs(claimSchema, own), rowFor(store, key, claimed));
    this.#own = own;
  }

  #signed(claimed: Omit<Claim, 'signature'>, key: Uint8Array): Claim {
    const { chainId, sign } = this.#parts;
    return { ...claimed, signature: sign(claimMessage(chainId, claimed), key) };
  }

  /**
   * [E3] In another epoch peers have other numbers. Who holds the claim still holds it; another key of one's own is
   * claimed before it signs anything.
   */
  enter(validators: ValidatorSet, self: number): void {
    const own = this.#validators[this.#self]?.voteKey;
    const key = validators[self]?.voteKey;
    const isSame = own !== undefined && key !== undefined && equalBytes(own, key);
    const known = [...this.#known].flatMap((peer) => this.#validators[peer]?.voteKey ?? []);
    const stillKnown = [...validators.keys()].filter((peer) =>
      known.some((each) => equalBytes(each, validators[peer]?.voteKey ?? noKey)),
    );
    this.#validators = validators;
    this.#self = self;
    this.#known = new Set(isSame ? stillKnown : []);
    this.#asked.clear();
    this.#naming.clear();
    this.#noted.clear();
    if (isSame) return;
    this.#own = undefined;
    this.begin();
    for (const peer of validators.keys()) this.ask(peer);
  }

  stop(): void {
    this.#isStopped = true;
  }

  isKnownTo(peer: number): boolean {
    return this.#known.has(peer);
  }

  /** [R5, E7] Whether a quorum of a set, this validator counted, holds the claim of this start. */
  isHeldIn(next: ValidatorSet): boolean {
    const keys = [this.#self, ...this.#known].flatMap((peer) => this.#validators[peer]?.voteKey ?? []);
    const held = next.filter(({ voteKey }) => keys.some((each) => equalBytes(each, voteKey))).length;
    return held >= quorumOf(next.length).size;
  }

  tick(): void {
    const { ticksBetween } = this.#parts;
    const validators = this.#validators;
    this.#ticks += 1;
    if (this.#ticks % ticksBetween !== 0) return;
    const isRound = (this.#ticks / ticksBetween) % roundsBetween === 0;
    for (const peer of validators.keys()) if (isRound || !this.#known.has(peer)) this.ask(peer);
  }

  /** Tells a peer of this start, and learns which one it holds. */
  ask(peer: number): void {
    const { transport, timeoutMs, loop } = this.#parts;
    const [self, validators] = [this.#self, this.#validators];
    const claim = this.#naming.get(peer) ?? this.#own;
    if (claim === undefined || peer === self || peer >= validators.length) return;
    const deadline = new AbortController();
    const asked = this.#asked.get(peer) ?? [];
    this.#asked.set(peer, asked);
    if (asked.length >= askedMax) asked.shift()?.abort(gaveUp);
    asked.push(deadline);
    const cancel = loop.after(timeoutMs, () => deadline.abort(gaveUp));
    const end = () => {
      cancel();
      const at = asked.indexOf(deadline);
      if (at >= 0) asked.splice(at, 1);
    };
    transport.request(peer, encodeSyncRequest({ type: 'claim', claim }), deadline.signal).then((answer) => {
      end();
      if (!this.#isStopped && validators === this.#validators) this.#answered(peer, answer, claim);
    }, end);
  }

  /** The claim that is held of the asker's key: this one, if it knows the last. Undefined: it is no claim. */
  note(from: number, claim: Claim): Uint8Array | undefined {
    const { store, chainId, check, loop } = this.#parts;
    const key = this.#validators[from]?.voteKey;
    if (key === undefined || !check(claimMessage(chainId, claim), claim.signature, key)) return undefined;
    const held = readClaim(store.claim(key));
    if (held !== undefined && (!knows(claim, held) || held.start === claim.start)) return encodeAs(claimSchema, held);
    if (!this.#mayNote(from, loop.monotonicMs())) return undefined;
    const encoded = encodeAs(claimSchema, claim);
    store.putClaim(key, encoded);
    return encoded;
  }

  #mayNote(from: number, now: number): boolean {
    const window = this.#noted.get(from);
    if (window === undefined || now - window.since > notesWindowMs) this.#noted.set(from, { since: now, count: 1 });
    else if (window.count >= notesMax) return false;
    else window.count += 1;
    return true;
  }

  /** Whatever a peer shows counts only under this key's own signature: nobody else can silence a validator. */
  #answered(peer: number, answer: Uint8Array, own: Claim): void {
    const { store, chainId, check } = this.#parts;
    const key = this.#validators[this.#self]?.voteKey;
    const held = readClaim(answer);
    if (held === undefined || key === undefined || !check(claimMessage(chainId, held), held.signature, key)) return;
    if (hasBeenThrough(store, key, own, held)) {
      // An older one of ours: it has not taken this one yet, or cannot see that we know that one.
      if (held.start < own.start) return this.#name(held, peer, own, key);
      if (this.#known.has(peer)) return;
      this.#known.add(peer);
      return this.#parts.onKnown(peer);
    }
    // [R5]
    this.#parts.onRewound(
      `${this.#validators[peer]?.id ?? `validator ${peer}`} knows another run of this key, with start number ` +
        `${held.start} (here ${own.start}): this folder is an older copy, or the key runs in two places`,
    );
  }

  /** The next claim to this peer names the start that it holds. Not at once: a liar's answers may be without an end. */
  #name(held: Claim, peer: number, own: Claim, key: Uint8Array): void {
    const [session] = held.sessions;
    if (session === undefined || knows(own, held)) return;
    const { start, sessions } = own;
    this.#naming.set(peer, this.#signed({ start, sessions, earlier: { start: held.start, session } }, key));
  }
}
