// What a recorded validator says of itself between its disk calls, and what must therefore be on its disk after a crash
// at any place of the record.
import type { Heard } from '../../../node/consensus/messages.ts';
import type { VoteKind } from '../../../node/ledger/vote.ts';

/** The validator that is recorded: a backup of view 0 and the primary of view 1. */
export const recorded = 1;

/** What the store holds after a write. */
export interface Kept {
  readonly height: number;
  readonly digest: string;
  /** Hex of the vote record. */
  readonly vote: string;
}

export type Signed = Omit<Heard, 'signature' | 'validator'> & { readonly kind: VoteKind };

export type Mark =
  | { readonly mark: 'begin'; readonly kept: Kept }
  | { readonly mark: 'done' }
  | { readonly mark: 'sent'; readonly signed: Signed }
  /** A client was told the outcome. */
  | { readonly mark: 'told'; readonly transaction: string; readonly index: number };

/** What the disk must show after a crash. */
export interface Expectation {
  /** Undefined until the store's creation was over: then it may be refused. */
  readonly done: Kept | undefined;
  /** A write that had begun: all of it or nothing. */
  readonly begun: Kept | undefined;
  readonly sent: readonly Signed[];
  readonly told: readonly { readonly transaction: string; readonly index: number }[];
}

export class Story {
  #done: Kept | undefined;
  #begun: Kept | undefined;
  readonly #sent = new Map<string, Signed>();
  readonly #told: { readonly transaction: string; readonly index: number }[] = [];

  add(mark: Mark): void {
    switch (mark.mark) {
      case 'begin':
        this.#begun = mark.kept;
        return;
      case 'done':
        this.#done = this.#begun;
        this.#begun = undefined;
        return;
      case 'sent': {
        const { kind, epoch, view, height } = mark.signed;
        this.#sent.set(`${kind} ${epoch} ${view} ${height}`, mark.signed);
        return;
      }
      case 'told':
        this.#told.push({ transaction: mark.transaction, index: mark.index });
    }
  }

  now(): Expectation {
    return { done: this.#done, begun: this.#begun, sent: [...this.#sent.values()], told: [...this.#told] };
  }
}
