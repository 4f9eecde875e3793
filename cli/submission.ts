// Sends the lines of a file and gathers their outcomes: sign what the planner lets go, write it to the outbox, send it,
// follow the chain. It may be stopped at any moment and begun again; the outbox and the chain tell where it stood.
import type { Digest } from '../node/ledger/hash.ts';
import type { BulkResult } from './api-types.ts';
import { CliError } from './exit-codes.ts';
import type { FollowedBlock, FollowedTransaction } from './follow.ts';
import type { LineOutcome, Outbox, SignedUnit } from './outbox.ts';
import type { Planner } from './planner.ts';

/** What a submission needs of the ledger; tests have one of their own. */
export interface LedgerLink {
  head(): Promise<number>;
  /** How many nodes must refuse a transaction before it is taken for refused. */
  wordsNeeded(): number;
  /** Verified blocks after `height`, in order, until `signal`. */
  follow(height: number, signal: AbortSignal): AsyncIterable<FollowedBlock>;
  /** Results in order. `attempt` grows, so that different nodes are asked. */
  post(transactions: readonly Uint8Array[], attempt: number): Promise<readonly BulkResult[]>;
  /** A verified outcome of a transaction, if it is final. */
  final(id: Digest): Promise<(FollowedTransaction & { readonly height: number }) | undefined>;
  /** The outcome that the line's reference has from its first use; `refusal` if that was another payment. */
  first(line: number): Promise<Omit<LineOutcome, 'line' | 'already'> | undefined>;
}

export interface SubmissionParts {
  readonly what: string;
  readonly lines: number;
  readonly link: LedgerLink;
  readonly outbox: Outbox;
  readonly planner: Planner;
  /** A predicate for one unit that says whether a further line fits into it. */
  readonly room: () => (line: number) => boolean;
  readonly sign: (lines: readonly number[]) => SignedUnit;
  /** Units may hold many lines: then one that is not full waits while others may still fill it. */
  readonly packs: boolean;
  readonly inFlightMax: number;
  readonly stallTimeoutMs: number;
  readonly onProgress?: (done: number, refused: number) => void;
}

interface Flight {
  readonly unit: SignedUnit;
  /** Lines without an outcome yet; empty: landed. */
  readonly open: Set<number>;
  /** How often it was refused with each code, each time by another node where there is one. */
  readonly refusals: Map<string, number>;
  postAfter: number;
  isPosting: boolean;
  wasPosted: boolean;
}

const postItemsMax = 256; // the API's own limit, as is the size below with its base64
/** A batch takes a millisecond or two to sign: the first are on their way while the next are signed. */
const batchesAtOnceMax = 8;
const postBytesMax = 1_200_000;
const postsAtOnceMax = 3;
const resendMs = 4_000;
const backoffMs = 300;
const tickMs = 250;
const firstUsesAtOnceMax = 16;
const comeBack = new Set(['mempool-full', 'not-ready', 'read-only', 'busy', 'internal']);

export async function runSubmission(parts: SubmissionParts): Promise<ReadonlyMap<number, LineOutcome>> {
  return new Submission(parts).run();
}

class Submission {
  readonly #parts: SubmissionParts;
  readonly #flights = new Map<Digest, Flight>();
  /** Those that may still land. */
  readonly #inFlight = new Set<Flight>();
  readonly #firstUses: number[] = [];
  #firstUsesRunning = 0;
  #posts = 0;
  #attempt = 0;
  #pausedUntil = 0;
  #reached = false;
  #progressAt = Date.now();
  #failure: unknown;
  #wake: () => void = () => undefined;
  #refused = 0;

  constructor(parts: SubmissionParts) {
    this.#parts = parts;
  }

  async run(): Promise<ReadonlyMap<number, LineOutcome>> {
    const { outbox, link, lines } = this.#parts;
    if (outbox.outcomes.size >= lines) return outbox.outcomes;
    if (outbox.height === undefined) outbox.begin(this.#parts.what, await link.head());
    this.#resume();
    const abort = new AbortController();
    const following = this.#follow(outbox.height ?? 0, abort.signal).catch((error: unknown) => this.#fail(error));
    try {
      while (outbox.outcomes.size < lines) {
        if (this.#failure !== undefined) throw this.#failure;
        if (Date.now() - this.#progressAt > this.#parts.stallTimeoutMs) throw this.#stalled();
        const isMore = this.#fill();
        this.#post();
        this.#askFirstUses();
        await (isMore ? new Promise((resolve) => setImmediate(resolve)) : this.#turn());
      }
      return outbox.outcomes;
    } finally {
      abort.abort();
      await following;
      outbox.flush();
    }
  }

  #resume(): void {
    const { outbox, planner } = this.#parts;
    for (const outcome of outbox.outcomes.values()) {
      planner.markDone(outcome.line);
      if (outcome.outcome !== 'OK') this.#refused++;
    }
    for (const unit of outbox.units.values()) {
      const open = new Set(unit.lines.filter((line) => !outbox.outcomes.has(line)));
      this.#launch(unit, open);
      for (const line of open) planner.markSent(line);
    }
  }

  #launch(unit: SignedUnit, open: Set<number>): void {
    const flight = { unit, open, refusals: new Map(), postAfter: 0, isPosting: false, wasPosted: false };
    this.#flights.set(unit.id, flight);
    if (open.size > 0) this.#inFlight.add(flight);
  }

  /** Signs some of what may go, and says whether it did; nothing of it is sent before it is durable. */
  #fill(): boolean {
    const { planner, room, sign, packs, inFlightMax, outbox } = this.#parts;
    const signed: SignedUnit[] = [];
    const atOnce = packs ? batchesAtOnceMax : postItemsMax;
    while (this.#inFlight.size + signed.length < inFlightMax && signed.length < atOnce) {
      if (Date.now() < this.#pausedUntil) break;
      const unit = planner.take(room());
      if (unit === undefined) break;
      const mayGrow = packs && !unit.isFull && planner.left > 0 && this.#inFlight.size + signed.length > 0;
      if (mayGrow) {
        planner.giveBack(unit.lines);
        break;
      }
      signed.push(sign(unit.lines));
    }
    if (signed.length === 0) return false;
    outbox.addSigned(signed);
    for (const unit of signed) this.#launch(unit, new Set(unit.lines));
    return true;
  }

  #post(): void {
    const now = Date.now();
    if (now < this.#pausedUntil) return;
    const due = [...this.#inFlight].filter((flight) => !flight.isPosting && flight.postAfter <= now);
    while (due.length > 0 && this.#posts < postsAtOnceMax) {
      const chunk: Flight[] = [];
      let bytes = 0;
      for (let next = due[0]; next !== undefined; next = due[0]) {
        bytes += next.unit.bytes.length;
        if (chunk.length > 0 && (chunk.length >= postItemsMax || bytes > postBytesMax)) break;
        chunk.push(next);
        due.shift();
      }
      for (const flight of chunk) flight.isPosting = true;
      // A second sending means that the first node may be silent about it: another one is asked.
      if (chunk.some(({ wasPosted }) => wasPosted)) this.#attempt++;
      this.#posts++;
      this.#postChunk(chunk)
        .catch((error: unknown) => this.#fail(error))
        .finally(() => {
          this.#posts--;
          for (const flight of chunk) flight.isPosting = false;
          this.#wake();
        });
    }
  }

  async #postChunk(chunk: readonly Flight[]): Promise<void> {
    let results: readonly BulkResult[];
    try {
      results = await this.#parts.link.post(
        chunk.map(({ unit }) => unit.bytes),
        this.#attempt,
      );
    } catch (error) {
      const isPassing = error instanceof CliError && error.exit === 'unreachable' && this.#reached;
      if (!isPassing) throw error;
      this.#attempt++;
      this.#pausedUntil = Date.now() + backoffMs;
      return;
    }
    this.#reached = true;
    for (const [i, flight] of chunk.entries()) {
      flight.wasPosted = true;
      flight.postAfter = Date.now() + resendMs;
      const result = results[i];
      if (result?.status === 'final') await this.#landed(flight);
      if (result?.status === 'refused') await this.#refusedBeforeOrdering(flight, result);
    }
  }

  async #refusedBeforeOrdering(flight: Flight, { code, detail }: BulkResult): Promise<void> {
    if (code !== undefined && comeBack.has(code)) {
      flight.postAfter = Date.now() + backoffMs;
      this.#pausedUntil = Date.now() + backoffMs;
      return;
    }
    const words = (flight.refusals.get(code ?? '') ?? 0) + 1;
    flight.refusals.set(code ?? '', words);
    if (words < this.#parts.link.wordsNeeded()) {
      flight.postAfter = 0;
      return;
    }
    // Used by another body, since this very body would be `final`.
    if (code === 'DU04' && !this.#parts.packs) {
      this.#inFlight.delete(flight);
      for (const line of flight.open) this.#askFirst(line);
      return;
    }
    if (code === 'TM01') {
      if (await this.#landed(flight)) return;
      this.#inFlight.delete(flight);
      this.#parts.planner.giveBack([...flight.open]);
      return;
    }
    const next =
      'What was sent before stands; correct the cause and run the command again: it goes on where it stopped.';
    throw new CliError(
      code === 'DS0D' ? 'notAuthorised' : 'refused',
      `${code ?? 'refused'}: ${detail ?? ''}`,
      next,
      code,
    );
  }

  async #landed(flight: Flight): Promise<boolean> {
    const found = await this.#parts.link.final(flight.unit.id);
    if (found !== undefined) this.#settle(flight, found, found.height);
    return found !== undefined;
  }

  async #follow(from: number, signal: AbortSignal): Promise<void> {
    for await (const block of this.#parts.link.follow(from, signal)) {
      for (const transaction of block.transactions) {
        const flight = this.#flights.get(transaction.id);
        if (flight !== undefined) this.#settle(flight, transaction, block.height);
      }
      // Timestamps grow: what was not ordered before its time is over can never be (docs/formats.md, section 5).
      for (const flight of this.#inFlight) {
        if (flight.unit.validUntil > block.timestamp || flight.isPosting) continue;
        this.#inFlight.delete(flight);
        this.#parts.planner.giveBack([...flight.open]);
      }
      this.#parts.outbox.setHeight(block.height);
      this.#wake();
    }
  }

  #settle(flight: Flight, transaction: FollowedTransaction, height: number): void {
    if (flight.open.size === 0) return;
    const isWhole = !this.#parts.packs || transaction.outcome !== 'OK';
    for (const [place, line] of flight.unit.lines.entries()) {
      if (!flight.open.has(line)) continue;
      const own = transaction.lines[place]; // a line entry for each line, in order
      const { outcome, index } = isWhole || own?.line !== place + 1 ? transaction : own;
      if (outcome === 'DU04') this.#askFirst(line);
      else this.#finish({ line, outcome, height, index, already: false });
    }
    flight.open.clear();
    this.#inFlight.delete(flight);
    this.#progressAt = Date.now();
  }

  #finish(outcome: LineOutcome): void {
    const { outbox, planner, onProgress } = this.#parts;
    planner.markDone(outcome.line);
    if (outbox.outcomes.has(outcome.line)) return;
    outbox.addOutcome(outcome);
    if (outcome.outcome !== 'OK') this.#refused++;
    onProgress?.(outbox.outcomes.size, this.#refused);
  }

  /** The line changed nothing, so others need not wait; what its reference stands for is asked aside. */
  #askFirst(line: number): void {
    this.#parts.planner.markDone(line);
    this.#firstUses.push(line);
  }

  #askFirstUses(): void {
    while (this.#firstUses.length > 0 && this.#firstUsesRunning < firstUsesAtOnceMax) {
      const line = this.#firstUses.pop() ?? 0;
      this.#firstUsesRunning++;
      this.#parts.link
        .first(line)
        .then((found) => {
          // Used, and not yet to be seen where we asked: it will be.
          if (found === undefined) setTimeout(() => this.#firstUses.push(line), backoffMs);
          else this.#finish({ line, already: found.outcome !== 'DU04', ...found });
          if (found !== undefined) this.#progressAt = Date.now();
        })
        .catch((error: unknown) => this.#fail(error))
        .finally(() => {
          this.#firstUsesRunning--;
          this.#wake();
        });
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** Lets others work until something happened or a moment has passed. */
  #turn(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, tickMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #stalled(): CliError {
    const { outbox, lines, stallTimeoutMs } = this.#parts;
    return new CliError(
      'timeout',
      `${lines - outbox.outcomes.size} of ${lines} lines have no outcome; none came for ${stallTimeoutMs / 1_000} s`,
      'Run the same command again: it goes on where it stopped and pays no line twice.',
    );
  }
}
