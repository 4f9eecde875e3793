// What a validator asks of the event loop that it runs on. The simulator puts virtual time in its place, so nothing
// inside a validator reaches for the real one.
import { performance } from 'node:perf_hooks';

export interface EventLoop {
  /** Once, when this turn of the loop is over. */
  soon(work: () => void): void;
  /** Once, unless what it answers is called before. */
  after(delayMs: number, work: () => void): () => void;
  /** Of a clock that never steps. */
  monotonicMs(): number;
}

export const realEventLoop: EventLoop = {
  soon: (work) => {
    setImmediate(work);
  },
  after(delayMs, work) {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
  monotonicMs: () => performance.now(),
};
