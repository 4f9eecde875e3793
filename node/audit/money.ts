// Double entry checked from the events alone: an account book that adds up what the log says and believes no state, no
// contract and no executor. Its event shapes are written here a second time on purpose.
import { DecodeError, type Value } from '../ledger/codec.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import { currencyCode, identifier } from '../ledger/identifiers.ts';
import { amountMax, balanceMax, purposeLengthMax } from '../ledger/limits.ts';
import { bigInteger, option, record, type Schema, type TypeOf, text, uint } from '../ledger/schema.ts';
import type { Fault, Rule } from './finding.ts';

export const openedSchema = record({
  account: identifier,
  branch: identifier,
  currency: currencyCode,
  overdraftLimit: option(bigInteger(0n, balanceMax)),
});
const sideSchema = record({
  account: identifier,
  seq: uint,
  previous: uint,
  balance: bigInteger(-balanceMax, balanceMax),
});
export const postingSchema = record({
  debtor: sideSchema,
  creditor: sideSchema,
  amount: bigInteger(1n, amountMax),
  currency: currencyCode,
  purpose: text(0, purposeLengthMax),
  date: text(0, 10),
});
type Side = TypeOf<typeof sideSchema>;

export interface BookAccount {
  readonly branch: string;
  readonly currency: string;
  readonly overdraftLimit: bigint | undefined;
  balance: bigint;
  /** Postings so far, and the log index of the entry that touched the account last. */
  seq: number;
  lastIndex: number;
}

export interface CurrencyTotals {
  readonly currency: string;
  readonly accounts: number;
  readonly moved: bigint;
  readonly issued: bigint;
  readonly balances: bigint;
}

/** Which of the two rules of money broke, and how. */
export type MoneyProblem = Fault & { readonly rule: Extract<Rule, 'posting' | 'conservation'> };

export const issuedPrefix = 'ISSUED-';

export class AccountBook {
  readonly accounts = new Map<string, BookAccount>();
  readonly #allowed: ReadonlyMap<string, bigint>;
  readonly #moved = new Map<string, bigint>();

  /** `allowed`: how much of each currency genesis lets the consortium issue. */
  constructor(allowed: ReadonlyMap<string, bigint>) {
    this.#allowed = allowed;
    for (const currency of allowed.keys())
      this.#open(issuedPrefix + currency, { branch: '', currency, overdraftLimit: allowed.get(currency) }, 0);
  }

  /** Every currency, ascending; the balances added up anew. */
  totals(): CurrencyTotals[] {
    const sums = new Map<string, { accounts: number; balances: bigint }>();
    for (const { currency, balance } of this.accounts.values()) {
      const sum = sums.get(currency) ?? { accounts: 0, balances: 0n };
      sums.set(currency, { accounts: sum.accounts + 1, balances: sum.balances + balance });
    }
    return [...sums]
      .map(([currency, sum]) => {
        const issued = -(this.accounts.get(issuedPrefix + currency)?.balance ?? 0n);
        return { currency, ...sum, issued, moved: this.#moved.get(currency) ?? 0n };
      })
      .sort((a, b) => (a.currency < b.currency ? -1 : 1));
  }

  /**
   * One event in the entry at `index`; what is wrong with it, or undefined. Every posting must sum to zero by the
   * change of both balances, so that the sum of all balances is zero at every height by induction.
   */
  apply({ type, payload }: LedgerEvent, index: number): MoneyProblem | undefined {
    switch (type) {
      case 'opened':
        return this.#opened(payload, index);
      case 'transferred':
      case 'issued':
        return this.#posted(type, payload, index);
      default:
        return posting(`no event of money: ${type}`);
    }
  }

  #open(id: string, terms: Pick<BookAccount, 'branch' | 'currency' | 'overdraftLimit'>, index: number): void {
    this.accounts.set(id, { ...terms, balance: 0n, seq: 0, lastIndex: index });
  }

  #opened(payload: Value, index: number): MoneyProblem | undefined {
    const event = readAs(openedSchema, payload);
    if (typeof event === 'string') return posting(event);
    const { account, ...terms } = event;
    if (this.accounts.has(account)) return posting(`the account ${account} is opened twice`);
    if (account.startsWith(issuedPrefix)) return posting(`${account} is not a branch's to open`);
    this.#open(account, terms, index);
    return undefined;
  }

  #posted(type: 'transferred' | 'issued', payload: Value, index: number): MoneyProblem | undefined {
    const event = readAs(postingSchema, payload);
    if (typeof event === 'string') return posting(event);
    const { debtor, creditor, amount, currency } = event;
    if (debtor.account === creditor.account) return posting(`${debtor.account} pays itself`);
    const issues = debtor.account.startsWith(issuedPrefix);
    if (issues !== (type === 'issued') || creditor.account.startsWith(issuedPrefix))
      return posting(`${type} from ${debtor.account} to ${creditor.account}`);
    const left = this.#sideProblem(debtor, currency, index);
    const right = this.#sideProblem(creditor, currency, index);
    const wrong = left ?? right;
    if (wrong !== undefined) return wrong;
    return this.#move(debtor, creditor, { amount, currency, index });
  }

  /** Whether a side continues its account; a previous entry may be this very one. */
  #sideProblem({ account, seq, previous }: Side, currency: string, index: number): MoneyProblem | undefined {
    const found = this.accounts.get(account);
    if (found === undefined) return posting(`a posting on ${account}, which is not open`);
    if (found.currency !== currency)
      return posting(
        `a posting in ${currency} on ${account}, which is in ${found.currency}`,
        valuesOf(currency, found.currency),
      );
    const due = found.seq + 1;
    if (seq !== due) return posting(`posting ${seq} of ${account} where ${due} is due`, valuesOf(seq, due));
    if (previous !== found.lastIndex || previous > index)
      return posting(
        `posting ${seq} of ${account} follows entry ${previous} where ${found.lastIndex} is due`,
        valuesOf(previous, found.lastIndex),
      );
    return undefined;
  }

  #move(
    debtor: Side,
    creditor: Side,
    { amount, currency, index }: { amount: bigint; currency: string; index: number },
  ): MoneyProblem | undefined {
    const from = this.accounts.get(debtor.account);
    const to = this.accounts.get(creditor.account);
    if (from === undefined || to === undefined) return posting('an account that is not open');
    const [out, into] = [debtor.balance - from.balance, creditor.balance - to.balance];
    if (out + into !== 0n)
      return conservation(`the postings sum to ${out + into} ${currency}, not to 0`, valuesOf(out + into, 0));
    if (into !== amount)
      return posting(`${creditor.account} moves by ${into} in a posting of ${amount}`, valuesOf(into, amount));
    const limit = debtor.account.startsWith(issuedPrefix) ? this.#allowed.get(currency) : from.overdraftLimit;
    if (limit !== undefined && debtor.balance < -limit)
      return posting(
        `${debtor.account} at ${debtor.balance}, beyond its limit of ${limit}`,
        valuesOf(debtor.balance, `at least ${-limit}`),
      );
    for (const [account, side] of [
      [from, debtor],
      [to, creditor],
    ] as const) {
      account.balance = side.balance;
      account.seq = side.seq;
      account.lastIndex = index;
    }
    this.#moved.set(currency, (this.#moved.get(currency) ?? 0n) + amount);
    return undefined;
  }
}

interface Values {
  readonly found: string;
  readonly expected: string;
}

const valuesOf = (found: number | bigint | string, expected: number | bigint | string): Values => {
  return { found: `${found}`, expected: `${expected}` };
};
const posting = (detail: string, values?: Values): MoneyProblem => ({ rule: 'posting', detail, ...values });
const conservation = (detail: string, values: Values): MoneyProblem => ({ rule: 'conservation', detail, ...values });

/** The event, or what is wrong with it. */
function readAs<T extends object>(schema: Schema<T>, payload: Value): T | string {
  try {
    return schema.read(payload);
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
}
