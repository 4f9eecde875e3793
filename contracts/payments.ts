// Money between accounts: opening, transfers, files of either, and issuance within what genesis allows. Double entry:
// what leaves one account reaches another, so the balances of a currency, ISSUED-<currency> included, add up to zero.

import { isCurrency } from '../node/ledger/amount.ts';
import { assert } from '../node/ledger/assert.ts';
import { DecodeError, type Value } from '../node/ledger/codec.ts';
import { currencyCode, identifier, referenceText } from '../node/ledger/identifiers.ts';
import { amountMax, balanceMax, batchLinesMax } from '../node/ledger/limits.ts';
import { anyValue, bigInteger, list, option, record, type TypeOf } from '../node/ledger/schema.ts';
import {
  type Account,
  accountsCollection,
  applySide,
  availableOf,
  dateText,
  isReserved,
  issuedAccount,
  isWithinBalance,
  mayMove,
  type Posting,
  postingSchema,
  purposeText,
  readAccount,
  sideOf,
} from './accounts.ts';
import type { Collection, Context, Contract, ContractEvent, LineCall, Method, StateReader } from './contract.ts';

export const paymentsName = 'payments';

/** Any amount that 64 bits hold is read, so that a bad one is refused with its code and recorded. */
const askedAmount = bigInteger(-(2n ** 63n), balanceMax);

/** How much of a currency may be issued in all, in minor units, set once by genesis. */
const allowance = bigInteger(1n, balanceMax);
export const issuanceSchema = record({ currency: currencyCode, amount: allowance });
export const paymentsSectionSchema = record({ issuance: list(issuanceSchema, 0, 200) });
const allowanceRecords: Collection<bigint> = { name: 'issuance', schema: allowance };

function issuedBeyondAllowance(state: StateReader, currency: string, amount: bigint): boolean {
  const issued = -(readAccount(state, issuedAccount(currency))?.balance ?? 0n);
  return issued + amount > (state.read(allowanceRecords, currency) ?? 0n);
}

const openedEvent = record({
  account: identifier,
  branch: identifier,
  currency: currencyCode,
  overdraftLimit: option(bigInteger(0n, balanceMax)),
});

function postingEvent(type: 'transferred' | 'issued', posting: Posting): ContractEvent {
  return { type, payload: postingSchema.write(posting) };
}

const openArgs = record({
  account: identifier,
  branch: identifier,
  currency: currencyCode,
  overdraftLimit: option(askedAmount),
  openingBalance: askedAmount,
});
const openCodes = ['DS0G', 'DS0H', 'AC01', 'AC08', 'AM11', 'AM12', 'DUPACCT', 'AM14'] as const;
const open: Method<TypeOf<typeof openArgs>, (typeof openCodes)[number]> = {
  args: openArgs,
  refusals: openCodes,
  decide(context, { account: id, branch, currency, overdraftLimit, openingBalance }) {
    const { signer, index } = context;
    const clearing = signer.roles.includes('clearing');
    // Credit is money that may be spent before it is there: who moves money daily grants none (decision 0010).
    const opens = signer.roles.includes('officer') || (signer.roles.includes('teller') && overdraftLimit === 0n);
    // Money that is not there yet is issued: that is the settlement agent's to do.
    if (!clearing && (!opens || openingBalance !== 0n)) return { refusal: 'DS0G' };
    if (!clearing && signer.member !== branch) return { refusal: 'DS0H' };
    if (isReserved(id)) return { refusal: 'AC01' };
    if (!context.isMember(branch)) return { refusal: 'AC08' };
    if (!isCurrency(currency)) return { refusal: 'AM11' };
    if (overdraftLimit !== undefined && overdraftLimit < 0n) return { refusal: 'AM12' };
    if (openingBalance < 0n || openingBalance > amountMax) return { refusal: 'AM12' };
    if (readAccount(context, id) !== undefined) return { refusal: 'DUPACCT' };
    const opened = { type: 'opened', payload: openedEvent.write({ account: id, branch, currency, overdraftLimit }) };
    if (openingBalance === 0n) return { events: [opened] };
    if (issuedBeyondAllowance(context, currency, openingBalance)) return { refusal: 'AM14' };
    const issuer = readAccount(context, issuedAccount(currency));
    assert(issuer !== undefined, 'a currency that may be issued has its issuing account');
    const posting = {
      debtor: sideOf(issuedAccount(currency), issuer, -openingBalance),
      creditor: { account: id, seq: 1, previous: index, balance: openingBalance },
      amount: openingBalance,
      currency,
      purpose: 'opening balance',
      date: '',
    };
    return { events: [opened, postingEvent('issued', posting)] };
  },
};

const transferArgs = record({
  from: identifier,
  to: identifier,
  amount: askedAmount,
  currency: currencyCode,
  purpose: purposeText,
  date: dateText,
});
const transferCodes = ['DS0G', 'AM01', 'AM12', 'AG01', 'AC02', 'AC03', 'DS0H', 'AC04', 'AM03', 'AM04', 'AM14'] as const;
const transfer: Method<TypeOf<typeof transferArgs>, (typeof transferCodes)[number]> = {
  args: transferArgs,
  refusals: transferCodes,
  decide(context, { from, to, amount, currency, purpose, date }) {
    const { signer } = context;
    if (!movesMoney(context)) return { refusal: 'DS0G' };
    if (amount === 0n) return { refusal: 'AM01' };
    if (amount < 0n || amount > amountMax) return { refusal: 'AM12' };
    if (from === to || isReserved(from) || isReserved(to)) return { refusal: 'AG01' };
    const debtor = readAccount(context, from);
    if (debtor === undefined) return { refusal: 'AC02' };
    const creditor = readAccount(context, to);
    if (creditor === undefined) return { refusal: 'AC03' };
    if (!mayMove(signer, debtor)) return { refusal: 'DS0H' };
    if (debtor.status === 'closed' || creditor.status === 'closed') return { refusal: 'AC04' };
    if (debtor.currency !== currency || creditor.currency !== currency) return { refusal: 'AM03' };
    const available = availableOf(debtor);
    if (available !== undefined && amount > available) return { refusal: 'AM04' };
    const sides = { debtor: sideOf(from, debtor, -amount), creditor: sideOf(to, creditor, amount) };
    if (!isWithinBalance(sides.debtor.balance) || !isWithinBalance(sides.creditor.balance)) return { refusal: 'AM14' };
    return { events: [postingEvent('transferred', { ...sides, amount, currency, purpose, date })] };
  },
};

function movesMoney({ signer }: Context): boolean {
  return signer.roles.includes('teller') || signer.roles.includes('clearing');
}

const issueArgs = record({
  to: identifier,
  amount: askedAmount,
  currency: currencyCode,
  purpose: purposeText,
  date: dateText,
});
const issueCodes = ['DS0G', 'AM01', 'AM12', 'AG01', 'AC03', 'AC04', 'AM03', 'AM14'] as const;
const issue: Method<TypeOf<typeof issueArgs>, (typeof issueCodes)[number]> = {
  args: issueArgs,
  refusals: issueCodes,
  decide(context, { to, amount, currency, purpose, date }) {
    if (!context.signer.roles.includes('clearing')) return { refusal: 'DS0G' };
    if (amount === 0n) return { refusal: 'AM01' };
    if (amount < 0n || amount > amountMax) return { refusal: 'AM12' };
    if (isReserved(to)) return { refusal: 'AG01' };
    const creditor = readAccount(context, to);
    if (creditor === undefined) return { refusal: 'AC03' };
    if (creditor.status === 'closed') return { refusal: 'AC04' };
    if (creditor.currency !== currency) return { refusal: 'AM03' };
    if (issuedBeyondAllowance(context, currency, amount)) return { refusal: 'AM14' };
    const from = issuedAccount(currency);
    const issuer = readAccount(context, from);
    assert(issuer !== undefined, 'a currency that may be issued has its issuing account');
    const sides = { debtor: sideOf(from, issuer, -amount), creditor: sideOf(to, creditor, amount) };
    if (!isWithinBalance(sides.creditor.balance)) return { refusal: 'AM14' };
    return { events: [postingEvent('issued', { ...sides, amount, currency, purpose, date })] };
  },
};

// A line's arguments are read when its turn comes, so that a malformed one is refused alone.
const fileLine = record({ reference: referenceText, args: anyValue });
const fileArgs = record({ lines: list(fileLine, 1, batchLinesMax) });
type FileArgs = TypeOf<typeof fileArgs>;
const fileCodes = ['DS0G'] as const;

function fileOf(method: string, isAllowed: (context: Context) => boolean): Method<FileArgs, 'DS0G'> {
  return {
    args: fileArgs,
    refusals: fileCodes,
    decide(context, { lines }) {
      if (!isAllowed(context)) return { refusal: 'DS0G' };
      return { events: [], lines: lines.map((line): LineCall => ({ ...line, method })) };
    },
  };
}

const batch = fileOf('transfer', movesMoney);
const openBatch = fileOf('open', (context) => movesMoney(context) || context.signer.roles.includes('officer'));

export const payments: Contract = {
  name: paymentsName,
  methods: { open, 'open-batch': openBatch, transfer, batch, issue },

  begin(state, value) {
    for (const { currency, amount } of paymentsSectionSchema.read(value).issuance) {
      if (!isCurrency(currency)) throw new DecodeError(`unknown currency ${currency}`);
      state.write(allowanceRecords, currency, amount);
      const issuer: Account = {
        branch: '',
        currency,
        balance: 0n,
        overdraftLimit: undefined,
        seq: 0,
        lastIndex: 0,
        status: 'open',
      };
      state.write(accountsCollection, issuedAccount(currency), issuer);
    }
  },

  evolve(state, { type, payload }, index) {
    switch (type) {
      case 'opened': {
        const { account, ...terms } = openedEvent.read(payload);
        state.write(accountsCollection, account, { ...terms, balance: 0n, seq: 0, lastIndex: index, status: 'open' });
        return;
      }
      case 'transferred':
      case 'issued': {
        const { debtor, creditor } = postingSchema.read(payload);
        applySide(state, debtor, index);
        applySide(state, creditor, index);
        return;
      }
      default:
        assert(false, `payments know no event ${type}`);
    }
  },
};

export type OpenArguments = TypeOf<typeof openArgs>;
export type TransferArguments = TypeOf<typeof transferArgs>;
export type IssueArguments = TypeOf<typeof issueArgs>;
export interface FileLine<Args> {
  readonly reference: string;
  readonly args: Args;
}

/** Arguments of the methods, as clients build them; all are sent to the contract `payments`. Throw DecodeError. */
export const openArguments = (args: OpenArguments): Value => openArgs.write(args);
export const transferArguments = (args: TransferArguments): Value => transferArgs.write(args);
export const issueArguments = (args: IssueArguments): Value => issueArgs.write(args);
export function batchArguments(lines: readonly FileLine<TransferArguments>[]): Value {
  return fileArgs.write({ lines: lines.map((line) => ({ ...line, args: transferArgs.write(line.args) })) });
}
export function openBatchArguments(lines: readonly FileLine<OpenArguments>[]): Value {
  return fileArgs.write({ lines: lines.map((line) => ({ ...line, args: openArgs.write(line.args) })) });
}

/**
 * How many lines a transaction of this contract has, before it is run: those of a file, else one. A file of more lines
 * than a file may have is refused as a whole; counted by its lines it would fit into no block, and hold up its member.
 */
export function paymentLines(method: string, args: Value): number {
  if (method !== 'batch' && method !== 'open-batch') return 1;
  const [lines] = Array.isArray(args) ? (args as readonly Value[]) : [];
  return Array.isArray(lines) && lines.length <= batchLinesMax ? Math.max(1, lines.length) : 1;
}
