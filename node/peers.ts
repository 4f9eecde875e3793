// Which peers the transport admits, and which validator each of them is in the epoch in force. A peer is a network key
// with a number of this node's own, given once; a validator's index changes with the set, and its key may, too.
import type { Electors } from './execution/validator-sets.ts';
import { toHex } from './ledger/hash.ts';
import type { Validator } from './ledger/validators.ts';
import type { AdmittedPeer, Transport } from './network/transport.ts';

export class Peers {
  readonly #transport: Transport;
  readonly #isOwn: (validator: Validator) => boolean;
  readonly #numbers = new Map<string, number>();
  readonly #ids = new Map<number, string>();
  /** By index: the peers that speak for a validator, its present key's first. */
  #voters: readonly (readonly number[])[] = [];
  #indexes = new Map<number, number>();
  #followers: readonly number[] = [];
  /** Numbers in the epoch before, under whatever key it speaks by now. */
  #former = new Map<number, number>();
  /** First heights of the epoch before and of that in force. */
  #from: readonly [number, number] = [0, 0];

  constructor(transport: Transport, isOwn: (validator: Validator) => boolean) {
    this.#transport = transport;
    this.#isOwn = isOwn;
  }

  enter({ current, previous, learners }: Electors, hints: ReadonlyMap<string, Uint8Array> = new Map()): void {
    const admitted = new Map<number, AdmittedPeer>();
    const admit = (validator: Validator, isVoter: boolean): number[] => {
      const { id, networkKey } = validator;
      const peer = this.#numberOf(networkKey);
      this.#ids.set(peer, id);
      if (this.#isOwn(validator)) return [];
      if (!admitted.has(peer)) admitted.set(peer, { peer, validator: id, networkKey, isVoter });
      return [peer];
    };
    const present = current.validators.map((each) => admit(each, true));
    const former = new Map((previous?.validators ?? []).map((each) => [each.id, each]));
    // A re-keyed validator may still be connected under the key that it had.
    this.#voters = current.validators.map((validator, index) => {
      const { id } = validator;
      const hint = hints.get(id);
      const before = former.get(id);
      former.delete(id);
      const peers = [
        ...(present[index] ?? []),
        ...(before === undefined ? [] : admit(before, true)),
        ...(hint === undefined ? [] : admit({ ...validator, networkKey: hint }, true)),
      ];
      return [...new Set(peers)];
    });
    this.#followers = [...former.values(), ...learners].flatMap((each) => admit(each, false));
    this.#indexes = new Map(this.#voters.flatMap((peers, index) => peers.map((peer) => [peer, index] as const)));
    const before = (previous?.validators ?? []).flatMap(({ id, networkKey }, index) => {
      const now = this.#voters[current.validators.findIndex((each) => each.id === id)] ?? [];
      return [this.#numberOf(networkKey), ...now].map((peer) => [peer, index] as const);
    });
    this.#former = new Map(before);
    this.#from = [previous?.from ?? 0, current.from];
    this.#transport.admit([...admitted.values()]);
  }

  /** Of the validator or learner whose key it has or had; people know it by that. */
  idOf(peer: number): string {
    return this.#ids.get(peer) ?? `peer ${peer}`;
  }

  /** The validator's index in the epoch in force; undefined for who has no vote in it. */
  indexOf(peer: number): number | undefined {
    return this.#indexes.get(peer);
  }

  /** Whether it is the validator of this number at this height, in the epoch in force or in the one before. */
  speaksFor(peer: number, validator: number, height: number): boolean {
    const [former, present] = this.#from;
    const numbers = height >= present ? this.#indexes : height >= former ? this.#former : undefined;
    return numbers?.get(peer) === validator;
  }

  /** [E8] Who has or had a vote: one that was removed may not know, and clients wait for what they gave it. */
  mayPassOn(peer: number): boolean {
    return this.#indexes.has(peer) || this.#former.has(peer);
  }

  /** All who may have a block. */
  get voters(): number[] {
    return this.#voters.flat();
  }

  /** The peer to talk to for a validator: one that is connected, if any is. */
  peerOf(index: number): number | undefined {
    const peers = this.#voters[index] ?? [];
    if (peers.length < 2) return peers[0];
    const connected = this.#transport.peers();
    return peers.find((peer) => connected.includes(peer)) ?? peers[0];
  }

  /** [E8] Learners, and validators of the epoch before. */
  get followers(): readonly number[] {
    return this.#followers;
  }

  /** Indexes of the validators that are connected. */
  connected(): number[] {
    const indexes = this.#transport.peers().map((peer) => this.#indexes.get(peer));
    return [...new Set(indexes)].filter((index) => index !== undefined).sort((a, b) => a - b);
  }

  #numberOf(networkKey: Uint8Array): number {
    const key = toHex(networkKey);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(key, number);
    }
    return number;
  }
}
