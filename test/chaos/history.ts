// What clients did and were told, in the order in which it happened: the only thing, beside the exported log, that the
// checker knows. Times are milliseconds of one monotonic clock.

export interface Payment {
  readonly from: string;
  readonly to: string;
  /** Minor units, as decimal text, so that a record can be written as JSON. */
  readonly amount: string;
}

export type Operation =
  | {
      readonly kind: 'open';
      readonly account: string;
      readonly branch: string;
      /** Absent: no limit. */
      readonly overdraft?: string;
      readonly opening: string;
    }
  | ({ readonly kind: 'transfer' } & Payment)
  | { readonly kind: 'batch'; readonly lines: readonly (Payment & { readonly reference: string })[] }
  /** Of the consortium, by an officer: what it says is no money. */
  | { readonly kind: 'governance'; readonly says: string };

export interface Invoked {
  readonly type: 'invoked';
  readonly op: number;
  readonly at: number;
  /** Transaction id, member and reference: what the log can be searched for. */
  readonly id: string;
  readonly member: string;
  readonly reference: string;
  readonly operation: Operation;
}

export interface Told {
  readonly height: number;
  readonly index: number;
  /** Of a batch's lines, in their order. */
  readonly lines?: readonly string[];
}

/** ok and refused are final, with a receipt; `rejected` was never taken; `unknown` may be either. */
export type Ended =
  | ({ readonly type: 'ok'; readonly op: number; readonly at: number; readonly node: number } & Told)
  | ({
      readonly type: 'refused';
      readonly op: number;
      readonly at: number;
      readonly node: number;
      readonly code: string;
    } & Told)
  | { readonly type: 'rejected'; readonly op: number; readonly at: number; readonly code: string }
  | { readonly type: 'unknown'; readonly op: number; readonly at: number };

export interface Read {
  readonly type: 'read';
  readonly node: number;
  readonly asked: number;
  readonly at: number;
  readonly height: number;
  /** Account -> balance in minor units; of every account where `isWhole`. */
  readonly balances: { readonly [account: string]: string };
  readonly isWhole: boolean;
}

/** A validator's disk was taken back or away, or its key copied: it may show less than before, and be blamed. */
export interface Replaced {
  readonly type: 'replaced';
  readonly node: number;
  readonly at: number;
}

export type HistoryEvent = Invoked | Ended | Read | Replaced;

export class History {
  readonly events: HistoryEvent[] = [];
  #operations = 0;
  readonly counts = { invoked: 0, ok: 0, refused: 0, rejected: 0, unknown: 0, read: 0, replaced: 0 };

  now(): number {
    return performance.now();
  }

  /** The number of a new operation. */
  next(): number {
    return this.#operations++;
  }

  add(event: HistoryEvent): void {
    this.events.push(event);
    this.counts[event.type] += 1;
  }

  /** One JSON text a line. */
  toText(): string {
    return this.events.map((event) => `${JSON.stringify(event)}\n`).join('');
  }
}
