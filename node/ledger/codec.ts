// Deterministic CBOR (RFC 8949 section 4.2.1), reduced to integers, byte strings, text and arrays. Every byte that is
// hashed or signed passes here and nowhere else. It knows no format: schema.ts gives shapes to values.
import { decode as cborDecode, Tokenizer } from 'cborg';
import { isCborOf, writeCbor } from './cbor-writer.ts';
import type { Value } from './value.ts';

export type { Value };

/** Bytes or text from outside that are not of the one accepted form. Thrown at the edge only, and caught there. */
export class DecodeError extends Error {
  override name = 'DecodeError';
}

const depthMax = 16;
/**
 * Items of one value. A frame of one-byte items would cost a thousand times its length in memory and a second to read,
 * and a peer may send many. Whatever a ledger's entry can hold is far below: it has at most 65,535 bytes.
 */
const itemsMax = 524_288;
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
 * The value of the one encoding that `encode` would give, of at most `most` items; any second encoding of it is a
 * DecodeError.
 * The re-encoding guard catches what the decoder lets pass: invalid UTF-8, floats for integers, trailing bytes.
 */
export function decode(bytes: Uint8Array, most: number = itemsMax): Value {
  const value = parse(bytes, most);
  assertPlain(value, 0);
  if (!isCborOf(value, bytes)) throw new DecodeError('not the canonical encoding');
  return value;
}

/** Stops at the first item too many, before more memory is taken. */
class CountingTokenizer extends Tokenizer {
  #left: number;

  constructor(bytes: Uint8Array, most: number) {
    // A plain view: of a Buffer it would cut views where it must make copies.
    super(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), strict);
    this.#left = most;
  }

  override next() {
    if (this.#left-- <= 0) throw new DecodeError('too many items');
    return super.next();
  }
}

function parse(bytes: Uint8Array, most: number): unknown {
  try {
    // No value has more items than bytes, so most need not be counted.
    return cborDecode(
      bytes,
      bytes.length <= most ? strict : { ...strict, tokenizer: new CountingTokenizer(bytes, most) },
    );
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
