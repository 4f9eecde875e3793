// The account: what payments keep of it, who may move it, and the posting that every movement of money is. A posting
// names both sides, each with its number in the account's own chain of postings, so that a statement shows that it is
// whole.
import { assert } from '../node/ledger/assert.ts';
import { currencyCode, identifier } from '../node/ledger/identifiers.ts';
import { amountMax, balanceMax, purposeLengthMax } from '../node/ledger/limits.ts';
import { bigInteger, oneOf, option, record, type TypeOf, text, uint } from '../node/ledger/schema.ts';
import type { Collection, SignerIdentity, StateReader, StateWriter } from './contract.ts';

export const balanceSchema = bigInteger(-balanceMax, balanceMax);
export const amountSchema = bigInteger(1n, amountMax);
/** Stored as given; neither ever decides an outcome. */
export const purposeText = text(0, purposeLengthMax);
export const dateText = text(0, 10, /^(?:\d{4}-\d{2}-\d{2})?$/);

export const accountSchema = record({
  /** The member that the account belongs to; empty for the consortium's own ISSUED-<currency>. */
  branch: text(0, 34, /^[A-Z0-9-]*$/),
  currency: currencyCode,
  balance: balanceSchema,
  /** How far below zero the balance may go, in minor units; absent: without limit. */
  overdraftLimit: option(bigInteger(0n, balanceMax)),
  /** Postings so far. */
  seq: uint,
  /** Log index of the entry that touched the account last: its opening or a posting. */
  lastIndex: uint,
  status: oneOf(['open', 'closed']),
});
export type Account = TypeOf<typeof accountSchema>;

/** Key: the account's identifier. */
export const accountsCollection: Collection<Account> = { name: 'accounts', schema: accountSchema };

const issuedPrefix = 'ISSUED-';
/** The account that money of a currency is issued from: its balance is minus what was issued. */
export const issuedAccount = (currency: string): string => issuedPrefix + currency;
export const isReserved = (account: string): boolean => account.startsWith(issuedPrefix);

export function mayMove(signer: SignerIdentity, account: Account): boolean {
  if (signer.roles.includes('clearing')) return true;
  return signer.roles.includes('teller') && signer.member === account.branch;
}

/** What an account has to spend; undefined: without limit. */
export function availableOf(account: Account): bigint | undefined {
  return account.overdraftLimit === undefined ? undefined : account.balance + account.overdraftLimit;
}

/**
 * One account's part in a posting. `previous` is the log index of the entry that touched it before; it may be this one.
 */
export const sideSchema = record({ account: identifier, seq: uint, previous: uint, balance: balanceSchema });
export const postingSchema = record({
  debtor: sideSchema,
  creditor: sideSchema,
  amount: amountSchema,
  currency: currencyCode,
  purpose: purposeText,
  date: dateText,
});
export type PostingSide = TypeOf<typeof sideSchema>;
export type Posting = TypeOf<typeof postingSchema>;

export function sideOf(id: string, account: Account, change: bigint): PostingSide {
  return { account: id, seq: account.seq + 1, previous: account.lastIndex, balance: account.balance + change };
}

export function isWithinBalance(balance: bigint): boolean {
  return balance <= balanceMax && balance >= -balanceMax;
}

export function readAccount(state: StateReader, id: string): Account | undefined {
  return state.read(accountsCollection, id);
}

/** Moves one side of a posting that stands in the entry at `index`. */
export function applySide(state: StateWriter, { account: id, seq, balance }: PostingSide, index: number): void {
  const account = readAccount(state, id);
  assert(account !== undefined && account.seq + 1 === seq, 'a posting follows the last one of its account');
  state.write(accountsCollection, id, { ...account, balance, seq, lastIndex: index });
}
