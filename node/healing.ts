// Heals a store whose state or rows differ from the chain (rule R4): the log is folded again from genesis, blocks that
// cannot be read here are fetched and checked, every row is compared with what the log makes it, and the state is put
// right in one write. The vote record is not touched. It works in slices, and can begin again after a crash.
import type { Contract } from '../contracts/contract.ts';
import type { Genesis } from '../genesis/genesis.ts';
import { genesisCommit, treeOf } from './execution/genesis-commit.ts';
import { type FoldedBlock, StateFold } from './execution/state-fold.ts';
import type { StateTree } from './execution/state-tree.ts';
import type { CommitCertificate } from './ledger/certificate.ts';
import { DecodeError } from './ledger/codec.ts';
import { decodeEntry } from './ledger/entry.ts';
import { type Digest, digestOf, equalBytes } from './ledger/hash.ts';
import { decodeTransaction } from './ledger/transaction.ts';
import type { ValidatorSet } from './ledger/validators.ts';
import { DamagedRow, type Head, type ReferenceRow, type StateDifference, type Store } from './store/store.ts';

/** Entries that are folded before the event loop gets its turn. */
const sliceEntries = 500;

export interface HealingParts {
  readonly store: Store;
  readonly genesis: Genesis;
  readonly contracts: readonly Contract[];
  /** Bodies that the vote record names. */
  readonly bodies: readonly Digest[];
  /** Blocks after `end`, from any peer, each checked against its certificate and its log root. */
  fetch(
    height: number,
    end: Head,
    validators: ValidatorSet,
  ): Promise<readonly FetchedLogBlock[] | 'pruned' | undefined>;
  /** Where the others have forgotten a block that is needed: true when the store holds a snapshot now [S2]. */
  takeSnapshot(): Promise<boolean>;
  soon(work: () => void): void;
  after(delayMs: number, work: () => void): () => void;
  /** Between two rounds of asking everybody for a block. */
  readonly askAgainMs: number;
  progress(height: number): void;
  /** Whoever began it has no use for it any more. */
  isStopped(): boolean;
}

export interface FetchedLogBlock {
  readonly entries: readonly Uint8Array[];
  readonly certificate: CommitCertificate;
}

export interface Healed {
  readonly tree: StateTree;
  readonly records: readonly StateDifference[];
  /** Rows of the log and its indexes that were put right. */
  readonly rows: number;
  /** Heights whose blocks could not be read here. */
  readonly fetched: readonly number[];
}

/** The log does not make the state that was certified: what is wrong is not in the store. */
export class HealingError extends Error {
  override name = 'HealingError';
}

/** Undefined when it was stopped. Throws HealingError. */
export async function heal(parts: HealingParts): Promise<Healed | undefined> {
  const { store } = parts;
  const head = store.head();
  await new Promise<void>((resolve) => parts.soon(resolve));
  if (parts.isStopped()) return undefined;
  const fold = new StateFold(parts.genesis, parts.contracts);
  const fetched: number[] = [];
  const ahead: FetchedLogBlock[] = [];
  let [rows, sinceSlice] = [store.repairBlock(genesisCommit(parts.genesis, parts.contracts).commit), 0];
  while (fold.head.height < head.height) {
    const height = fold.head.height + 1;
    const folded = foldOwn(store, fold, height) ?? (await foldFetched(parts, fold, ahead, fetched));
    if (folded === undefined || parts.isStopped()) return undefined;
    // What is pruned stays pruned.
    if (height > store.base().height) rows += store.repairBlock(withoutLater(store, folded));
    sinceSlice += folded.entries.length;
    if (sinceSlice < sliceEntries) continue;
    sinceSlice = 0;
    parts.progress(height);
    await new Promise<void>((resolve) => parts.soon(resolve));
    if (parts.isStopped()) return undefined;
  }
  if (!isSameHead(fold.head, head))
    throw new HealingError(`the log ends in block ${fold.head.digest}, and the head record does not say so`);
  const records = store.repairState(fold.state);
  store.dropDamagedBodies(parts.bodies);
  const tree = treeOf(store);
  if (digestOf(tree.root) !== head.stateRoot) throw new HealingError(await firstWrong(parts));
  return { tree, records, rows, fetched };
}

function isSameHead(a: Head, b: Head): boolean {
  const peaks = a.peaks.length === b.peaks.length && a.peaks.every((peak, at) => equalBytes(peak, b.peaks[at] ?? peak));
  const same = a.digest === b.digest && a.logSize === b.logSize && a.timestamp === b.timestamp;
  return same && peaks && a.stateRoot === b.stateRoot;
}

function foldOwn(store: Store, fold: StateFold, height: number): FoldedBlock | undefined {
  try {
    const certificate = store.certificate(height);
    const row = store.block(height);
    if (certificate === undefined || row === undefined || row.firstIndex !== fold.head.logSize) return undefined;
    const folded = fold.add(store.entries(row.firstIndex, row.headerIndex + 1), certificate);
    return typeof folded === 'string' ? undefined : folded;
  } catch (error) {
    if (error instanceof DamagedRow) return undefined;
    throw error;
  }
}

/** Asks until somebody has it: without the block there is nothing to go on with. An answer's others wait in `ahead`. */
async function foldFetched(
  parts: HealingParts,
  fold: StateFold,
  ahead: FetchedLogBlock[],
  heights: number[],
): Promise<FoldedBlock | undefined> {
  const height = fold.head.height + 1;
  while (!parts.isStopped()) {
    while (ahead[0] !== undefined && ahead[0].certificate.height < height) ahead.shift();
    const block = ahead.shift();
    if (block !== undefined) {
      const folded = fold.add(block.entries, block.certificate);
      if (typeof folded === 'string') throw new HealingError(`block ${height} is certified, and ${folded}`);
      heights.push(height);
      return folded;
    }
    const answer = await parts.fetch(height, fold.head, fold.validators);
    if (answer === 'pruned' && (parts.isStopped() || (await parts.takeSnapshot()))) return undefined;
    if (answer !== 'pruned') ahead.push(...(answer ?? []));
    // Another may come that has not pruned it, or a later snapshot.
    if (ahead.length === 0) await new Promise<void>((resolve) => parts.after(parts.askAgainMs, resolve));
  }
  return undefined;
}

/** A reference may be used again once its window is over: a row that names a later use is right already. */
function withoutLater(store: Store, block: FoldedBlock): FoldedBlock {
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

/** A program that evolves events otherwise than the others do: where it first shows, for whoever looks for the bug. */
async function firstWrong({ store, genesis, contracts, soon }: HealingParts): Promise<string> {
  const fold = new StateFold(genesis, contracts, { checksRoots: true });
  const { height } = store.head();
  for (let next = 1; next <= height && fold.isRight; next++) {
    if (foldOwn(store, fold, next) === undefined) break;
    if (next % 16 === 0) await new Promise<void>((resolve) => soon(resolve));
  }
  const { head, lastWrites } = fold;
  return fold.isRight
    ? 'the state that was written reads back otherwise: check the disk and the memory of this machine'
    : `from height ${head.height} on the log makes another state here than was certified; that block writes ` +
        `${lastWrites.slice(0, 8).join(', ')}${lastWrites.length > 8 ? ' and more' : ''}: this program evolves ` +
        'events otherwise than those of the others; compare its version with theirs';
}
