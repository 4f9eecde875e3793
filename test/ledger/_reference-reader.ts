// The reference for node/ledger/cbor-reader.ts: cborg in its strict mode, a check of types and depth, and the result
// written again by cborg and compared. Two independent implementations, and slow.
import { decode, encode } from 'cborg';
import { DecodeError, type Value } from '../../node/ledger/codec.ts';

const strict = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: true,
  rejectDuplicateMapKeys: true,
} as const;
const depthMax = 16;

/** Throws DecodeError for whatever is not the one encoding of a value. */
export function referenceRead(bytes: Uint8Array): Value {
  // A plain view: of a Buffer cborg would cut views where it must make copies.
  const value = parsed(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  assertPlain(value, 0);
  if (Buffer.compare(encode(value), bytes) !== 0) throw new DecodeError('not the canonical encoding');
  return value;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, strict);
  } catch (error) {
    throw new DecodeError(String(error));
  }
}

function assertPlain(value: unknown, depth: number): asserts value is Value {
  if (typeof value === 'bigint' || typeof value === 'string' || value instanceof Uint8Array) return;
  if (typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0)) return;
  if (!Array.isArray(value) || depth >= depthMax) throw new DecodeError('no value of a ledger format');
  for (const item of value) assertPlain(item, depth + 1);
}
