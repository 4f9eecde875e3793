// Deterministic CBOR (RFC 8949 section 4.2.1), reduced to integers, byte strings, text and arrays. Every byte that is
// hashed or signed passes here and nowhere else. It knows no format: schema.ts gives shapes to values.
import { decode as cborDecode } from 'cborg';
import { isCborOf, writeCbor } from './cbor-writer.ts';
import type { Value } from './value.ts';

export type { Value };

/** Bytes or text from outside that are not of the one accepted form. Thrown at the edge only, and caught there. */
export class DecodeError extends Error {
  override name = 'DecodeError';
}

const depthMax = 16;
const strict = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: true,
  rejectDuplicateMapKeys: true,
} as const;

/** The bytes own their memory. */
export function encode(value: Value): Uint8Array {
  return writeCbor(value);
}

/**
 * The value of the one encoding that `encode` would give; any second encoding of it is a DecodeError.
 * The re-encoding guard catches what the decoder lets pass: invalid UTF-8, floats for integers, trailing bytes.
 */
export function decode(bytes: Uint8Array): Value {
  const value = parse(bytes);
  assertPlain(value, 0);
  if (!isCborOf(value, bytes)) throw new DecodeError('not the canonical encoding');
  return value;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return cborDecode(bytes, strict);
  } catch (error) {
    throw new DecodeError(error instanceof Error ? error.message : 'not CBOR');
  }
}

function assertPlain(value: unknown, depth: number): asserts value is Value {
  switch (typeof value) {
    case 'number':
      // A float that holds a whole number would be re-encoded as an integer: the guard above refuses it.
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new DecodeError('a number that is no integer');
      return;
    case 'bigint':
    case 'string':
      return;
    case 'object':
      if (value instanceof Uint8Array) return;
      if (Array.isArray(value)) {
        if (depth >= depthMax) throw new DecodeError('nested too deep');
        for (const item of value) assertPlain(item, depth + 1);
        return;
      }
  }
  throw new DecodeError('a type that no ledger format uses');
}
