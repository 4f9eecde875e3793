// What the log says of one account: which entries touch it, and how. The shapes and the key of its record in the state
// tree are written here a second time on purpose, like those of the account book.
import { type Genesis, readGenesisEntry, sectionOf } from '../../genesis/genesis.ts';
import { DecodeError, encode } from '../ledger/codec.ts';
import { accepted, decodeEntry, type LedgerEvent } from '../ledger/entry.ts';
import { taggedHash } from '../ledger/hash.ts';
import { currencyCode } from '../ledger/identifiers.ts';
import { balanceMax } from '../ledger/limits.ts';
import { bigInteger, list, oneOf, option, record, type TypeOf, text, uint } from '../ledger/schema.ts';
import { issuedPrefix, openedSchema, postingSchema } from './money.ts';

const payments = 'payments';

/** An account in the state. */
export const accountRecordSchema = record({
  branch: text(0, 34, /^[A-Z0-9-]*$/),
  currency: currencyCode,
  balance: bigInteger(-balanceMax, balanceMax),
  overdraftLimit: option(bigInteger(0n, balanceMax)),
  seq: uint,
  lastIndex: uint,
  status: oneOf(['open', 'closed']),
});
export type AccountRecord = TypeOf<typeof accountRecordSchema>;

const issuanceSchema = record({
  issuance: list(record({ currency: currencyCode, amount: bigInteger(1n, balanceMax) }), 0, 200),
});

/** Of an account's record in the state tree. */
export function accountKey(account: string): Uint8Array {
  return taggedHash('daybook/state/v1', encode([payments, 'accounts', account]));
}

/** One event of an account: its opening, or one side of a posting. */
export interface Touch {
  /** Postings up to this one; 0 for the opening. */
  readonly seq: number;
  /** Index of the entry that touched the account before; undefined for the opening. */
  readonly previous: number | undefined;
  /** Afterwards. */
  readonly balance: bigint;
  readonly currency: string;
  readonly posting?: {
    /** Negative where the account was debited. */
    readonly amount: bigint;
    readonly counterparty: string;
    readonly purpose: string;
    readonly date: string;
  };
}

/** In order. Throws DecodeError on bytes that are no entry, or events that payments would not write. */
export function touchesIn(entryBytes: Uint8Array, account: string): Touch[] {
  const entry = decodeEntry(entryBytes);
  if (entry.kind === 0) return account.startsWith(issuedPrefix) ? foundedIn(entryBytes, account) : [];
  if ((entry.kind !== 1 && entry.kind !== 2) || entry.outcome !== accepted) return [];
  return entry.events.flatMap((event) => {
    const touch = event.contract === payments ? touchOf(event, account) : undefined;
    return touch === undefined ? [] : [touch];
  });
}

function touchOf({ type, payload }: LedgerEvent, account: string): Touch | undefined {
  if (type === 'opened') {
    const opened = openedSchema.read(payload);
    if (opened.account !== account) return undefined;
    return { seq: 0, previous: undefined, balance: 0n, currency: opened.currency };
  }
  if (type !== 'transferred' && type !== 'issued') throw new DecodeError(`no event of money: ${type}`);
  const { debtor, creditor, amount, currency, purpose, date } = postingSchema.read(payload);
  const isDebtor = debtor.account === account;
  if (!isDebtor && creditor.account !== account) return undefined;
  const { seq, previous, balance } = isDebtor ? debtor : creditor;
  const counterparty = isDebtor ? creditor.account : debtor.account;
  return {
    ...{ seq, previous, balance, currency },
    posting: { amount: isDebtor ? -amount : amount, counterparty, purpose, date },
  };
}

/** Genesis opens the accounts that money is issued from. */
function foundedIn(entryBytes: Uint8Array, account: string): Touch[] {
  const currency = issuedCurrencies(readGenesisEntry(entryBytes)).find((each) => issuedPrefix + each === account);
  return currency === undefined ? [] : [{ seq: 0, previous: undefined, balance: 0n, currency }];
}

function issuedCurrencies(genesis: Genesis): readonly string[] {
  const section = sectionOf(genesis, payments);
  return section === undefined ? [] : issuanceSchema.read(section).issuance.map(({ currency }) => currency);
}
