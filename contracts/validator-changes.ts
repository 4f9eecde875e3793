// How the validator set changes: what one block may do to it, and the set that comes of it. A joiner is registered as a
// learner with all its keys, follows the chain, and is then made a validator; a learner under the id of a validator is
// that one's next keys. What is held here is counted over a whole block, however many proposals are enacted in it.
import { equalBytes, toHex } from '../node/ledger/hash.ts';
import { validatorsMax, validatorsMin } from '../node/ledger/limits.ts';
import { quorumOf, type Validator, type ValidatorSet } from '../node/ledger/validators.ts';
import {
  type Change,
  countRecords,
  type Epoch,
  epochNumbered,
  latestEpoch,
  learnerRecords,
  learnersMax,
  validatorKeyRecords,
} from './consortium-state.ts';
import type { StateReader, StateWriter } from './contract.ts';

export const validatorCodes = [
  'NOVAL',
  'DUPVAL',
  'NOLEARN',
  'DUPLEARN',
  'MAXLEARN',
  'MAXVAL',
  'MINVAL',
  'CHGMAX',
] as const;
export type ValidatorCode = (typeof validatorCodes)[number];

export type ValidatorChange = Extract<
  Change,
  { kind: 'add-learner' | 'remove-learner' | 'add-validator' | 'rotate-validator-keys' | 'remove-validator' }
>;

export const keysOf = ({ voteKey, auditKey, networkKey }: Validator): readonly Uint8Array[] => [
  voteKey,
  auditKey,
  networkKey,
];

/** The set as it would be after further changes in the block of `height`. */
export class SetDraft {
  readonly #state: StateReader;
  readonly #height: number;
  readonly #number: number;
  /** In force in this block. */
  readonly #base: ValidatorSet;
  #next: ValidatorSet;
  /** Who differs between the two. No change can be taken back within a block, so each adds one. */
  readonly #changed: Set<string>;
  #isChanged = false;
  /** Of this draft: undefined for one that was taken away. */
  readonly #learners = new Map<string, Validator | undefined>();
  #learnerCount: number;

  constructor(state: StateReader, height: number) {
    const latest = latestEpoch(state);
    const hasChanged = latest !== undefined && latest.from > height;
    const base = hasChanged ? epochNumbered(state, latest.number - 1) : latest;
    this.#state = state;
    this.#height = height;
    this.#number = (base?.number ?? 0) + 1;
    this.#base = base?.validators ?? [];
    this.#next = latest?.validators ?? [];
    this.#changed = hasChanged ? changedBetween(this.#base, this.#next) : new Set();
    this.#learnerCount = state.read(countRecords, 'learners') ?? 0;
  }

  /** The epoch that follows, if these changes make one. */
  get nextEpoch(): Epoch | undefined {
    if (!this.#isChanged) return undefined;
    return { number: this.#number, from: this.#height + 1, validators: this.#next };
  }

  /** Takes a change whose member and keys were looked at, or says what stands against it. */
  add(change: ValidatorChange): ValidatorCode | undefined {
    const { id } = change;
    const sitting = this.#next.find((each) => each.id === id);
    const former = this.#base.find((each) => each.id === id);
    const learner = this.#learner(id);
    switch (change.kind) {
      case 'add-learner':
        if (sitting !== undefined && sitting.member !== change.member) return 'DUPVAL';
        if (learner !== undefined) return 'DUPLEARN';
        if (this.#learnerCount >= learnersMax) return 'MAXLEARN';
        this.#learners.set(id, withoutKind(change));
        this.#learnerCount += 1;
        return undefined;
      case 'remove-learner':
        if (learner === undefined) return 'NOLEARN';
        this.#dropLearner(id);
        return undefined;
      case 'add-validator':
        if (sitting !== undefined || former !== undefined) return 'DUPVAL';
        if (learner === undefined) return 'NOLEARN';
        if (this.#next.length >= validatorsMax) return 'MAXVAL';
        this.#dropLearner(id);
        return this.#change(id, [...this.#next, learner]);
      case 'rotate-validator-keys':
        if (sitting === undefined) return 'NOVAL';
        if (learner === undefined || learner.member !== sitting.member) return 'NOLEARN';
        if (!isSame(former, sitting)) return 'CHGMAX';
        this.#dropLearner(id);
        return this.#change(
          id,
          this.#next.map((each) => (each.id === id ? learner : each)),
        );
      case 'remove-validator':
        if (sitting === undefined) return 'NOVAL';
        if (this.#next.length <= validatorsMin) return 'MINVAL';
        if (!isSame(former, sitting)) return 'CHGMAX';
        return this.#change(
          id,
          this.#next.filter((each) => each.id !== id),
        );
    }
  }

  // [E2]
  #change(id: string, next: ValidatorSet): ValidatorCode | undefined {
    if (this.#changed.size + 1 > quorumOf(this.#base.length).faulty) return 'CHGMAX';
    this.#changed.add(id);
    this.#next = next;
    this.#isChanged = true;
    return undefined;
  }

  #learner(id: string): Validator | undefined {
    return this.#learners.has(id) ? this.#learners.get(id) : this.#state.read(learnerRecords, id);
  }

  #dropLearner(id: string): void {
    this.#learners.set(id, undefined);
    this.#learnerCount -= 1;
  }
}

/** What an enacted change writes at once; the set itself comes with its own event. */
export function enactValidatorChange(state: StateWriter, change: ValidatorChange): void {
  const count = state.read(countRecords, 'learners') ?? 0;
  switch (change.kind) {
    case 'add-learner': {
      const learner = withoutKind(change);
      state.write(learnerRecords, change.id, learner);
      for (const key of keysOf(learner)) state.write(validatorKeyRecords, toHex(key), change.id);
      state.write(countRecords, 'learners', count + 1);
      return;
    }
    case 'remove-validator':
      return;
    default:
      state.remove(learnerRecords, change.id);
      state.write(countRecords, 'learners', count - 1);
  }
}

function withoutKind({ kind: _, ...learner }: Extract<Change, { kind: 'add-learner' }>): Validator {
  return learner;
}

/** Compares by id: one officer may propose hundreds of such changes in each block, of a hundred validators. */
function changedBetween(base: ValidatorSet, next: ValidatorSet): Set<string> {
  const [former, later] = [base, next].map((set) => new Map(set.map((each) => [each.id, each])));
  const ids = [...base, ...next].map(({ id }) => id);
  return new Set(ids.filter((id) => !isSame(former?.get(id), later?.get(id))));
}

/** No key is ever registered twice, so the vote key names a validator with its keys. */
function isSame(a: Validator | undefined, b: Validator | undefined): boolean {
  return a !== undefined && b !== undefined && equalBytes(a.voteKey, b.voteKey);
}
