// Watches every honest validator of a cluster over all its lives and throws at the first thing that must never happen:
// two digests at one height, a contradiction under one key, something signed that left before its record was durable.
import { type Message, positionOf, type Vote } from '../../node/consensus/messages.ts';
import type { VoteRecord } from '../../node/consensus/record.ts';
import { assert } from '../../node/ledger/assert.ts';
import { type CommitCertificate, certificateProblem } from '../../node/ledger/certificate.ts';
import { contradict, type Place } from '../../node/ledger/evidence.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import { quorumOf } from '../../node/ledger/validators.ts';
import { type Jurisdiction, preparedProblem } from '../../node/network/message-checks.ts';
import { genesis, nameOf, readHeader, sameBytes } from './_chain.ts';
import type { Durable } from './_station.ts';
import { signedPart } from './_words.ts';

export class Witness {
  readonly #under: Jurisdiction;
  readonly #quorum: number;
  readonly #chain = new Map<number, Digest>([[0, genesis.digest]]);
  readonly #signed = new Map<string, { digest: string; signature: Uint8Array }>();
  readonly #views = new Map<number, number>();
  readonly #places = new Map<number, Map<string, Place>>();

  constructor(under: Jurisdiction) {
    this.#under = under;
    this.#quorum = quorumOf(under.validators.length).size;
  }

  get height(): number {
    return this.#chain.size - 1;
  }

  digestAt(height: number): Digest | undefined {
    return this.#chain.get(height);
  }

  /** An honest validator is about to send this, and `durable` is what would survive if it stopped now. */
  leaves(validator: number, message: Message, durable: Durable): void {
    if (message.type === 'status' || message.type === 'committed') return;
    const what = `validator ${validator}'s ${message.type} of view ${message.view}`;
    assert(message.type === 'new-view' || message.validator === validator, `${what} is its own`);
    assert(this.#isDurable(message, durable), `${what} is durable before it is sent`);
    if (message.validator !== validator) return;
    const { kind, place, view, digest, signature } = signedPart(message);
    const key = `${validator} ${kind} ${place}`;
    const known = this.#signed.get(key);
    assert(known === undefined || known.digest === digest, `${what}: one digest under ${key}`);
    assert(known === undefined || sameBytes(known.signature, signature), `${what}: the same bytes under ${key}`);
    this.#signed.set(key, { digest, signature });
    this.#agrees(validator, { kind, ...positionOf(message) }, what);
    assert(view >= (this.#views.get(validator) ?? 0), `${what} comes after a later view`);
    this.#views.set(validator, view);
  }

  /** [A1] With all that it has signed in all its lives. */
  #agrees(validator: number, place: Place, what: string): void {
    const places = this.#places.get(validator) ?? new Map<string, Place>();
    this.#places.set(validator, places);
    const key = `${place.kind} ${place.view} ${place.height} ${place.digest}`;
    if (places.has(key)) return;
    for (const each of places.values()) assert(!contradict(each, place), `${what} contradicts its own ${each.kind}`);
    places.set(key, place);
  }

  /** [D1-D3] */
  #isDurable(message: Exclude<Message, { type: 'status' | 'committed' }>, { record, bodies }: Durable): boolean {
    if (record.view !== message.view) return false;
    const isSame = (stored: { signature: Uint8Array } | undefined) => sameBytes(stored?.signature, message.signature);
    switch (message.type) {
      case 'pre-prepare':
        return isSame(record.accepted) && record.accepted?.digest === message.digest && bodies.has(message.digest);
      case 'prepare':
        return isSame(record.prepare) && bodies.has(message.digest);
      case 'commit':
        return isSame(record.commit) && this.#isPrepared(record, message) && bodies.has(message.digest);
      case 'view-change':
        return isSame(record.viewChange) && record.mode === 'changing';
      case 'new-view':
        return isSame(record.newView) && record.mode === 'normal';
    }
  }

  #isPrepared({ prepared }: VoteRecord, vote: Vote): boolean {
    if (prepared === undefined || preparedProblem(prepared, this.#under) !== undefined) return false;
    return prepared.view === vote.view && prepared.height === vote.height && prepared.digest === vote.digest;
  }

  /** An honest validator has made this block durable, with `record` beside it. */
  commits(validator: number, certificate: CommitCertificate, durable: Durable): void {
    const { height, digest, signers } = certificate;
    const what = `validator ${validator} at height ${height}`;
    assert(
      certificateProblem(certificate, this.#under.chainId, this.#under.validators, this.#under.check) === undefined,
      what,
    );
    assert(signers.length === this.#quorum, `${what}: exactly a quorum`);
    const known = this.#chain.get(height);
    assert(
      known === undefined || known === digest,
      `${what}: ${nameOf(digest)}, but others have ${nameOf(known ?? digest)}`,
    );
    assert(known !== undefined || height === this.#chain.size, `${what}: heights follow each other`);
    this.#chain.set(height, digest);
    const { record, chain, bodies } = durable;
    const header = chain.at(-1)?.block;
    assert(header !== undefined && chain.length === height, `${what}: no height is left out`);
    assert(readHeader(header).parent === this.#chain.get(height - 1), `${what}: its parent is the block before`);
    assert(record.height === height + 1, `${what}: the record moves with the block`); // [D4]
    assert(record.accepted === undefined && record.prepared === undefined, `${what}: the record starts anew`);
    assert(bodies.size === 0, `${what}: no body outlives its height`);
  }
}
