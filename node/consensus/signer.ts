// The only holder of the vote key. It remembers the highest position it signed and refuses what would contradict it, so
// that no bug above it can make this validator lie [D5].
import { assert } from '../ledger/assert.ts';
import type { Digest } from '../ledger/hash.ts';
import { type VoteKind, type VotePosition, voteMessage } from '../ledger/vote.ts';
import { positionOf } from './messages.ts';
import type { VoteRecord } from './record.ts';

interface Signed {
  readonly view: number;
  readonly height: number;
  readonly digest: Digest;
}

export class VoteSigner {
  readonly #chainId: Uint8Array;
  readonly #epoch: number;
  readonly #sign: (message: Uint8Array, epoch: number) => Uint8Array;
  readonly #last = new Map<VoteKind, Signed>();
  #view: number;

  /** `sign` is Ed25519 with the vote key: deterministic. `record` is what this key has signed so far. */
  constructor(chainId: Uint8Array, record: VoteRecord, sign: (message: Uint8Array, epoch: number) => Uint8Array) {
    this.#chainId = chainId;
    this.#epoch = record.epoch;
    this.#view = record.view;
    this.#sign = sign;
    const { accepted, height } = record;
    if (record.prepare !== undefined) this.#last.set('prepare', record.prepare);
    else if (accepted !== undefined) this.#last.set('pre-prepare', { ...accepted, height });
    if (record.commit !== undefined) this.#last.set('commit', record.commit);
    if (record.viewChange !== undefined) this.#last.set('view-change', positionOf(record.viewChange));
    if (record.newView !== undefined) this.#last.set('new-view', positionOf(record.newView));
  }

  sign(kind: VoteKind, position: VotePosition): Uint8Array {
    assert(position.epoch === this.#epoch, 'a vote is of this epoch');
    assert(position.view >= this.#view, 'no vote below the highest view signed in');
    const last = this.#last.get(kind);
    if (last !== undefined && last.view === position.view) {
      const once = kind === 'view-change' || kind === 'new-view';
      assert(once ? last.digest === position.digest : last.height <= position.height, `a ${kind} goes forward`);
      assert(last.height !== position.height || last.digest === position.digest, `one ${kind} a view and height`);
    }
    this.#view = position.view;
    this.#last.set(kind, position);
    return this.#sign(voteMessage(kind, this.#chainId, position), this.#epoch);
  }
}
