// Judges signatures in other threads, ahead of whoever needs the verdicts. Threads decide how soon a verdict is there,
// never which: what a thread leaves behind when it dies goes back to the queue, and who waits judges along.
import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { assert } from '../ledger/assert.ts';
import { verify } from '../ledger/signature.ts';
import { encodeBatch, type SignatureRequest } from './signature-batch.ts';

const workerFile = fileURLToPath(new URL('signature-worker.js', import.meta.url));

/** A batch takes 3 ms, a message there and back 0.15 ms: small enough to share out, large enough to be worth it. */
const batchMax = 64;
/** So that a thread has the next batch when it ends one. */
const sentMax = 2;
/** A thread takes 85 ms to start, in which it would judge 1,800 signatures: short logs do without. */
const defaultWorthwhile = 2_000;

interface Batch {
  readonly requests: readonly SignatureRequest[];
  readonly into: PendingSignatures;
  /** Where its verdicts stand in `into`. */
  readonly first: number;
}

interface Lane {
  readonly worker: Worker;
  /** In the order in which they were sent, which is that of the answers. */
  readonly sent: Batch[];
}

/** Verdicts of one call of `submit`. */
export class PendingSignatures {
  readonly verdicts: boolean[];
  left: number;

  constructor(count: number) {
    this.verdicts = new Array<boolean>(count).fill(false);
    this.left = count;
  }
}

export interface PoolOptions {
  /** Beside the calling thread. */
  readonly workers: number;
  /** So many signatures must have come before threads are started. */
  readonly worthwhile?: number;
}

/** How many threads judge signatures where nobody says it, the calling one included. */
export function defaultThreads(): number {
  return availableParallelism();
}

export class SignaturePool {
  readonly #options: Required<PoolOptions>;
  #lanes: Lane[] | undefined;
  readonly #queue: Batch[] = [];
  #submitted = 0;
  readonly #waiting: (() => void)[] = [];
  #lost = 0;

  constructor({ workers, worthwhile = defaultWorthwhile }: PoolOptions) {
    assert(Number.isSafeInteger(workers) && workers >= 0, 'a number of threads');
    this.#options = { workers, worthwhile };
  }

  /** Signatures that should be on their way, so that no thread waits for the caller. */
  get lookAhead(): number {
    return 4 * sentMax * batchMax * (1 + this.#options.workers);
  }

  /** Threads that died; what they had was judged by others. */
  get lost(): number {
    return this.#lost;
  }

  /** Threads at work. */
  get workers(): readonly Worker[] {
    return (this.#lanes ?? []).map(({ worker }) => worker);
  }

  submit(requests: readonly SignatureRequest[]): PendingSignatures {
    const into = new PendingSignatures(requests.length);
    for (let first = 0; first < requests.length; first += batchMax)
      this.#queue.push({ requests: requests.slice(first, first + batchMax), into, first });
    this.#submitted += requests.length;
    if (this.#lanes === undefined && this.#submitted >= this.#options.worthwhile) this.#start();
    this.#feed();
    return into;
  }

  /** The verdicts, in the order of the requests. Never after `close`. */
  async verdictsOf(pending: PendingSignatures): Promise<readonly boolean[]> {
    while (pending.left > 0) {
      const own = this.#queue.shift();
      if (own === undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      else {
        this.#settle(own, judged(own.requests));
        this.#wake();
        await nextTurn(); // verdicts of others come in between
      }
    }
    return pending.verdicts;
  }

  /** Ends the threads; batches that nobody waits for are dropped. */
  async close(): Promise<void> {
    const lanes = this.#lanes ?? [];
    this.#lanes = [];
    this.#queue.length = 0;
    await Promise.all(lanes.map(({ worker }) => worker.terminate()));
  }

  #start(): void {
    this.#lanes = [];
    for (let i = 0; i < this.#options.workers; i++) {
      const lane: Lane = { worker: new Worker(workerFile), sent: [] };
      lane.worker.on('message', (verdicts: Uint8Array) => this.#answered(lane, verdicts));
      // An uncaught error comes before the exit, which says all that matters here: nothing more comes of this thread.
      lane.worker.on('error', () => this.#bury(lane));
      lane.worker.on('exit', () => this.#bury(lane));
      this.#lanes.push(lane);
    }
  }

  #feed(): void {
    for (const { worker, sent } of this.#lanes ?? [])
      while (sent.length < sentMax) {
        const batch = this.#queue.shift();
        if (batch === undefined) return;
        sent.push(batch);
        const bytes = encodeBatch(batch.requests);
        worker.postMessage(bytes, [bytes.buffer]);
      }
  }

  #answered({ sent }: Lane, verdicts: Uint8Array): void {
    const batch = sent.shift();
    assert(batch?.requests.length === verdicts.length, 'a verdict for each signature');
    this.#settle(batch, verdicts);
    this.#feed();
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #settle({ into, first }: Batch, verdicts: Uint8Array): void {
    for (const [i, verdict] of verdicts.entries()) into.verdicts[first + i] = verdict === 1;
    into.left -= verdicts.length;
  }

  #bury(lane: Lane): void {
    const at = this.#lanes?.indexOf(lane) ?? -1;
    if (at < 0) return;
    this.#lanes?.splice(at, 1);
    this.#lost++;
    this.#queue.unshift(...lane.sent.splice(0));
    this.#feed();
    this.#wake();
  }
}

function judged(requests: readonly SignatureRequest[]): Uint8Array {
  return Uint8Array.from(requests, ({ message, signature, publicKey }) => {
    return verify(message, signature, publicKey) ? 1 : 0;
  });
}
