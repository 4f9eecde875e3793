// [E8] Tells the operator of a validator that was removed when it may be stopped: once for each removal, and nobody who
// never had a vote.
import type { Epoch } from '../contracts/consortium-state.ts';
import type { ValidatorSet } from './ledger/validators.ts';

export interface ReleaseParts {
  /** All that the log names. */
  epochs(): readonly Epoch[];
  /** Whether one of these is this node. */
  isIn(validators: ValidatorSet): boolean;
  tell(text: string): void;
}

export class Release {
  readonly #parts: ReleaseParts;
  #isOver = false;

  constructor(parts: ReleaseParts) {
    this.#parts = parts;
  }

  /** `isSettled`: a quorum of those who vote now has what this node has. */
  tick(isSettled: boolean, hasVote: boolean): void {
    if (hasVote) this.#isOver = false;
    if (this.#isOver || hasVote || !isSettled) return;
    this.#isOver = true;
    const { epochs, isIn, tell } = this.#parts;
    if (epochs().some(({ validators }) => isIn(validators)))
      tell('this node was removed, and the validators have all that it has: it may be stopped');
  }
}
