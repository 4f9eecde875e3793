// Collects cosignatures until a quorum makes a checkpoint stable [K3-K7]. Pure: it stores, sends and reports nothing
// itself. Signatures are verified when a quorum is within reach, and then only as many as it takes.
import type { SignatureCheck } from '../ledger/certificate.ts';
import type { TreeHead } from '../ledger/checkpoint.ts';
import {
  type CosignatureContradiction,
  type CosignedHead,
  isCosigned,
  type StableCheckpoint,
} from '../ledger/cosignature.ts';
import { quorumOf, type ValidatorSet } from '../ledger/validators.ts';
import type { CheckpointMessage } from './checkpoint-messages.ts';

/** [K4] Blocks behind the head whose cosignatures still count, and sizes beyond it that are kept of one sender. */
export const checkpointWindow = 64;

export interface CheckpointRules {
  readonly origin: string;
  /** [K3] Who is asked about a block; undefined where this validator cannot know it yet. */
  readonly validatorsOf: (height: number) => ValidatorSet | undefined;
  readonly check: SignatureCheck;
  /** [K3] Whether a sender is the validator of this number in the set of this height. */
  readonly speaksFor?: (from: number, validator: number, height: number) => boolean;
}

/** A block that is durable here. */
export interface Place extends TreeHead {
  readonly height: number;
}

interface Slot {
  readonly head: CosignedHead;
  isProven: boolean;
}

export interface CheckpointOutcome {
  readonly stable?: StableCheckpoint | undefined;
  readonly contradictions: readonly CosignatureContradiction[];
  /** What the sender lacks [K6]. */
  readonly answer?: StableCheckpoint | undefined;
  /** What no honest validator sends. */
  readonly refused?: string;
}

const rootsKept = 2;

export class CheckpointCollector {
  readonly #rules: CheckpointRules;
  readonly #places = new Map<number, Place>();
  readonly #stable = new Map<number, StableCheckpoint>();
  /** Size -> validator -> what it cosigned there: two roots at most. */
  readonly #slots = new Map<number, Map<number, Slot[]>>();
  /** Validator -> sizes beyond the head. */
  readonly #ahead = new Map<number, number[]>();
  /** Ids: a number is another validator's in another set. */
  readonly #accused = new Set<string>();
  readonly #answered = new Set<number>();
  #newest: Place;

  /** `head` is the last block in the store; `stable` the newest checkpoint there. */
  constructor(rules: CheckpointRules, head: Place, stable: StableCheckpoint | undefined) {
    this.#rules = rules;
    this.#newest = head;
    this.#places.set(head.size, head);
    if (stable?.size === head.size) this.#stable.set(head.size, stable);
  }

  isStable(size: number): boolean {
    return this.#stable.has(size);
  }

  /** The next block is durable here, under this validator's own cosignature, if it may give one. */
  durable(place: Place, own: CosignedHead | undefined): CheckpointOutcome {
    this.#newest = place;
    this.#places.set(place.size, place);
    this.#dropAhead(place.size);
    this.#dropRenumbered(place.height);
    for (const size of this.#places.keys()) {
      if (this.#places.size <= checkpointWindow) break;
      this.#places.delete(size);
      this.#stable.delete(size);
      this.#slots.delete(size);
    }
    const contradictions = own === undefined ? [] : this.#keep(own, true);
    return { stable: this.#tryStable(place.size), contradictions };
  }

  /** This validator's own word for its last block, restored or made late. */
  vouch(own: CosignedHead): CheckpointOutcome {
    const contradictions = this.#keep(own, true);
    return { stable: this.#tryStable(own.size), contradictions };
  }

  heard(from: number, message: CheckpointMessage): CheckpointOutcome {
    switch (message.type) {
      case 'stable':
        return this.#heardStable(message.checkpoint);
      case 'wanted':
        return { contradictions: [], answer: this.#answer(from, message.size) };
      case 'cosignature':
        return this.#heardOne(from, message);
    }
  }

  /** With each own status [K6]. */
  statusSent(): void {
    this.#answered.clear();
  }

  #heardOne(from: number, message: CheckpointMessage & { type: 'cosignature' }): CheckpointOutcome {
    const { cosigned, repeated } = message;
    const { size } = cosigned;
    const place = this.#places.get(size);
    const speaksFor = this.#rules.speaksFor ?? ((sender, validator) => sender === validator);
    // Of a block that is not here yet it may be right in a set that is not known here either.
    if (!speaksFor(from, cosigned.validator, place?.height ?? this.#newest.height + 1))
      return place === undefined ? { contradictions: [] } : refusal('a cosignature of another validator');
    const stable = this.#stable.get(size);
    const contradictions = this.#keep(cosigned, false);
    if (stable === undefined) return { stable: this.#tryStable(size), contradictions };
    return { contradictions, answer: repeated ? this.#answer(from, size) : undefined };
  }

  /** Once a sender between two own statuses [K6]. */
  #answer(from: number, size: number): StableCheckpoint | undefined {
    const stable = this.#stable.get(size);
    if (stable === undefined || this.#answered.has(from)) return undefined;
    this.#answered.add(from);
    return stable;
  }

  /** Others' words, brought by somebody: each is believed for its signature alone. */
  #heardStable({ height, size, root, cosignatures }: StableCheckpoint): CheckpointOutcome {
    const place = this.#places.get(size);
    if (place === undefined || this.#stable.has(size)) return { contradictions: [] };
    const set = this.#rules.validatorsOf(place.height);
    if (set === undefined) return { contradictions: [] };
    if (height !== place.height || cosignatures.length > set.length) return refusal('a checkpoint of another block');
    const contradictions: CosignatureContradiction[] = [];
    for (const each of cosignatures) {
      const head = { size, root, ...each };
      if (!isCosigned(this.#rules.origin, head, set, this.#rules.check))
        return { ...refusal('a checkpoint with a cosignature that does not verify'), contradictions };
      contradictions.push(...this.#keep(head, true));
    }
    return { stable: this.#tryStable(size), contradictions };
  }

  /** [K4] Answers with the contradiction that it completes [K7]. */
  #keep(head: CosignedHead, isProven: boolean): CosignatureContradiction[] {
    const { size, validator } = head;
    if (!this.#places.has(size) && !this.#mayWait(size, validator)) return [];
    const ofSize = this.#slots.get(size) ?? new Map<number, Slot[]>();
    const slots = ofSize.get(validator) ?? [];
    this.#slots.set(size, ofSize);
    ofSize.set(validator, slots);
    const known = slots.findIndex((slot) => slot.head.root === head.root);
    if (known >= 0) {
      if (isProven && slots[known]?.isProven === false) slots[known] = { head, isProven };
      return [];
    }
    if (slots.length >= rootsKept) {
      if (isProven && head.root === this.#places.get(size)?.root) slots[0] = { head, isProven };
      return [];
    }
    slots.push({ head, isProven });
    return slots.length === rootsKept ? this.#contradiction(size, validator, slots) : [];
  }

  #mayWait(size: number, validator: number): boolean {
    if (size <= this.#newest.size) return false; // too long ago, or no block ends there
    const sizes = this.#ahead.get(validator) ?? [];
    if (sizes.includes(size)) return true;
    if (sizes.length >= checkpointWindow) return false;
    this.#ahead.set(validator, [...sizes, size]);
    return true;
  }

  #dropAhead(head: number): void {
    for (const [validator, sizes] of this.#ahead) {
      for (const size of sizes) if (size < head) this.#empty(size, validator);
      const left = sizes.filter((size) => size > head);
      if (left.length === 0) this.#ahead.delete(validator);
      else this.#ahead.set(validator, left);
    }
  }

  /** [K3] Whose number is another validator's from the next block on has spoken for nobody there. */
  #dropRenumbered(height: number): void {
    const { validatorsOf } = this.#rules;
    const [before, after] = [validatorsOf(height), validatorsOf(height + 1)];
    if (before === after) return;
    for (const [validator, sizes] of this.#ahead) {
      if (before?.[validator]?.id === after?.[validator]?.id) continue;
      for (const size of sizes) this.#empty(size, validator);
      this.#ahead.delete(validator);
    }
  }

  #empty(size: number, validator: number): void {
    const ofSize = this.#slots.get(size);
    ofSize?.delete(validator);
    if (ofSize?.size === 0) this.#slots.delete(size);
  }

  // [K7]
  #contradiction(size: number, validator: number, slots: Slot[]): CosignatureContradiction[] {
    const height = this.#places.get(size)?.height ?? this.#newest.height + 1;
    const id = this.#rules.validatorsOf(height)?.[validator]?.id;
    if (id === undefined || this.#accused.has(id)) return [];
    const proven = slots.filter((slot) => this.#prove(slot, height));
    slots.splice(0, slots.length, ...proven);
    const [first, second] = proven;
    if (first === undefined || second === undefined) return [];
    this.#accused.add(id);
    return [{ first: first.head, second: second.head }];
  }

  #prove(slot: Slot, height: number): boolean {
    if (slot.isProven) return true;
    const { origin, validatorsOf, check } = this.#rules;
    const set = validatorsOf(height);
    slot.isProven = set !== undefined && isCosigned(origin, slot.head, set, check);
    return slot.isProven;
  }

  // [K5]
  #tryStable(size: number): StableCheckpoint | undefined {
    const place = this.#places.get(size);
    const set = place && this.#rules.validatorsOf(place.height);
    if (place === undefined || set === undefined || this.#stable.has(size)) return undefined;
    const quorum = quorumOf(set.length).size;
    const candidates = [...(this.#slots.get(size) ?? [])]
      .filter(([validator]) => validator < set.length)
      .flatMap(([, slots]) => slots.filter(({ head }) => head.root === place.root))
      .sort((a, b) => a.head.validator - b.head.validator);
    if (candidates.length < quorum) return undefined;
    const cosignatures = [];
    for (const slot of candidates) {
      if (cosignatures.length === quorum) break;
      const { validator, time, signature } = slot.head;
      if (this.#prove(slot, place.height)) cosignatures.push({ validator, time, signature });
      else this.#forget(slot);
    }
    if (cosignatures.length < quorum) return undefined;
    const stable = { height: place.height, size, root: place.root, cosignatures };
    this.#stable.set(size, stable);
    return stable;
  }

  #forget({ head }: Slot): void {
    const ofSize = this.#slots.get(head.size);
    const left = ofSize?.get(head.validator)?.filter((slot) => slot.head !== head) ?? [];
    if (left.length === 0) ofSize?.delete(head.validator);
    else ofSize?.set(head.validator, left);
  }
}

function refusal(refused: string): CheckpointOutcome {
  return { refused, contradictions: [] };
}
