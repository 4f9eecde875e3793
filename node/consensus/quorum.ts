// Counting over one epoch's validators: who is primary, how many are enough. The arithmetic itself is in
// ledger/validators.ts, because certificates need it too.
import { quorumOf } from '../ledger/validators.ts';

export class Electorate {
  readonly validators: number;
  readonly faulty: number;
  readonly quorum: number;

  constructor(validators: number) {
    const { faulty, size } = quorumOf(validators); // [Q1]
    this.validators = validators;
    this.faulty = faulty;
    this.quorum = size;
  }

  // [Q2]
  primaryOf(view: number): number {
    return view % this.validators;
  }

  /** [V10] The (f+1)-th highest of other validators' views: at least one honest validator asks for it or more. */
  joinable(views: readonly number[]): number | undefined {
    return [...views].sort((a, b) => b - a)[this.faulty];
  }
}
