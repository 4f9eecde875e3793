// Reads entries ahead of the rules and has their signatures judged meanwhile. It runs the very checks that the rules
// will run, with a check in place of Ed25519 that notes what it is asked. Whose keys will count is a guess here, from
// what the entries say; a guess that was wrong costs time, as the rules ask anew for whatever was not judged.
import { GenesisError, readGenesisEntry } from '../../genesis/genesis.ts';
import { certificateProblem, type SignatureCheck } from '../ledger/certificate.ts';
import type { LogName } from '../ledger/checkpoint.ts';
import { DecodeError } from '../ledger/codec.ts';
import { digestOf, leafHash, sha256Latin1 } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import type { KnownSet } from '../ledger/set-chain.ts';
import { verify } from '../ledger/signature.ts';
import { isSigned } from '../ledger/transaction.ts';
import { FindingError } from './chain.ts';
import { cosignersProblem, readCheckpoint } from './checkpoint-check.ts';
import { type ReadEntry, readEntry } from './entry-reader.ts';
import { setChangedBy } from './set-walk.ts';
import { fitsBatch, type SignatureRequest } from './signature-batch.ts';
import type { PendingSignatures, SignaturePool } from './signature-pool.ts';
import { checkpointsPerPage, type SourceCheckpoints } from './source.ts';

/** Bytes of entries that are held ahead of the rules, besides one run; decoded they take some ten times as much. */
const aheadBytesMax = 4_194_304;

interface Run {
  readonly entries: readonly ReadEntry[];
  readonly requests: readonly SignatureRequest[];
  /** The entry that each request comes from; undefined: the signature of a validator, found by what it is over. */
  readonly owners: readonly (ReadEntry | undefined)[];
  readonly pending: PendingSignatures;
  readonly bytes: number;
}

/** What a source gave: its next entries, or nothing more, or what it threw. */
type Given = { readonly run: readonly Uint8Array[] | undefined } | { readonly error: unknown };

export class LookAhead {
  readonly #pool: SignaturePool;
  readonly #checkpoints: SourceCheckpoints | undefined;
  readonly #from: number;
  readonly #runs: Run[] = [];
  /** Entries read. */
  #size = 0;
  /** Verdicts on validators' signatures in the run that the rules have now. */
  readonly #judged = new Map<string, boolean>();
  #log: { readonly name: LogName; readonly chainId: Uint8Array } | undefined;
  /** The last two: that of the next block, and of the one before. */
  #sets: KnownSet[] = [];
  #page: { readonly index: number; readonly notes: readonly (Uint8Array | undefined)[] } | undefined;

  /** Entries before `from` are past: signatures that stand in them are not wanted. */
  constructor(pool: SignaturePool, checkpoints: SourceCheckpoints | undefined, from = 0) {
    this.#pool = pool;
    this.#checkpoints = checkpoints;
    this.#from = from;
  }

  /** What was judged ahead, else Ed25519 itself. */
  readonly check: SignatureCheck = (message, signature, publicKey) => {
    const request = { message, signature, publicKey };
    const known = fitsBatch(request) ? this.#judged.get(nameOf(request)) : undefined;
    return known ?? verify(message, signature, publicKey);
  };

  /** The same entries in the same order; what the source throws comes after the entries before it. */
  async *entries(source: AsyncIterable<readonly Uint8Array[]>): AsyncGenerator<readonly ReadEntry[]> {
    const iterator = source[Symbol.asyncIterator]();
    const next = (): Promise<Given> =>
      iterator.next().then(
        ({ done, value }) => ({ run: done === true ? undefined : value }),
        (error: unknown) => ({ error }),
      );
    try {
      let given = await next();
      while (true) {
        while ('run' in given && given.run !== undefined && !this.#isFull()) {
          const coming = next();
          this.#runs.push(await this.#read(given.run));
          given = await coming;
        }
        const run = this.#runs.shift();
        if (run === undefined) break;
        await this.#take(run);
        yield run.entries;
      }
      this.#judged.clear();
      if ('error' in given) throw given.error;
    } finally {
      await iterator.return?.();
    }
  }

  /** Judged or not: where the rules are the slower side, nothing is gained by reading on. */
  #isFull(): boolean {
    const sum = (count: (run: Run) => number) => this.#runs.reduce((all, run) => all + count(run), 0);
    return sum(({ bytes }) => bytes) > aheadBytesMax || sum(({ requests }) => requests.length) >= this.#pool.lookAhead;
  }

  async #read(given: readonly Uint8Array[]): Promise<Run> {
    const entries = given.map(readEntry);
    const requests: SignatureRequest[] = [];
    const owners: (ReadEntry | undefined)[] = [];
    let owner: ReadEntry | undefined;
    // It says yes to everything, so that every signature is asked for.
    const note: SignatureCheck = (message, signature, publicKey) => {
      const request = { message, signature, publicKey };
      if (!fitsBatch(request)) return true;
      requests.push(request);
      owners.push(owner);
      return true;
    };
    for (const read of entries) {
      const { entry, transaction } = read;
      const past = this.#size++ < this.#from;
      if (typeof entry === 'string') continue;
      if (entry.kind === 0) this.#begin(read.bytes);
      if (typeof transaction === 'object' && !past) {
        owner = read;
        isSigned(transaction, note);
      }
      owner = undefined;
      if (entry.kind === 1) this.#noteSet(() => setChangedBy(entry));
      if (entry.kind === 3) await this.#header(entry.header, note, past);
    }
    const bytes = given.reduce((sum, { length }) => sum + length, 0);
    return { entries, requests, owners, pending: this.#pool.submit(requests), bytes };
  }

  /** Waits for the verdicts, and puts them where the rules look. */
  async #take({ requests, owners, pending }: Run): Promise<void> {
    const verdicts = await this.#pool.verdictsOf(pending);
    this.#judged.clear();
    requests.forEach((request, i) => {
      const owner = owners[i];
      if (owner === undefined) this.#judged.set(nameOf(request), verdicts[i] === true);
      else owner.isSigned = verdicts[i] === true;
    });
  }

  #begin(bytes: Uint8Array): void {
    if (this.#log !== undefined) return;
    try {
      const { name, validators } = readGenesisEntry(bytes);
      const chainId = leafHash(bytes);
      this.#log = { name: { ledger: name, chainId: digestOf(chainId) }, chainId };
      this.#sets = [{ epoch: 0, from: 1, validators }];
    } catch (error) {
      if (!(error instanceof GenesisError)) throw error;
    }
  }

  #noteSet(read: () => KnownSet | undefined): void {
    try {
      const set = read();
      if (set !== undefined) this.#sets = [...this.#sets.slice(-1), set];
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }

  /** The certificate of the block before, and the archived checkpoint of this one. */
  async #header({ height, lastCommit }: Header, note: SignatureCheck, past: boolean): Promise<void> {
    const log = this.#log;
    if (log === undefined) return;
    const setAt = (at: number) => this.#sets.findLast(({ from }) => from <= at)?.validators ?? [];
    if (lastCommit !== undefined && !past) certificateProblem(lastCommit, log.chainId, setAt(height - 1), note);
    const checkpoint = await this.#checkpointOf(height);
    if (checkpoint === undefined) return;
    try {
      cosignersProblem(readCheckpoint(checkpoint, { height }), log.name, setAt(height), note);
    } catch (error) {
      if (!(error instanceof FindingError)) throw error;
    }
  }

  /** What is wrong with a page is for the rules to say, which ask for it again. */
  async #checkpointOf(height: number): Promise<Uint8Array | undefined> {
    const index = Math.floor((height - 1) / checkpointsPerPage);
    if (this.#page?.index !== index && height > 0)
      this.#page = { index, notes: (await this.#checkpoints?.page(index).catch(() => [])) ?? [] };
    return this.#page?.notes[(height - 1) % checkpointsPerPage];
  }
}

/** The lengths of key and signature are fixed, so no two requests share a name. */
function nameOf({ message, signature, publicKey }: SignatureRequest): string {
  return sha256Latin1(publicKey, signature, message);
}
