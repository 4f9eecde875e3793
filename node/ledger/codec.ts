// Deterministic CBOR (RFC 8949 section 4.2.1), reduced to integers, byte strings, text and arrays. Every byte that is
// hashed or signed passes here and nowhere else. It knows no format: schema.ts gives shapes to values.
import { readCbor } from './cbor-reader.ts';
import { writeCbor } from './cbor-writer.ts';
import type { Value } from './value.ts';

export { DecodeError } from './decode-error.ts';
export type { Value };

/**
 * Items of one value. A frame of one-byte items would cost a thousand times its length in memory and a second to read,
 * and a peer may send many. Whatever a ledger's entry can hold is far below: it has at most 65,535 bytes.
 */
const itemsMax = 524_288;

/** The bytes own their memory. */
export function encode(value: Value): Uint8Array {
  return writeCbor(value);
}

/**
 * The value of the one encoding that `encode` would give, of at most `most` items; any second encoding of it is a
 * DecodeError.
 */
export function decode(bytes: Uint8Array, most: number = itemsMax): Value {
  return readCbor(bytes, most);
}
