// Builds the proof of a balance, now or at an earlier size: from the newest state back along the account's own chain of
// entries. It believes nothing and checks little: what it builds is verified like anybody's.
import type { Genesis } from '../../genesis/genesis.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeStateProof } from '../ledger/ics23.ts';
import { decodeAs } from '../ledger/schema.ts';
import { type AccountRecord, accountRecordSchema, type Touch } from './account-log.ts';
import type { Anchor, Located } from './anchor.ts';
import {
  type BalanceProof,
  encodeBalanceProof,
  type ProvenBalance,
  readTouches,
  verifyBalanceProof,
} from './balance-proof.ts';
import type { Policy } from './policy.ts';
import { locate, type ProofSource } from './proof-source.ts';
import { SourceError } from './source.ts';

export interface MadeProof {
  readonly encoded: Uint8Array;
  readonly proven: ProvenBalance;
}

/** Asked for a log that the source does not have. */
export class SizeError extends Error {
  override name = 'SizeError';
}

export interface BalanceQuestion {
  readonly account: string;
  /** Of the log; undefined: now. */
  readonly at: number | undefined;
  readonly genesis: Genesis;
  readonly policy?: Policy | undefined;
}

/** Throws FindingError where what the source gives does not verify. */
export async function proveBalance(source: ProofSource, question: BalanceQuestion): Promise<MadeProof> {
  const { account, at, genesis, policy } = question;
  const { anchor, size, state } = await source.state(account);
  if (at !== undefined && (at < 1 || at > size)) throw new SizeError(`the checkpointed log has 1 to ${size} entries`);
  const parts = at === undefined ? { state } : await partsAt(source, { account, at, size, state });
  const encoded = encodeBalanceProof(proofOf(account, anchor, parts));
  const proven = verifyBalanceProof(encoded, genesis, policy);
  if (at !== undefined && (at < proven.from || at > proven.to))
    throw new SourceError(`what it gives is of sizes ${proven.from} to ${proven.to}, not of ${at}`);
  return { encoded, proven };
}

type Parts = Partial<Pick<BalanceProof, 'state' | 'before' | 'after'>>;

function proofOf(account: string, anchor: Anchor, { state, before, after }: Parts): BalanceProof {
  return { format: 'daybook/balance-proof/v1', account, anchor, state, before, after };
}

interface Place {
  readonly account: string;
  readonly at: number;
  readonly size: number;
  readonly state: Uint8Array;
}

async function partsAt(source: ProofSource, { account, at, size, state }: Place): Promise<Parts> {
  const record = recordIn(state);
  if (record === undefined || record.lastIndex < at) return { state };
  for (let after = record.lastIndex; ; ) {
    const { previous } = firstTouch({ index: after, entry: await source.entry(after), path: [] }, account);
    if (previous === undefined) return { after: await locate(source, after, size) };
    if (previous >= after) throw new SourceError(`entry ${after} says that entry ${previous} came before it`);
    if (previous < at)
      return { before: await locate(source, previous, size), after: await locate(source, after, size) };
    after = previous;
  }
}

/** The record that a state proof holds, unverified; undefined where it is one of absence. */
export function recordIn(state: Uint8Array): AccountRecord | undefined {
  try {
    const decoded = decodeStateProof(state);
    return 'exist' in decoded ? decodeAs(accountRecordSchema, decoded.exist.value) : undefined;
  } catch (error) {
    if (error instanceof DecodeError) throw new SourceError(`the state proof: ${error.message}`);
    throw error;
  }
}

/** With which an entry begins to touch the account. */
export function firstTouch(located: Located, account: string): Touch {
  const [first] = readTouches(located, account);
  if (first === undefined) throw new SourceError(`entry ${located.index} does not touch ${account}`);
  return first;
}
