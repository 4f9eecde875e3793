// Who this node is among the validators, epoch by epoch: its seat, the keys it signs with, and whom its transport
// admits.
import type { Epoch } from '../contracts/consortium-state.ts';
import type { TimerConfig } from './config.ts';
import type { NextEpoch } from './consensus/events.ts';
import type { EventLoop } from './event-loop.ts';
import { electorsOf, isSpent } from './execution/validator-sets.ts';
import { type HeldKeys, KeyTurns } from './key-turns.ts';
import { assert } from './ledger/assert.ts';
import { type Digest, digestBytes, equalBytes, toHex } from './ledger/hash.ts';
import { quorumOf, type Validator, type ValidatorSet } from './ledger/validators.ts';
import type { MessageReader } from './network/inbound.ts';
import type { Transport } from './network/transport.ts';
import { Peers } from './peers.ts';
import { Seat, type SeatParts } from './seat.ts';
import type { Store } from './store/store.ts';

/** No peer has it: who asks such a one gets no answer. */
const noPeer = -1;

export interface MembershipParts {
  readonly store: Store;
  readonly transport: Transport;
  readonly chainId: Digest;
  /** Id of this validator. */
  readonly validator: string;
  /** Ed25519 with the vote key that it has now; that of a later epoch may be another. */
  readonly sign: (message: Uint8Array, voteKey: Uint8Array) => Uint8Array;
  /** Whether it holds the seed of a vote key that stands under its id; without it, it always does. */
  readonly holds?: (voteKey: Uint8Array) => boolean;
  /** Told at the start and when it is re-keyed: others know it by this network key from now on. */
  readonly onKeys?: (own: Pick<Validator, 'voteKey' | 'networkKey'>) => void;
  /** All keys that it holds, those of no epoch known here among them: others may know it by these alone [E8]. */
  readonly heldKeys?: () => readonly Pick<Validator, 'voteKey' | 'networkKey'>[];
  /** Network keys by id, as the operator knows them: for who missed so much that all keys it knew are gone. */
  readonly peerKeys?: () => ReadonlyMap<string, Uint8Array>;
  /** Kept over several lives in one process. */
  readonly peers?: Peers;
  readonly timers: TimerConfig;
  readonly loop: EventLoop;
  readonly log: (level: 'info' | 'warn' | 'error', text: string, facts?: object) => void;
  /** Shared by validators of one process, which then do once what is the same for all of them. */
  readonly reader?: MessageReader | undefined;
}

type OwnKeys = Pick<Validator, 'voteKey' | 'networkKey'>;

interface Keys {
  readonly named: readonly OwnKeys[];
  readonly others: readonly OwnKeys[];
}

export class Membership {
  readonly peers: Peers;
  readonly #parts: MembershipParts;
  readonly #position: SeatParts['position'];
  #seat: Seat;
  /** What it was in the epoch before, if it was a validator. */
  #former: Validator | undefined;
  readonly #turns: KeyTurns;
  #isSettled = false;

  constructor(parts: MembershipParts, epoch: Epoch, position: SeatParts['position']) {
    this.#parts = parts;
    this.#turns = new KeyTurns(parts.validator);
    this.#position = position;
    this.peers = parts.peers ?? new Peers(parts.transport, (validator) => this.#isOwn(validator));
    this.#seat = this.#seatOf(epoch);
    this.#admit();
  }

  /** In the epoch of the next block. */
  get seat(): Seat {
    return this.#seat;
  }

  get epoch(): Epoch {
    return this.#seat.epoch;
  }

  /** Whether one of these is this node, under a key that it holds. */
  isIn(validators: ValidatorSet): boolean {
    return validators.some((each) => this.#isOwn(each));
  }

  sign(message: Uint8Array, epoch: number): Uint8Array {
    const own = this.#seat.epoch.validators[this.#seat.self];
    assert(own !== undefined && this.#seat.epoch.number === epoch, 'only a validator of the epoch signs in it');
    return this.#parts.sign(message, own.voteKey);
  }

  // [E1]
  placeIn(next: Epoch): NextEpoch {
    const self = next.validators.findIndex((each) => this.#isOwn(each));
    const key = next.validators[self]?.voteKey;
    const rekeyed = !this.#seat.epoch.validators.some((each) => key !== undefined && equalBytes(each.voteKey, key));
    return { validators: next.validators.length, self, rekeyed };
  }

  /** A block that is committed now has changed who votes or who may follow. */
  changed(epoch: Epoch): void {
    if (epoch.number !== this.#seat.epoch.number) {
      const former = this.#seat;
      this.#seat = this.#seatOf(epoch);
      this.#isSettled = false;
      this.#turns.renew();
      const facts = { epoch: epoch.number, from: epoch.from, validators: epoch.validators.map(({ id }) => id) };
      this.#parts.log('info', 'the validator set has changed', facts);
      if (former.self >= 0 && this.#seat.self < 0)
        this.#parts.log('warn', 'this node has no vote any more: it was removed, or its key is not the one registered');
    }
    this.#admit();
  }

  #isOwn({ id, voteKey }: Validator): boolean {
    return id === this.#parts.validator && (this.#parts.holds?.(voteKey) ?? true);
  }

  #seatOf(epoch: Epoch): Seat {
    const { store, chainId, transport, reader, timers, loop } = this.#parts;
    const base = { height: epoch.from - 1, digest: store.block(epoch.from - 1)?.digest ?? chainId };
    return new Seat({
      epoch,
      isOwn: (validator) => this.#isOwn(validator),
      base,
      chainId: digestBytes(chainId),
      transport: {
        request: (index, bytes, signal) => transport.request(this.peers.peerOf(index) ?? noPeer, bytes, signal),
      },
      syncTimeoutMs: timers.syncTimeoutMs,
      after: loop.after,
      monotonicMs: loop.monotonicMs,
      position: this.#position,
      reader,
    });
  }

  #admit(): void {
    const electors = electorsOf(this.#parts.store);
    this.peers.enter(electors, this.#parts.peerKeys?.());
    this.#former = electors.previous?.validators.find((each) => this.#isOwn(each));
    this.#speak();
  }

  /**
   * Who has not come to this epoch yet knows the former network key alone, and may have the blocks from nobody else;
   * who is in a later one already admits the present key alone; who was added again is known by a key of no epoch here.
   * Until a quorum is heard, it is each in turn. Who is settled without a vote stays under the key that served [E8].
   */
  #speak(): void {
    const own = this.#seat.epoch.validators[this.#seat.self];
    if (this.#isSettled) {
      if (own === undefined) return;
      this.#turns.settle(toHex(own.voteKey));
      return this.#parts.onKeys?.(own);
    }
    const keys = this.#heldKeys();
    const key = this.#turns.keyOf(keysIn(keys));
    const speaks = [...keys.named, ...keys.others].find(({ voteKey }) => toHex(voteKey) === key);
    if (speaks !== undefined) this.#parts.onKeys?.(speaks);
  }

  #heldKeys(): Keys {
    const { store, heldKeys } = this.#parts;
    const own = this.#seat.epoch.validators[this.#seat.self];
    const isSame = this.#former && own && equalBytes(this.#former.voteKey, own.voteKey);
    const named = [isSame ? undefined : this.#former, own].filter((each) => each !== undefined);
    const isNamed = ({ voteKey }: OwnKeys) => named.some((each) => equalBytes(each.voteKey, voteKey));
    const others = (heldKeys?.() ?? []).filter((each) => !isNamed(each) && !isSpent(store, each.voteKey));
    return { named, others };
  }

  /**
   * Settled once a quorum has come to this epoch, and as long as a quorum is connected: a few that the others have left
   * behind together hear each other for ever. For who has no vote one is enough.
   */
  tick(isQuorumHere: boolean): void {
    const { validators } = this.#seat.epoch;
    const connected = () => this.peers.connected().length;
    const needed = this.#seat.self < 0 ? 1 : quorumOf(validators.length).size - 1;
    const isSettled = isQuorumHere && connected() >= needed;
    if (this.#isSettled && isSettled) return;
    this.#isSettled = isSettled;
    const isConnected = () => connected() > 0;
    if (isSettled) this.#speak();
    else if (this.#turns.tick(() => keysIn(this.#heldKeys()), validators.length, isConnected)) this.#speak();
  }
}

function keysIn({ named, others }: Keys): HeldKeys {
  return { named: named.map(({ voteKey }) => toHex(voteKey)), others: others.map(({ voteKey }) => toHex(voteKey)) };
}
