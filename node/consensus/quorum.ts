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

  /** [V10] The (f+1)-th highest of what other validators say: at least one honest validator says so much or more. */
  attested(values: readonly number[]): number | undefined {
    return [...values].sort((a, b) => b - a)[this.faulty];
  }
}
