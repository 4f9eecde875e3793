// A statement of account that is provably complete: the postings of a range of the log, one seq after another, from an
// opening to a closing balance, each entry proved to be in the cosigned log. A gap is named, never passed over.
import type { Genesis } from '../../genesis/genesis.ts';
import type { Checkpoint } from '../ledger/checkpoint.ts';
import { decodeHeader } from '../ledger/entry.ts';
import type { AccountRecord, Touch } from './account-log.ts';
import { decodedAs, failed, type JudgedAnchor, judgeAnchor, judgePlace, type Located } from './anchor.ts';
import { judgeState, readTouches } from './balance-proof.ts';
import { firstTouch, SizeError } from './balance-prover.ts';
import type { Policy } from './policy.ts';
import { locate, type ProofSource } from './proof-source.ts';
import { SourceError } from './source.ts';

/** Of one statement; ask for a shorter range beyond. */
const postingsMax = 100_000;

/** A log size, or a time: the first block of that time or later. */
export type Bound = { readonly size: number } | { readonly timeMs: number };

export interface StatementQuestion {
  readonly account: string;
  /** Entries before `from` are not in it, those from `to` on neither. */
  readonly from: Bound;
  readonly to: Bound | undefined;
  readonly genesis: Genesis;
  readonly policy?: Policy | undefined;
}

export interface StatementLine extends Touch {
  readonly index: number;
}

export interface Standing {
  readonly seq: number;
  readonly balance: bigint;
}

export interface ProvenStatement {
  readonly account: string;
  /** Undefined where the account is in no log of the range. */
  readonly currency: string | undefined;
  /** Log sizes: the entries from `from` on, before `to`. */
  readonly from: number;
  readonly to: number;
  /** Undefined: the account was not open yet. */
  readonly opening: Standing | undefined;
  readonly closing: Standing | undefined;
  /** The opening of the account, if it is in the range, and every posting. */
  readonly lines: readonly StatementLine[];
  readonly checkpoint: Checkpoint;
  /** Height and timestamp of the block with which the checkpoint ends. */
  readonly height: number;
  readonly timestamp: number;
}

/** Whether a log whose last block is of that time shows all before the bound: else a later block may add to it. */
export function isReached(bound: Bound | undefined, timestamp: number): boolean {
  return bound === undefined || 'size' in bound || timestamp >= bound.timeMs;
}

/** Throws FindingError where what the source gives does not verify, SourceError where it gives too little. */
export async function proveStatement(source: ProofSource, question: StatementQuestion): Promise<ProvenStatement> {
  const { account, genesis, policy } = question;
  const { anchor, state } = await source.state(account);
  const judged = judgeAnchor(anchor, genesis, policy);
  const record = judgeState(state, account, judged);
  const [from, to] = await rangeOf(source, question, judged);
  const entries = record === undefined ? [] : await walk(source, { account, record, from, to, judged });
  return judgeStatement({ account, from, to, record, entries }, judged);
}

async function rangeOf(source: ProofSource, question: StatementQuestion, judged: JudgedAnchor) {
  const from = await sizeOf(source, question.from, judged);
  const to = question.to === undefined ? judged.checkpoint.size : await sizeOf(source, question.to, judged);
  if (from > to) throw new SizeError(`the range begins at entry ${from} and ends before entry ${to}`);
  return [from, to] as const;
}

/** How many entries are before a bound; for a time proved by the two headers on its sides. */
async function sizeOf(source: ProofSource, bound: Bound, { checkpoint, header }: JudgedAnchor): Promise<number> {
  const { size } = checkpoint;
  if ('size' in bound) {
    if (bound.size > size) throw new SizeError(`the checkpointed log has ${size} entries`);
    return bound.size;
  }
  const { timeMs } = bound;
  if (!isReached(bound, header.timestamp)) return size;
  const block = async (height: number) => {
    const { headerIndex } = await source.block(height);
    const located = await locate(source, headerIndex, size);
    judgePlace(located, checkpoint, 'the header');
    const found = decodedAs('proof-entry', () => decodeHeader(located.entry), headerIndex);
    if (found.height !== height) failed('header-height', `height ${found.height} where ${height} is asked for`);
    return { end: headerIndex + 1, timestamp: found.timestamp };
  };
  // The first block that is not before the time: its predecessor is, and blocks' times grow.
  let [low, high] = [1, header.height];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((await block(middle)).timestamp < timeMs) low = middle + 1;
    else high = middle;
  }
  if (low === 1) return 1;
  return (await block(low - 1)).end;
}

interface Walk {
  readonly account: string;
  readonly record: AccountRecord;
  readonly from: number;
  readonly to: number;
  readonly judged: JudgedAnchor;
}

/** Back along the account's own chain: the entry before the range, those in it, and the one after it. */
async function walk(source: ProofSource, { account, record, from, to, judged }: Walk): Promise<Located[]> {
  const { size } = judged.checkpoint;
  const entries: Located[] = [];
  let due = record.seq;
  for (let index = record.lastIndex; ; ) {
    const located = await given(source, { index, size, account, due });
    // Of those after the range only the nearest counts.
    if (index >= to) entries.length = 0;
    entries.push(located);
    if (entries.length > postingsMax) throw new SizeError(`over ${postingsMax} postings; ask for a shorter range`);
    const { previous, seq } = firstTouch(located, account);
    if (index < from || previous === undefined) return entries.reverse();
    if (previous >= index) throw new SourceError(`entry ${index} says that entry ${previous} came before it`);
    index = previous;
    due = seq - 1;
  }
}

interface Due {
  readonly index: number;
  readonly size: number;
  readonly account: string;
  /** The posting that the entry should end with. */
  readonly due: number;
}

async function given(source: ProofSource, { index, size, account, due }: Due): Promise<Located> {
  try {
    return await locate(source, index, size);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new SourceError(
      `the gap: postings of ${account} up to ${due}, in entry ${index} and before: ${error.message}`,
    );
  }
}

export interface StatementParts {
  readonly account: string;
  readonly from: number;
  readonly to: number;
  /** As the state proof shows it; undefined: there is no such account. */
  readonly record: AccountRecord | undefined;
  /** Ascending. */
  readonly entries: readonly Located[];
}

/** Throws FindingError that names the first gap. */
export function judgeStatement(
  { account, from, to, record, entries }: StatementParts,
  { checkpoint, header }: JudgedAnchor,
): ProvenStatement {
  const touches = entries.flatMap((located) => {
    judgePlace(located, checkpoint);
    return readTouches(located, account).map((touch): StatementLine => ({ ...touch, index: located.index }));
  });
  touches.forEach((touch, i) => {
    const before = touches[i - 1];
    if (before === undefined) return;
    const isNext = touch.seq === before.seq + 1 && touch.previous === before.index;
    if (!isNext) gap(`posting ${touch.seq} in entry ${touch.index} does not follow ${before.seq} in ${before.index}`);
  });
  const [first, last] = [touches[0], touches.at(-1)];
  if (first !== undefined && first.index >= from && first.previous !== undefined)
    gap(`nothing shows what was before posting ${first.seq} in entry ${first.index}`);
  const isClosed = last === undefined ? record === undefined : last.index >= to || isLast(last, record);
  if (!isClosed) gap(`nothing shows that posting ${last?.seq ?? 0} is the last one before entry ${to}`);
  const opening = touches.findLast(({ index }) => index < from);
  const closing = touches.findLast(({ index }) => index < to);
  return {
    ...{ account, currency: first?.currency, from, to, checkpoint },
    ...{ height: header.height, timestamp: header.timestamp },
    opening: standingOf(opening),
    closing: standingOf(closing),
    lines: touches.filter(({ index }) => index >= from && index < to),
  };
}

function isLast(last: StatementLine, record: AccountRecord | undefined): boolean {
  return record?.seq === last.seq && record.lastIndex === last.index && record.balance === last.balance;
}

function standingOf(line: StatementLine | undefined): Standing | undefined {
  return line && { seq: line.seq, balance: line.balance };
}

function gap(detail: string): never {
  return failed('posting', `the statement is not complete: ${detail}`);
}
