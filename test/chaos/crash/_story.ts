// What a recorded validator says of itself between its disk calls, and what must therefore be on its disk after a crash
// at any place of the record.
import type { Heard } from '../../../node/consensus/messages.ts';
import type { CosignedHead } from '../../../node/ledger/cosignature.ts';
import { toHex } from '../../../node/ledger/hash.ts';
import type { VoteKind } from '../../../node/ledger/vote.ts';
import type { Store } from '../../../node/store/store.ts';

/** The validator that is recorded: a backup of view 0 and the primary of view 1. */
export const recorded = 1;

/** What the store holds after a write. */
export interface Kept {
  readonly height: number;
  readonly digest: string;
  /** Hex of the vote record. */
  readonly vote: string;
  /** The last cosignature, in words; empty before the first. */
  readonly cosigned: string;
}

export function keptNow(store: Store): Kept {
  const { height, digest } = store.head();
  const cosigned = store.cosigned();
  return {
    height,
    digest,
    vote: toHex(store.voteRecord() ?? new Uint8Array(0)),
    cosigned: cosigned === undefined ? '' : inWords(cosigned),
  };
}

export function inWords({ size, root, time, signature }: CosignedHead): string {
  return `${size} ${root} ${time} ${toHex(signature)}`;
}

export type Signed = Omit<Heard, 'signature' | 'validator'> & { readonly kind: VoteKind };

export type Mark =
  | { readonly mark: 'begin'; readonly kept: Kept }
  | { readonly mark: 'done' }
  | { readonly mark: 'sent'; readonly signed: Signed }
  | { readonly mark: 'cosigned'; readonly size: number; readonly words: string }
  /** A client was told the outcome. */
  | { readonly mark: 'told'; readonly transaction: string; readonly index: number };

/** What the disk must show after a crash. */
export interface Expectation {
  /** Undefined until the store's creation was over: then it may be refused. */
  readonly done: Kept | undefined;
  /** A write that had begun: all of it or nothing. */
  readonly begun: Kept | undefined;
  readonly sent: readonly Signed[];
  /** Cosignatures that left, by size. */
  readonly cosigned: readonly (readonly [size: number, words: string])[];
  readonly told: readonly { readonly transaction: string; readonly index: number }[];
}

export class Story {
  #done: Kept | undefined;
  #begun: Kept | undefined;
  readonly #sent = new Map<string, Signed>();
  readonly #cosigned = new Map<number, string>();
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
      case 'cosigned':
        this.#cosigned.set(mark.size, mark.words);
        return;
      case 'told':
        this.#told.push({ transaction: mark.transaction, index: mark.index });
    }
  }

  now(): Expectation {
    const [sent, cosigned] = [[...this.#sent.values()], [...this.#cosigned]];
    return { done: this.#done, begun: this.#begun, sent, cosigned, told: [...this.#told] };
  }
}
