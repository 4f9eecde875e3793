// Money at its edges: decimal text to bigint minor units and back, with our own table of ISO 4217 minor units. No
// rates, no rounding, no symbols and no locale: those belong to whoever shows an amount to a person.

import { assert } from './assert.ts';
import { amountMax } from './limits.ts';

/**
 * ISO 4217 list one as of 2026-11-01 (its amendments up to 179, and Bulgaria's euro), by number of minor-unit digits.
 * Codes without a minor unit (metals, units of account, XTS, XXX) are no money here. Intl is no source: it gives HUF,
 * IDR and 27 others the digits that people use, not those of the standard. A change to this table is a change of the
 * protocol.
 */
export const minorUnitTableDate = '2026-11-01';
const minorUnitTable: readonly (readonly [digits: number, codes: string])[] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [
    2,
    `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
    CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
    IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
    MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP
    SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG
    YER ZAR ZMW ZWG`,
  ],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
  [4, 'CLF UYW'],
];

const digitsOf = new Map<string, number>(
  minorUnitTable.flatMap(([digits, codes]) => codes.split(/\s+/).map((code): [string, number] => [code, digits])),
);

/** Every currency that the ledger knows, ascending. */
export const currencies: readonly string[] = [...digitsOf.keys()].sort();

export function isCurrency(code: string): boolean {
  return digitsOf.has(code);
}

/** Digits after the point; undefined for a code that is no currency. */
export function minorUnitDigits(code: string): number | undefined {
  return digitsOf.get(code);
}

export type AmountProblem =
  | 'unknown-currency'
  | 'malformed'
  | 'too-precise'
  | 'too-large'
  | 'not-positive'
  | 'negative';

/** Which amounts make sense where this one stands: a payment, a limit or holding, a balance. */
export type AmountRange = 'positive' | 'not-negative' | 'any';

// No plus sign, no exponent, no grouping, no bare point, no superfluous zero: an amount has one text for each
// precision.
const pattern = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?$/;
const textLengthMax = 40;

/**
 * Minor units of a decimal text such as "1234.50". More digits after the point than the currency has are refused also
 * when they are zeros, as ISO 20022 refuses them. The first problem in the order of AmountProblem wins.
 */
export function parseAmount(text: string, currency: string, range: AmountRange = 'positive'): bigint | AmountProblem {
  const digits = digitsOf.get(currency);
  if (digits === undefined) return 'unknown-currency';
  const match = text.length > textLengthMax ? null : pattern.exec(text);
  if (match === null) return 'malformed';
  const [, sign = '', whole = '', fraction = ''] = match;
  if (fraction.length > digits) return 'too-precise';
  const size = BigInt(whole + fraction.padEnd(digits, '0'));
  if (size > amountMax) return 'too-large';
  const minor = sign === '' ? size : -size;
  if (range === 'positive' && minor <= 0n) return 'not-positive';
  if (range === 'not-negative' && minor < 0n) return 'negative';
  return minor;
}

/** The one decimal text of an amount, with all minor-unit digits: "1234.50", "-0.05", "100" (JPY). */
export function formatAmount(minor: bigint, currency: string): string {
  const digits = digitsOf.get(currency);
  assert(digits !== undefined, `no currency ${currency}`);
  const size = (minor < 0n ? -minor : minor).toString().padStart(digits + 1, '0');
  const point = size.length - digits;
  const sign = minor < 0n ? '-' : '';
  return digits === 0 ? sign + size : `${sign}${size.slice(0, point)}.${size.slice(point)}`;
}
