// One attempt to make a state again (rule R4): over the blocks of the log from genesis or a snapshot's base on, each
// read here or fetched, each row that follows from it put right, and what comes after the start folded.
import type { Contract } from '../contracts/contract.ts';
import type { Genesis } from '../genesis/genesis.ts';
import { StateFold } from './execution/state-fold.ts';
import { assert } from './ledger/assert.ts';
import type { CommitCertificate } from './ledger/certificate.ts';
import { DecodeError } from './ledger/codec.ts';
import { decodeEntry, decodeHeader } from './ledger/entry.ts';
import { digestBytes, digestOf } from './ledger/hash.ts';
import { Frontier } from './ledger/merkle.ts';
import { decodeTransaction } from './ledger/transaction.ts';
import type { ValidatorSet } from './ledger/validators.ts';
import { checkFetchedBlock, type LogEnd } from './network/fetched-block.ts';
import { keptOf } from './snapshot/assemble.ts';
import { blockRowsOf } from './snapshot/log-rows.ts';
import { changesSet } from './snapshot/pruner.ts';
import type { CertifiedState } from './snapshot/stored.ts';
import { peakNodes } from './store/pruned-nodes.ts';
import { DamagedRow, type LogStart, type ReferenceRow, type RepairedBlock, type Store } from './store/store.ts';

/** Entries that are gone through before the event loop gets its turn. */
const sliceEntries = 500;

export interface FetchedLogBlock {
  readonly entries: readonly Uint8Array[];
  readonly certificate: CommitCertificate;
}

export interface WalkParts {
  readonly store: Store;
  readonly genesis: Genesis;
  readonly contracts: readonly Contract[];
  /** Blocks after `end`, from any peer, each checked against its certificate and its log root. */
  fetch(
    height: number,
    end: LogEnd,
    validators: ValidatorSet,
  ): Promise<readonly FetchedLogBlock[] | 'pruned' | undefined>;
  soon(work: () => void): void;
  progress(height: number): void;
  /** Whoever began it has no use for it any more. */
  isStopped(): boolean;
}

/** The log ends where it must, and the fold holds the state there. */
export interface Walked {
  readonly fold: StateFold;
  /** Rows of the log and its indexes that were put right. */
  readonly rows: number;
  /** Heights whose blocks could not be read here. */
  readonly fetched: readonly number[];
}

/** A block that was not to be had: the next one after this end of the log, under these validators. */
export interface Lack {
  readonly end: LogEnd;
  readonly validators: ValidatorSet;
}

/** Undefined where it was stopped; the block that it went without; or why what was checked does not fit. */
export type WalkEnd = Walked | { readonly lack: Lack } | { readonly problem: string } | undefined;

/** For a block that was not to be had: whether, after a wait, it is asked for once more. */
export type AsksAgain = (answer: 'pruned' | undefined) => Promise<boolean>;

export class LogWalk {
  readonly #parts: WalkParts;
  readonly #start: CertifiedState | undefined;
  /** The log here begins after this height when the walk is over. */
  readonly #baseHeight: number;
  readonly #chainId: Uint8Array;
  readonly #fetched: number[] = [];
  #ahead: FetchedLogBlock[] = [];
  #kept: LogStart['kept'] = [];
  /** Where the log here begins: put right at once, but moved on only when all else is known to be at hand. */
  #begins: LogStart | undefined;
  #rows = 0;
  #sinceSlice = 0;

  readonly #checksRoots: boolean;

  /** Genesis where no start is given. With `checksRoots` it ends at the first block whose state root is another. */
  constructor(parts: WalkParts, start: CertifiedState | undefined, { checksRoots = false } = {}) {
    this.#parts = parts;
    this.#start = start;
    this.#checksRoots = checksRoots;
    this.#baseHeight = Math.max(parts.store.base().height, start?.base.height ?? 0);
    this.#chainId = digestBytes(parts.store.identity.chainId);
  }

  async to(height: number, asksAgain: AsksAgain): Promise<WalkEnd> {
    const { genesis, contracts } = this.#parts;
    const [start, checksRoots] = [this.#start, this.#checksRoots];
    if (start === undefined) return this.#fold(new StateFold(genesis, contracts, { checksRoots }), height, asksAgain);
    const end = await this.#tail(start, asksAgain);
    if (end === undefined || !('peaks' in end)) return end;
    const { header, state } = start;
    const head = { ...end, timestamp: header.timestamp, stateRoot: digestOf(header.stateRoot) };
    return this.#fold(new StateFold(genesis, contracts, { checksRoots, start: { head, state } }), height, asksAgain);
  }

  /** The blocks from the snapshot's base to its own, whose events are in its state already. */
  async #tail(start: CertifiedState, asksAgain: AsksAgain): Promise<LogEnd | Exclude<WalkEnd, Walked>> {
    const { base, basePeaks, header, manifest, sets } = start;
    let end: LogEnd = { ...base, peaks: basePeaks };
    this.#kept = keptOf(start).filter(({ block }) => block.height < base.height);
    if (base.height > 0 && base.height === this.#baseHeight)
      this.#begin({ base, peaks: peakNodes(base.logSize, basePeaks), kept: keptOf(start) });
    while (end.height < header.height) {
      const set = sets.at(end.height + 1)?.validators;
      assert(set !== undefined, 'the changes of a checked manifest reach its height');
      const block = this.#own(end, set) ?? (await this.#other(end, set, asksAgain));
      if (block === undefined || this.#parts.isStopped()) return this.#without({ end, validators: set });
      const frontier = Frontier.fromHashes(end.logSize, end.peaks);
      const rows = blockRowsOf(block, frontier);
      const { digest } = rows.block;
      end = { height: rows.block.height, digest, logSize: frontier.size, peaks: frontier.toHashes() };
      await this.#landed(rows, end);
    }
    const { digest } = manifest.certificate;
    return end.digest === digest ? end : { problem: `block ${header.height} is ${end.digest} and ${digest}` };
  }

  async #fold(fold: StateFold, height: number, asksAgain: AsksAgain): Promise<WalkEnd> {
    while (fold.head.height < height && fold.isRight) {
      const { head, validators } = fold;
      const own = this.#own(head, validators);
      let rows = own === undefined ? 'none' : fold.add(own.entries, own.certificate);
      if (typeof rows === 'string') {
        const block = await this.#other(head, validators, asksAgain);
        if (block === undefined || this.#parts.isStopped()) return this.#without({ end: head, validators });
        rows = fold.add(block.entries, block.certificate);
        if (typeof rows === 'string') return { problem: `block ${head.height + 1} is certified, and ${rows}` };
      }
      await this.#landed(rows, fold.head);
      if (this.#parts.isStopped()) return undefined;
    }
    if (this.#begins !== undefined) this.#rows += this.#parts.store.repairStart(this.#begins);
    return { fold, rows: this.#rows, fetched: this.#fetched };
  }

  #without(lack: Lack): Exclude<WalkEnd, Walked> {
    return this.#parts.isStopped() ? undefined : { lack };
  }

  /** From genesis each block must follow from the one before, up to the head; who begins later checks certificates. */
  #own(end: LogEnd, set: ValidatorSet): FetchedLogBlock | undefined {
    const { store } = this.#parts;
    const height = end.height + 1;
    const block = readable(() => {
      const certificate = store.certificate(height);
      const row = store.block(height);
      if (certificate === undefined || row === undefined || row.firstIndex !== end.logSize) return undefined;
      return { entries: store.entries(row.firstIndex, row.headerIndex + 1), certificate };
    });
    if (block === undefined || this.#start === undefined) return block;
    return typeof checkFetchedBlock(block, end, set, this.#chainId) === 'string' ? undefined : block;
  }

  /** An answer's further blocks wait for their turn: most of them are needed when one is. */
  async #other(end: LogEnd, set: ValidatorSet, asksAgain: AsksAgain): Promise<FetchedLogBlock | undefined> {
    const height = end.height + 1;
    while (!this.#parts.isStopped()) {
      while (this.#ahead[0] !== undefined && this.#ahead[0].certificate.height < height) this.#ahead.shift();
      const block = this.#ahead.shift();
      if (block !== undefined) {
        this.#fetched.push(height);
        return block;
      }
      const answer = await this.#parts.fetch(height, end, set);
      if (answer !== undefined && answer !== 'pruned') this.#ahead.push(...answer);
      if (this.#ahead.length === 0 && !(await asksAgain(answer === 'pruned' ? 'pruned' : undefined))) return undefined;
    }
    return undefined;
  }

  /** What is pruned stays pruned, and what must stay of it is put right. */
  async #landed(block: RepairedBlock, end: LogEnd): Promise<void> {
    const { store } = this.#parts;
    const { height } = block.block;
    if (height > this.#baseHeight) this.#rows += store.repairBlock(withoutLater(store, block));
    else this.#keep(block, end);
    this.#sinceSlice += block.entries.length;
    if (this.#sinceSlice < sliceEntries) return;
    this.#sinceSlice = 0;
    this.#parts.progress(height);
    await new Promise<void>((resolve) => this.#parts.soon(resolve));
  }

  #keep({ block, entries, certificate }: RepairedBlock, end: LogEnd): void {
    const header = entries.at(-1);
    const isBase = block.height === this.#baseHeight;
    assert(header !== undefined && certificate !== undefined, 'a block after genesis is certified');
    if (!isBase && !changesSet(decodeHeader(header))) return;
    this.#kept = [...this.#kept, { block, header, certificate }];
    if (!isBase) return;
    const { height, digest, logSize, peaks } = end;
    this.#begin({ base: { height, digest, logSize }, peaks: peakNodes(logSize, peaks), kept: this.#kept });
  }

  #begin(start: LogStart): void {
    const { store } = this.#parts;
    if (start.base.height === store.base().height) this.#rows += store.repairStart(start);
    else this.#begins = start;
  }
}

/** A reference may be used again once its window is over: a row that names a later use is right already. */
function withoutLater(store: Store, block: RepairedBlock): RepairedBlock {
  const references = block.references.filter((row) => {
    const stored = readable(() => store.reference(row.member, row.reference));
    return stored === undefined || stored.index <= row.index || !isUse(store, stored);
  });
  return { ...block, references };
}

function isUse(store: Store, row: ReferenceRow): boolean {
  try {
    const bytes = store.entry(row.index);
    const entry = bytes === undefined ? undefined : decodeEntry(bytes);
    if (entry?.kind === 1) return decodeTransaction(entry.transaction).body.reference === row.reference;
    return entry?.kind === 2 && entry.reference === row.reference;
  } catch (error) {
    if (error instanceof DamagedRow || error instanceof DecodeError) return false;
    throw error;
  }
}

export function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DamagedRow) return undefined;
    throw error;
  }
}
