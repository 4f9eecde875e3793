// One payment as a file has it, checked as far as it can be without the ledger: form, currency, amount, calendar date.
// Whether the accounts exist and the money is there is the ledger's to say.
import { type AmountProblem, parseAmount } from '../node/ledger/amount.ts';
import { DecodeError } from '../node/ledger/codec.ts';
import { identifier, referenceText } from '../node/ledger/identifiers.ts';
import { identifierLengthMax, purposeLengthMax, referenceLengthMax } from '../node/ledger/limits.ts';
import { type Schema, text } from '../node/ledger/schema.ts';

export interface Payment {
  readonly reference: string;
  /** As given, YYYY-MM-DD; it decides nothing. */
  readonly date: string;
  readonly from: string;
  readonly to: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly purpose: string;
}

/** A payment with its place in the file: a line's number in a CSV, the number of the transaction in an XML message. */
export interface PaymentLine extends Payment {
  readonly line: number;
}

export interface BadLine {
  readonly line: number;
  readonly reference: string | undefined;
  readonly reason: string;
}

export type PaymentFields = { readonly [field in keyof Payment]: string };

const purposeText = text(0, purposeLengthMax);

const identifierRule = `write 1 to ${identifierLengthMax} capital letters, digits and hyphens, like NORTH-1001`;
const referenceRule = `write 1 to ${referenceLengthMax} ASCII characters, without a space at either end`;

/** The payment, or why the fields are none. */
export function readPayment(fields: PaymentFields): Payment | string {
  const { reference, date, from, to, currency, purpose } = fields;
  const problem =
    textProblem('reference', referenceText, reference, referenceRule) ??
    dateProblem(date) ??
    identifierProblem('from', from) ??
    identifierProblem('to', to) ??
    textProblem('purpose', purposeText, purpose);
  if (problem !== undefined) return problem;
  const amount = parseAmount(fields.amount, currency);
  if (typeof amount === 'string') return amountReason(amount, fields.amount, currency);
  return { reference, date, from, to, amount, currency, purpose };
}

/** `rule` says what the schema takes, for people. */
function textProblem(field: string, schema: Schema<string>, value: string, rule?: string): string | undefined {
  if (value === '' && field !== 'purpose') return `${field} is empty`;
  try {
    schema.read(value);
    return undefined;
  } catch (error) {
    if (error instanceof DecodeError) return `${field} "${value}": ${rule ?? error.message}`;
    throw error;
  }
}

/** Why it cannot be the name of a member or an account. */
export function identifierProblem(field: string, value: string): string | undefined {
  return textProblem(field, identifier, value, identifierRule);
}

function dateProblem(date: string): string | undefined {
  const isShaped = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(date);
  const time = Date.parse(`${date}T00:00:00Z`);
  // Date.parse takes 30 February for 2 March on some engines: the way back must give the same text.
  if (isShaped && !Number.isNaN(time) && new Date(time).toISOString().startsWith(date)) return undefined;
  return `date "${date}" is no day of the calendar written YYYY-MM-DD`;
}

const reasons: { readonly [problem in AmountProblem]: string } = {
  'unknown-currency': 'the currency is none of ISO 4217',
  malformed: 'write digits with a point, like 1250.50',
  'too-precise': 'more digits after the point than the currency has',
  'too-large': 'an amount is below 10^18 minor units',
  'not-positive': 'a payment is more than zero',
  negative: 'it may not be below zero',
};

export function amountReason(problem: AmountProblem, amount: string, currency: string): string {
  return `amount "${amount} ${currency}": ${reasons[problem]}`;
}
