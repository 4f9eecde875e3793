// Which lines of a file may be sent now. Units in flight may be ordered either way by the ledger, and yet the outcome
// of a file must be that of its lines one after another. It knows no network and no clock.
//
// Only a line that can be refused for lack of money depends on order, so only accounts with an overdraft limit
// matter: a debit waits until every earlier line of that account has its outcome, and a credit until every earlier
// debit has (if it came first it could save a debit that line by line is refused). Credits commute. Lines of one unit
// run in their order, so a unit counts for its own later lines.

export interface PlannedLine {
  readonly from: string;
  readonly to: string;
}

export interface Unit {
  /** Indexes of lines, ascending. */
  readonly lines: readonly number[];
  /** Whether a line that may be sent was left out because it did not fit. */
  readonly isFull: boolean;
}

type State = 'waiting' | 'sent' | 'done';

export class Planner {
  readonly #states: State[];
  /** Earlier lines whose outcomes a line still waits for. */
  readonly #missing: number[];
  readonly #dependents: number[][];
  readonly #ready: LineHeap;
  #left: number;

  constructor(lines: readonly PlannedLine[], hasLimit: (account: string) => boolean) {
    this.#states = lines.map(() => 'waiting');
    this.#missing = lines.map(() => 0);
    this.#dependents = lines.map(() => []);
    this.#left = lines.length;
    this.#link(lines, hasLimit);
    const tails = tailsOf(this.#dependents);
    this.#ready = new LineHeap((a, b) => (tails[b] ?? 0) - (tails[a] ?? 0) || a - b);
    for (let line = 0; line < lines.length; line++) if (this.#missing[line] === 0) this.#ready.push(line);
  }

  /** Lines that are not yet sent. */
  get left(): number {
    return this.#left;
  }

  /**
   * The next unit, or undefined while every line left waits for an outcome. `admits` says whether the unit has room
   * for one more line and takes it if so; the first no ends the unit. Lines that only waited for lines of this unit
   * go first, so that chains of payments travel together and the rest of the file need not wait for them.
   */
  take(admits: (line: number) => boolean): Unit | undefined {
    const taken: number[] = [];
    const missingHere = new Map<number, number>();
    const released = new LineHeap((a, b) => a - b);
    for (;;) {
      const line = released.pop() ?? this.#popReady();
      if (line === undefined) break;
      if (!admits(line)) {
        this.#offer(line);
        for (let other = released.pop(); other !== undefined; other = released.pop()) this.#offer(other);
        return taken.length === 0 ? undefined : this.#closed(taken, true);
      }
      this.#states[line] = 'sent';
      this.#left--;
      taken.push(line);
      for (const next of this.#dependents[line] ?? []) {
        const missing = (missingHere.get(next) ?? this.#missing[next] ?? 0) - 1;
        missingHere.set(next, missing);
        if (missing === 0 && this.#states[next] === 'waiting') released.push(next);
      }
    }
    return taken.length === 0 ? undefined : this.#closed(taken, false);
  }

  /** A unit that was not sent after all, or that can never be ordered any more: its lines may be taken again. */
  giveBack(lines: readonly number[]): void {
    for (const line of lines) {
      if (this.#states[line] !== 'sent') continue;
      this.#states[line] = 'waiting';
      this.#left++;
      this.#offer(line);
    }
  }

  /** A line that an earlier run sent. */
  markSent(line: number): void {
    if (this.#states[line] !== 'waiting') return;
    this.#states[line] = 'sent';
    this.#left--;
  }

  /** The line has its outcome, whichever. */
  markDone(line: number): void {
    if (this.#states[line] === 'done') return;
    this.markSent(line);
    this.#states[line] = 'done';
    for (const next of this.#dependents[line] ?? []) {
      this.#missing[next] = (this.#missing[next] ?? 0) - 1;
      this.#offer(next);
    }
  }

  #closed(taken: number[], isFull: boolean): Unit {
    return { lines: taken.sort((a, b) => a - b), isFull };
  }

  #offer(line: number): void {
    if (this.#missing[line] === 0 && this.#states[line] === 'waiting') this.#ready.push(line);
  }

  #popReady(): number | undefined {
    for (let line = this.#ready.pop(); line !== undefined; line = this.#ready.pop())
      if (this.#states[line] === 'waiting') return line;
    return undefined;
  }

  /** Links each line to those that must wait for it. Each credit has one edge in and one out: the whole is linear. */
  #link(lines: readonly PlannedLine[], hasLimit: (account: string) => boolean): void {
    const accounts = new Map<string, { debit: number | undefined; credits: number[] }>();
    const historyOf = (account: string) => {
      let history = accounts.get(account);
      if (history === undefined) {
        history = { debit: undefined, credits: [] };
        accounts.set(account, history);
      }
      return history;
    };
    lines.forEach(({ from, to }, line) => {
      const before = new Set<number>();
      const debtor = hasLimit(from) ? historyOf(from) : undefined;
      const creditor = hasLimit(to) && to !== from ? historyOf(to) : undefined;
      if (debtor?.debit !== undefined) before.add(debtor.debit);
      for (const credit of debtor?.credits ?? []) before.add(credit);
      if (creditor?.debit !== undefined) before.add(creditor.debit);
      if (debtor !== undefined) {
        debtor.debit = line;
        debtor.credits = [];
      }
      creditor?.credits.push(line);
      for (const earlier of before) this.#dependents[earlier]?.push(line);
      this.#missing[line] = before.size;
    });
  }
}

/** Length of the longest chain of lines that begins at each line: the longest go first, or they would end last. */
function tailsOf(dependents: readonly (readonly number[])[]): number[] {
  const tails = dependents.map(() => 1);
  for (let line = dependents.length - 1; line >= 0; line--)
    for (const next of dependents[line] ?? []) tails[line] = Math.max(tails[line] ?? 1, 1 + (tails[next] ?? 1));
  return tails;
}

/** A binary heap of line indexes. */
class LineHeap {
  readonly #items: number[] = [];
  readonly #compare: (a: number, b: number) => number;

  constructor(compare: (a: number, b: number) => number) {
    this.#compare = compare;
  }

  push(line: number): void {
    const items = this.#items;
    let at = items.push(line) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#compare(line, items[parent] ?? line) >= 0) break;
      items[at] = items[parent] ?? line;
      at = parent;
    }
    items[at] = line;
  }

  pop(): number | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= items.length) break;
      const right = left + 1;
      const isRight = right < items.length && this.#compare(items[right] ?? last, items[left] ?? last) < 0;
      const next = isRight ? right : left;
      if (this.#compare(last, items[next] ?? last) <= 0) break;
      items[at] = items[next] ?? last;
      at = next;
    }
    items[at] = last;
    return top;
  }
}
