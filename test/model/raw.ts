// Fields of decoded values, read by position: the model takes formats apart by hand, so that a mistake in the node's
// schemas is not its own as well. Each reader answers undefined for a value that is not of its form.
import type { Value } from '../../node/ledger/codec.ts';
import { isLedgerText } from '../../node/ledger/text.ts';

export type Row = readonly Value[];

export class Disagreement extends Error {
  override name = 'Disagreement';
}

export function rowOf(value: Value | undefined, length?: number): Row | undefined {
  if (!Array.isArray(value)) return undefined;
  const row: Row = value;
  return length === undefined || row.length === length ? row : undefined;
}

/** For bytes that the log vouches for: whatever is not of the form is a disagreement. */
export function must<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Disagreement(what);
  return value;
}

export function textOf(value: Value | undefined, min: number, max: number, form?: RegExp): string | undefined {
  if (typeof value !== 'string' || value.length < min || value.length > max) return undefined;
  return isLedgerText(value) && (form === undefined || form.test(value)) ? value : undefined;
}

export const idOf = (value: Value | undefined) => textOf(value, 1, 34, /^[A-Z0-9-]+$/);
export const userNameOf = (value: Value | undefined) => textOf(value, 1, 34, /^[A-Za-z0-9][A-Za-z0-9.-]*$/);
export const currencyOf = (value: Value | undefined) => textOf(value, 3, 3, /^[A-Z]{3}$/);
export const referenceOf = (value: Value | undefined) =>
  textOf(value, 1, 35, /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/);

export function bytesOf(value: Value | undefined, length: number): Uint8Array | undefined {
  return value instanceof Uint8Array && value.length === length ? value : undefined;
}

export function numberOf(value: Value | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

const int64Max = 2n ** 63n - 1n;

/** What a balance, a limit or an asked amount may be: -2^63 to 2^63-1. */
export function bigOf(
  value: Value | undefined,
  min: bigint = -(2n ** 63n),
  max: bigint = int64Max,
): bigint | undefined {
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  const big = BigInt(value);
  return big >= min && big <= max ? big : undefined;
}

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
