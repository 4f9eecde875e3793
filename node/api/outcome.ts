// A settled transaction with its proof: the entry, its inclusion path in the log that the block's header seals, that
// header and the quorum's certificate. All of it is read from the store; nothing here is a verdict.
import { assert } from '../ledger/assert.ts';
import { toBase64 } from '../ledger/base64.ts';
import { decodeEntry, type Entry, type LineEntry, type TransactionEntry } from '../ledger/entry.ts';
import { type Digest, toHex } from '../ledger/hash.ts';
import { batchLinesMax } from '../ledger/limits.ts';
import { inclusionPath } from '../ledger/merkle.ts';
import { decodeTransaction } from '../ledger/transaction.ts';
import type { BlockRow, Store } from '../store/store.ts';
import { sealedBlock } from './sealed-block.ts';

export interface Receipt {
  readonly entry: string;
  readonly index: number;
  /** From the leaf's sibling up, in hex. */
  readonly path: string[];
  readonly header: string;
  readonly certificate: string;
}

export interface BatchLine {
  readonly line: number;
  readonly reference: string;
  readonly outcome: string;
  readonly index: number;
}

export interface Outcome {
  readonly id: Digest;
  readonly status: 'final';
  readonly outcome: string;
  readonly height: number;
  readonly index: number;
  readonly lines?: BatchLine[];
  readonly receipt: Receipt;
}

/** Of one line of a batch, without the other lines. */
export interface LineOutcome extends BatchLine {
  readonly status: 'final';
  /** Id of the batch. */
  readonly batch: Digest;
  readonly height: number;
  readonly receipt: Receipt;
}

/** `index` where it is known already, as from the row of the reference that it used. */
export function outcomeOf(store: Store, id: Digest, index = store.transaction(id)): Outcome | undefined {
  if (index === undefined) return undefined;
  const { bytes, entry } = entryAt(store, index);
  assert(entry.kind === 1, 'an index row of a transaction leads to its entry');
  return transactionOutcome(store, index, id, bytes, entry);
}

export function outcomeOfReference(store: Store, member: string, reference: string): Outcome | LineOutcome | undefined {
  const row = store.reference(member, reference);
  return row === undefined ? undefined : outcomeAt(store, row.index);
}

/** What the transaction or line entry at `index` says. */
export function outcomeAt(store: Store, index: number): Outcome | LineOutcome {
  const { bytes, entry } = entryAt(store, index);
  if (entry.kind === 2) return lineOutcome(store, index, bytes, entry);
  assert(entry.kind === 1, 'an outcome stands in the entry of a transaction or of a line');
  return transactionOutcome(store, index, decodeTransaction(entry.transaction).id, bytes, entry);
}

function transactionOutcome(
  store: Store,
  index: number,
  id: Digest,
  bytes: Uint8Array,
  { outcome }: TransactionEntry,
): Outcome {
  const block = blockHolding(store, index);
  const lines = linesOf(store, index, block);
  return {
    id,
    status: 'final',
    outcome,
    height: block.height,
    index,
    ...(lines.length === 0 ? {} : { lines }),
    receipt: receiptOf(store, index, bytes, block),
  };
}

function lineOutcome(store: Store, index: number, bytes: Uint8Array, entry: LineEntry): LineOutcome {
  const { line, reference, outcome } = entry;
  const batch = entryAt(store, entry.batch).entry;
  assert(batch.kind === 1, 'a line names the transaction entry of its batch');
  const block = blockHolding(store, index);
  return {
    status: 'final',
    batch: decodeTransaction(batch.transaction).id,
    line,
    reference,
    outcome,
    height: block.height,
    index,
    receipt: receiptOf(store, index, bytes, block),
  };
}

/** The line entries of a batch follow its transaction entry in the same block. */
function linesOf(store: Store, batch: number, block: BlockRow): BatchLine[] {
  const lines: BatchLine[] = [];
  for (let index = batch + 1; index < block.headerIndex && lines.length < batchLinesMax; index++) {
    const { entry } = entryAt(store, index);
    if (entry.kind !== 2 || entry.batch !== batch) break;
    const { line, reference, outcome } = entry;
    lines.push({ line, reference, outcome, index });
  }
  return lines;
}

function receiptOf(store: Store, index: number, entry: Uint8Array, block: BlockRow): Receipt {
  const { logSize, header, certificate } = sealedBlock(store, block);
  const path = inclusionPath((level, at) => store.node(level, at), index, logSize);
  return { entry: toBase64(entry), index, path: path.map(toHex), header, certificate };
}

/** The block whose entries hold `index`, by halving the heights that are held. */
function blockHolding(store: Store, index: number): BlockRow {
  let low = store.base().height + 1;
  let high = store.head().height;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (blockRow(store, middle).headerIndex < index) low = middle + 1;
    else high = middle;
  }
  const block = blockRow(store, low);
  assert(block.firstIndex <= index && index < block.headerIndex, 'an outcome stands in a block');
  return block;
}

function blockRow(store: Store, height: number): BlockRow {
  const block = store.block(height);
  assert(block !== undefined, 'the store has every block from its base up to its head');
  return block;
}

function entryAt(store: Store, index: number): { readonly bytes: Uint8Array; readonly entry: Entry } {
  const bytes = store.entry(index);
  assert(bytes !== undefined, 'the store has every entry up to its head');
  return { bytes, entry: decodeEntry(bytes) };
}
