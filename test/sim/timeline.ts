// Virtual time: what happens when, in whole microseconds, and a hash chain over all that has happened. Two runs are the
// same exactly when their traces are.
import { createHash } from 'node:crypto';

export const second = 1_000_000;
export const millisecond = 1_000;

const settlesPerTurn = 64;

interface Planned {
  readonly at: number;
  /** Breaks ties in the order of planning. */
  readonly order: number;
  work: (() => void) | undefined;
}

export class Timeline {
  #now = 0;
  #order = 0;
  #isUnsettled = false;
  #settled = 0;
  readonly #heap: Planned[] = [];
  readonly #hash = createHash('sha256');
  #lines = '';
  #print: ((line: string) => void) | undefined;
  events = 0;

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  get now(): number {
    return this.#now;
  }

  /** Answers what cancels it. */
  at(time: number, work: () => void): () => void {
    const planned: Planned = { at: Math.max(Math.round(time), this.#now), order: this.#order++, work };
    this.#push(planned);
    return () => {
      planned.work = undefined;
    };
  }

  after(delay: number, work: () => void): () => void {
    return this.at(this.#now + delay, work);
  }

  /** Promises were touched: their continuations run before time goes on. */
  unsettle(): void {
    this.#isUnsettled = true;
  }

  note(line: string): void {
    const text = `${this.#now} ${line}\n`;
    this.#print?.(text);
    this.#lines += text;
    if (this.#lines.length > 65_536) this.#flush();
  }

  /** Until this time, or until `isDone`, which is asked after each event. */
  async run(until: number, isDone: () => boolean = () => false): Promise<void> {
    if (this.#isUnsettled) await this.#settle();
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#pop();
      if (next.work === undefined) continue;
      this.#now = next.at;
      this.events += 1;
      next.work();
      if (this.#isUnsettled) await this.#settle();
      if (isDone()) return;
    }
    this.#now = Math.max(this.#now, until);
  }

  trace(): string {
    this.#flush();
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  async #settle(): Promise<void> {
    this.#isUnsettled = false;
    this.#settled += 1;
    // The tick queue comes after all promises that are ready, and costs less than a turn of the event loop. That must
    // come round all the same: rejections that nobody handles, and the end of a parent, are noticed there alone.
    const isTurn = this.#settled % settlesPerTurn === 0;
    await new Promise<void>((resolve) => (isTurn ? setImmediate(resolve) : process.nextTick(resolve)));
  }

  #flush(): void {
    this.#hash.update(this.#lines);
    this.#lines = '';
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(planned);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(planned, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = planned;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let below = heap[child];
      if (below === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, below)) {
        child += 1;
        below = right;
      }
      if (!isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
