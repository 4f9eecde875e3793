// Shapes over codec values: fixed-position arrays with names for their fields. Each schema reads only what it would
// write, so a format has one encoding. Reading throws DecodeError with the path of the field.
import { DecodeError, decode, encode, type Value } from './codec.ts';
import { isLedgerText } from './text.ts';

export interface Schema<T> {
  write(value: T): Value;
  /** Throws DecodeError. */
  read(value: Value): T;
}

export type TypeOf<S> = S extends Schema<infer T> ? T : never;

export function encodeAs<T>(schema: Schema<T>, value: T): Uint8Array {
  return encode(schema.write(value));
}

/** Throws DecodeError on anything but the canonical encoding of a value of this shape. */
export function decodeAs<T>(schema: Schema<T>, bytes: Uint8Array): T {
  return schema.read(decode(bytes));
}

function fail(message: string): never {
  throw new DecodeError(message);
}

/** A whole number from `min` to `max`, both safe integers. */
export function integer(min: number, max: number): Schema<number> {
  const read = (value: Value): number =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
      ? value
      : fail(`not an integer of ${min} to ${max}`);
  return { write: read, read };
}

export const uint: Schema<number> = integer(0, Number.MAX_SAFE_INTEGER);

/** A bigint from `min` to `max`, both within 64 bits. */
export function bigInteger(min: bigint, max: bigint): Schema<bigint> {
  return {
    write: (value) => (value >= min && value <= max ? value : fail(`not an integer of ${min} to ${max}`)),
    read(value) {
      const big = typeof value === 'number' || typeof value === 'bigint' ? BigInt(value) : fail('not an integer');
      return big >= min && big <= max ? big : fail(`not an integer of ${min} to ${max}`);
    },
  };
}

/** Text of `min` to `max` UTF-16 units, of the ledger's characters, in normal form C. */
export function text(min: number, max: number, pattern?: RegExp): Schema<string> {
  const read = (value: Value): string => {
    if (typeof value !== 'string') fail('not text');
    if (value.length < min || value.length > max) fail(`not text of ${min} to ${max} characters`);
    if (pattern !== undefined && !pattern.test(value)) fail(`text that does not match ${pattern.source}`);
    if (!isLedgerText(value)) fail('text with a character outside the ledger text set, or not in normal form C');
    return value;
  };
  return { write: read, read };
}

export function bytes(min: number, max: number = min): Schema<Uint8Array> {
  const read = (value: Value): Uint8Array =>
    value instanceof Uint8Array && value.length >= min && value.length <= max
      ? value
      : fail(`not a byte string of ${min} to ${max} bytes`);
  return { write: read, read };
}

/** One of a closed list of texts. */
export function oneOf<const T extends string>(choices: readonly T[]): Schema<T> {
  const read = (value: Value): T =>
    choices.find((choice) => choice === value) ?? fail(`not one of ${choices.join(', ')}`);
  return { write: read, read };
}

/** Exactly this number: a version or the tag of a variant. */
export function literal<const N extends number>(wanted: N): Schema<N> {
  const read = (value: Value): N => (value === wanted ? wanted : fail(`not ${wanted}`));
  return { write: read, read };
}

export function list<T>(item: Schema<T>, min: number, max: number): Schema<readonly T[]> {
  const sized = (length: number) => length >= min && length <= max;
  return {
    write: (items) =>
      sized(items.length) ? items.map((each) => item.write(each)) : fail(`not ${min} to ${max} items`),
    read(value) {
      if (!Array.isArray(value)) return fail('not an array');
      const items: readonly Value[] = value;
      return sized(items.length) ? items.map((each) => item.read(each)) : fail(`not ${min} to ${max} items`);
    },
  };
}

/** A value or nothing: an array of one or no item. */
export function option<T>(item: Schema<T>): Schema<T | undefined> {
  return {
    write: (value) => (value === undefined ? [] : [item.write(value)]),
    read(value) {
      if (!Array.isArray(value) || value.length > 1) return fail('not an array of at most one item');
      const items: readonly Value[] = value;
      return items[0] === undefined ? undefined : item.read(items[0]);
    },
  };
}

export type RecordOf<F> = { readonly [K in keyof F]: F[K] extends Schema<infer T> ? T : never };

/** A fixed-position array; the order of the fields here is their order there. */
export function record<F extends { readonly [name: string]: Schema<unknown> }>(fields: F): Schema<RecordOf<F>> {
  const names = Object.keys(fields);
  const schemas = Object.values(fields);
  const count = names.length;
  // Every entry passes here, field by field: plain loops, without a function for each field.
  return {
    write(value) {
      const items: Value[] = [];
      let i = 0;
      try {
        for (; i < count; i++) items.push((schemas[i] as Schema<unknown>).write(value[names[i] as string]));
      } catch (error) {
        throw inField(names[i], error);
      }
      return items;
    },
    read(value) {
      if (!Array.isArray(value) || value.length !== count) return fail(`not an array of ${count}`);
      const items: readonly Value[] = value;
      const result: Record<string, unknown> = {};
      let i = 0;
      try {
        for (; i < count; i++) {
          const item = items[i];
          if (item === undefined) return fail('missing');
          result[names[i] as string] = (schemas[i] as Schema<unknown>).read(item);
        }
      } catch (error) {
        throw inField(names[i], error);
      }
      return result as RecordOf<F>;
    },
  };
}

function inField(name: string | undefined, error: unknown): unknown {
  return error instanceof DecodeError ? new DecodeError(`${name}: ${error.message}`) : error;
}

/** Any value the codec allows; whoever holds it gives it a shape later (contract arguments and event payloads). */
export const anyValue: Schema<Value> = { write: (value) => value, read: (value) => value };
