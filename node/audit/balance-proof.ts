// A balance, or the absence of an account, proved to whoever holds the genesis document: under the state root of a
// cosigned log, or by the two entries between which nothing touched the account. Needs no state of the past.
import { type Genesis, GenesisError } from '../../genesis/genesis.ts';
import type { Checkpoint } from '../ledger/checkpoint.ts';
import { decodeStateProof } from '../ledger/ics23.ts';
import { identifier } from '../ledger/identifiers.ts';
import { bytes, decodeAs, encodeAs, oneOf, option, record, type TypeOf } from '../ledger/schema.ts';
import { type AccountRecord, accountKey, accountRecordSchema, type Touch, touchesIn } from './account-log.ts';
import {
  anchorSchema,
  decodedAs,
  failed,
  type JudgedAnchor,
  judgeAnchor,
  judgePlace,
  type Located,
  locatedSchema,
} from './anchor.ts';
import { verifyMembership, verifyNonMembership } from './ics23.ts';
import type { Policy } from './policy.ts';

/** Two records and two ways of at most 256 steps. */
const stateProofBytesMax = 65_536;

/**
 * What shows it: `state` alone; `before` and `after`, which follow one another in the account's chain; or `after`
 * alone, which opens the account.
 */
export const balanceProofSchema = record({
  format: oneOf(['daybook/balance-proof/v1']),
  account: identifier,
  anchor: anchorSchema,
  state: option(bytes(1, stateProofBytesMax)),
  before: option(locatedSchema),
  after: option(locatedSchema),
});
export type BalanceProof = TypeOf<typeof balanceProofSchema>;

export interface ProvenBalance {
  readonly account: string;
  /** It holds in every log of `from` to `to` entries. */
  readonly from: number;
  readonly to: number;
  readonly checkpoint: Checkpoint;
  /** Height and timestamp of the block with which the checkpoint ends. */
  readonly height: number;
  readonly timestamp: number;
  /** Undefined: there is no such account. */
  readonly balance: { readonly amount: bigint; readonly currency: string; readonly seq: number } | undefined;
}

export function encodeBalanceProof(proof: BalanceProof): Uint8Array {
  return encodeAs(balanceProofSchema, proof);
}

/** Throws FindingError. */
export function verifyBalanceProof(encoded: Uint8Array, genesis: Genesis, policy?: Policy): ProvenBalance {
  const proof = decodedAs('proof-form', () => decodeAs(balanceProofSchema, encoded));
  const anchor = judgeAnchor(proof.anchor, genesis, policy);
  const { checkpoint, header } = anchor;
  const { height, timestamp } = header;
  return { account: proof.account, checkpoint, height, timestamp, ...judgeClaim(proof, anchor) };
}

type Claim = Pick<ProvenBalance, 'from' | 'to' | 'balance'>;

function judgeClaim({ account, state, before, after }: BalanceProof, anchor: JudgedAnchor): Claim {
  const { checkpoint } = anchor;
  if (state !== undefined && before === undefined && after === undefined) {
    const to = checkpoint.size;
    const found = judgeState(state, account, anchor);
    if (found === undefined) return { from: 1, to, balance: undefined };
    const { balance: amount, currency, seq, lastIndex } = found;
    if (lastIndex >= to) return failed('posting', `the account was touched at ${lastIndex}, and the log has ${to}`);
    return { from: lastIndex + 1, to, balance: { amount, currency, seq } };
  }
  if (state !== undefined || after === undefined)
    return failed('proof-form', 'it is to hold a state proof alone, or two entries, or the one that opens the account');
  judgePlace(after, checkpoint);
  const [next] = readTouches(after, account);
  if (before === undefined) {
    if (next === undefined || next.previous !== undefined)
      return failed('posting', `the entry does not open ${account}`, 0, after.index);
    // What genesis opens is in every log: there is none of which its absence could be said.
    if (after.index < 1) return failed('proof-form', `no log ends before ${account} is opened`, 0, after.index);
    return { from: 1, to: after.index, balance: undefined };
  }
  judgePlace(before, checkpoint);
  const last = readTouches(before, account).at(-1);
  if (last === undefined) return failed('posting', `the entry does not touch ${account}`, 0, before.index);
  const problem = followProblem({ index: before.index, last }, { index: after.index, next }, account);
  if (problem !== undefined) return failed('posting', problem, 0, after.index);
  const { balance: amount, currency, seq } = last;
  return { from: before.index + 1, to: after.index, balance: { amount, currency, seq } };
}

/** The account's record under the state root of the anchor; undefined: it is absent. Throws FindingError. */
export function judgeState(proof: Uint8Array, account: string, { header }: JudgedAnchor): AccountRecord | undefined {
  const decoded = decodedAs('proof-state', () => decodeStateProof(proof));
  const key = accountKey(account);
  if (!('exist' in decoded)) {
    if (verifyNonMembership(header.stateRoot, proof, key)) return undefined;
    return failed('proof-state', `it does not show that ${account} is absent`, header.height);
  }
  const { value } = decoded.exist;
  if (!verifyMembership(header.stateRoot, proof, key, value))
    return failed('proof-state', `it does not lead from ${account} to the state root`, header.height);
  return decodedAs('proof-state', () => decodeAs(accountRecordSchema, value));
}

/** Why nothing proves that one entry is the account's next after another, or undefined. */
export function followProblem(
  before: { readonly index: number; readonly last: Pick<Touch, 'seq'> },
  after: { readonly index: number; readonly next: Touch | undefined },
  account: string,
): string | undefined {
  const { next, index } = after;
  if (next === undefined) return `the entry does not touch ${account}`;
  if (next.previous === undefined) return `the entry opens ${account}`;
  const { seq } = before.last;
  if (next.seq !== seq + 1) return `it holds posting ${next.seq} of ${account} where ${seq + 1} is due`;
  if (next.previous !== before.index || index <= before.index)
    return `posting ${next.seq} of ${account} follows entry ${next.previous}, not ${before.index}`;
  return undefined;
}

/** Throws FindingError. */
export function readTouches({ entry, index }: Located, account: string): Touch[] {
  try {
    return decodedAs('proof-entry', () => touchesIn(entry, account), index);
  } catch (error) {
    if (error instanceof GenesisError) return failed('proof-entry', error.message, 0, index);
    throw error;
  }
}
