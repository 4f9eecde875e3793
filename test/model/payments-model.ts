// The rules of money once more, in the order in which docs and tables name the refusals. Nothing of contracts/ is used.
import { isCurrency } from '../../node/ledger/amount.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { bigOf, currencyOf, idOf, type Row, referenceOf, rowOf, textOf } from './raw.ts';
import type { Account, Signer, State } from './state.ts';

/** Bits of a role set, in the order of the ledger's list. */
export const teller = 1;
export const officer = 2;
export const clearing = 4;

const amountMax = 10n ** 18n - 1n;
const balanceMax = 2n ** 63n - 1n;

export type EventRow = readonly [contract: string, type: string, payload: Value];
export type Line = { readonly reference: string; readonly method: string; readonly args: Value };
/** A refusal's code, or what happened. */
export type Decision = string | { readonly events: readonly EventRow[]; readonly lines?: readonly Line[] };

export interface Call {
  readonly state: State;
  readonly signer: Signer;
  readonly index: number;
  readonly reference: string;
  /** Of the block. */
  readonly height: number;
  readonly chainId: Uint8Array;
}

const malformed = 'FF01';
const has = ({ signer }: Call, role: number): boolean => (signer.roles & role) !== 0;
const isReserved = (account: string): boolean => account.startsWith('ISSUED-');
const fits = (balance: bigint): boolean => balance <= balanceMax && balance >= -balanceMax;

export function pay(call: Call, method: string, args: Value): Decision {
  switch (method) {
    case 'open':
      return open(call, args);
    case 'transfer':
      return transfer(call, args);
    case 'issue':
      return issue(call, args);
    case 'batch':
      return file(call, args, 'transfer', has(call, teller) || has(call, clearing));
    case 'open-batch':
      return file(call, args, 'open', has(call, teller) || has(call, clearing) || has(call, officer));
    default:
      return 'AG03';
  }
}

function file(_call: Call, args: Value, method: string, isAllowed: boolean): Decision {
  const rows = rowOf(rowOf(args, 1)?.[0]);
  if (rows === undefined || rows.length < 1 || rows.length > 200) return malformed;
  const lines: Line[] = [];
  for (const each of rows) {
    const row = rowOf(each, 2);
    const reference = referenceOf(row?.[0]);
    if (row?.[1] === undefined || reference === undefined) return malformed;
    lines.push({ reference, method, args: row[1] });
  }
  return isAllowed ? { events: [], lines } : 'DS0G';
}

function open(call: Call, args: Value): Decision {
  const row = rowOf(args, 5);
  const [account, branch, currency] = [idOf(row?.[0]), idOf(row?.[1]), currencyOf(row?.[2])];
  const limitRow = rowOf(row?.[3]);
  const limit = limitRow?.[0] === undefined ? undefined : bigOf(limitRow[0]);
  const opening = bigOf(row?.[4]);
  if (account === undefined || branch === undefined || currency === undefined || opening === undefined)
    return malformed;
  if (limitRow === undefined || limitRow.length > 1 || (limitRow.length === 1 && limit === undefined)) return malformed;
  const { state, signer, index } = call;
  const settles = has(call, clearing);
  const mayOpen = has(call, officer) || (has(call, teller) && limit === 0n);
  if (!settles && (!mayOpen || opening !== 0n)) return 'DS0G';
  if (!settles && signer.member !== branch) return 'DS0H';
  if (isReserved(account)) return 'AC01';
  if (!state.isMember(branch)) return 'AC08';
  if (!isCurrency(currency)) return 'AM11';
  if ((limit !== undefined && limit < 0n) || opening < 0n || opening > amountMax) return 'AM12';
  if (state.account(account) !== undefined) return 'DUPACCT';
  const opened: EventRow = ['payments', 'opened', [account, branch, currency, limitRow]];
  const fresh = { branch, currency, balance: 0n, limit, seq: 0, lastIndex: index };
  if (opening === 0n) {
    state.setAccount(account, fresh);
    return { events: [opened] };
  }
  if (!mayIssue(state, currency, opening)) return 'AM14';
  state.setAccount(account, fresh);
  const moved = post(call, 'issued', `ISSUED-${currency}`, account, opening, currency, ['opening balance', '']);
  return typeof moved === 'string' ? moved : { events: [opened, moved] };
}

interface Asked {
  readonly parties: readonly string[];
  readonly amount: bigint;
  readonly currency: string;
  readonly texts: Row;
}

/** `count` accounts, then amount, currency, purpose and date. */
function asked(args: Value, count: number): Asked | undefined {
  const row = rowOf(args, count + 4) ?? [];
  const parties = row.slice(0, count).flatMap((each) => idOf(each) ?? []);
  const amount = bigOf(row[count]);
  const currency = currencyOf(row[count + 1]);
  const purpose = textOf(row[count + 2], 0, 140);
  const date = textOf(row[count + 3], 0, 10, /^(?:\d{4}-\d{2}-\d{2})?$/);
  if (parties.length !== count || amount === undefined || currency === undefined) return undefined;
  return purpose === undefined || date === undefined
    ? undefined
    : { parties, amount, currency, texts: [purpose, date] };
}

function transfer(call: Call, args: Value): Decision {
  const read = asked(args, 2);
  const [from, to] = read?.parties ?? [];
  if (read === undefined || from === undefined || to === undefined) return malformed;
  const { amount, currency, texts } = read;
  const { state, signer } = call;
  if (!has(call, teller) && !has(call, clearing)) return 'DS0G';
  if (amount === 0n) return 'AM01';
  if (amount < 0n || amount > amountMax) return 'AM12';
  if (from === to || isReserved(from) || isReserved(to)) return 'AG01';
  const debtor = state.account(from);
  if (debtor === undefined) return 'AC02';
  const creditor = state.account(to);
  if (creditor === undefined) return 'AC03';
  if (!has(call, clearing) && signer.member !== debtor.branch) return 'DS0H';
  if (debtor.currency !== currency || creditor.currency !== currency) return 'AM03';
  if (debtor.limit !== undefined && amount > debtor.balance + debtor.limit) return 'AM04';
  if (!fits(debtor.balance - amount) || !fits(creditor.balance + amount)) return 'AM14';
  return { events: [post(call, 'transferred', from, to, amount, currency, texts)] };
}

function issue(call: Call, args: Value): Decision {
  const read = asked(args, 1);
  const [to] = read?.parties ?? [];
  if (read === undefined || to === undefined) return malformed;
  const { amount, currency, texts } = read;
  const { state } = call;
  if (!has(call, clearing)) return 'DS0G';
  if (amount === 0n) return 'AM01';
  if (amount < 0n || amount > amountMax) return 'AM12';
  if (isReserved(to)) return 'AG01';
  const creditor = state.account(to);
  if (creditor === undefined) return 'AC03';
  if (creditor.currency !== currency) return 'AM03';
  if (!mayIssue(state, currency, amount) || !fits(creditor.balance + amount)) return 'AM14';
  return { events: [post(call, 'issued', `ISSUED-${currency}`, to, amount, currency, texts)] };
}

function mayIssue(state: State, currency: string, amount: bigint): boolean {
  const allowance = bigOf(state.get('payments', 'issuance', currency)) ?? 0n;
  const issued = -(state.account(`ISSUED-${currency}`)?.balance ?? 0n);
  return issued + amount <= allowance;
}

/** Moves the money and gives the event that says so. */
function post(
  { state, index }: Call,
  type: string,
  from: string,
  to: string,
  amount: bigint,
  currency: string,
  texts: Row,
): EventRow {
  const side = (id: string, change: bigint): Value => {
    const account = state.account(id) as Account;
    const next = { ...account, seq: account.seq + 1, balance: account.balance + change, lastIndex: index };
    state.setAccount(id, next);
    return [id, next.seq, account.lastIndex, next.balance];
  };
  return ['payments', type, [side(from, -amount), side(to, amount), amount, currency, ...texts]];
}
