// The votes of the height that is open, and messages that came too early. Bounded by the number of validators [P6, L1].
import type { Signer } from '../ledger/certificate.ts';
import type { Digest } from '../ledger/hash.ts';
import type { Verified } from './events.ts';
import type { PrePrepare, Vote } from './messages.ts';

type Early = Verified<PrePrepare | Vote>;

export class Votes {
  /** Of the current view: the first of each sender stands. */
  readonly #prepares = new Map<number, Vote>();
  /** Of the next height, any view: the highest of each sender. */
  readonly #commits = new Map<number, Vote>();
  readonly #early = new Map<string, Early>();

  addPrepare(vote: Vote): void {
    if (!this.#prepares.has(vote.validator)) this.#prepares.set(vote.validator, vote);
  }

  addCommit(vote: Vote): void {
    const known = this.#commits.get(vote.validator);
    if (known === undefined || known.view < vote.view) this.#commits.set(vote.validator, vote);
  }

  /** Prepares for a digest by others than the primary, ascending. */
  preparesFor(digest: Digest, primary: number): Signer[] {
    return signersOf([...this.#prepares.values()].filter((v) => v.digest === digest && v.validator !== primary));
  }

  /** Commits for what this vote is for, ascending. */
  commitsLike(vote: Vote): Signer[] {
    return signersOf([...this.#commits.values()].filter((v) => v.digest === vote.digest && v.view === vote.view));
  }

  /** Whether this validator's Commit is for what this vote is for. */
  hasCommit(validator: number, { digest, view }: Vote): boolean {
    const own = this.#commits.get(validator);
    return own?.digest === digest && own.view === view;
  }

  keepEarly(message: Early): void {
    const place = `${message.validator}/${message.type}`;
    const known = this.#early.get(place);
    const isLater =
      known === undefined ||
      message.height > known.height ||
      (message.height === known.height && message.view > known.view);
    if (isLater) this.#early.set(place, message);
  }

  /** All that came early, PrePrepares first; it is theirs to come back if it is still early. */
  takeEarly(): Early[] {
    const all = [...this.#early.values()];
    this.#early.clear();
    const rank = { 'pre-prepare': 0, prepare: 1, commit: 2 };
    return all.sort((a, b) => rank[a.type] - rank[b.type] || a.validator - b.validator);
  }

  enterView(): void {
    this.#prepares.clear();
  }

  enterHeight(): void {
    this.#prepares.clear();
    this.#commits.clear();
  }
}

function signersOf(votes: readonly Vote[]): Signer[] {
  return votes.map(({ validator, signature }) => ({ validator, signature })).sort((a, b) => a.validator - b.validator);
}
