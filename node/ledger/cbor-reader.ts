// Reads deterministic CBOR (RFC 8949 section 4.2.1) in one pass and nothing but that: each head must have its shortest
// form, so no second encoding of a value is ever read and nothing need be written again to be compared. cborg, strict
// and with its result encoded again, is the reference: tests hold that both read the same values and refuse the same
// bytes (decision 0012).
import { DecodeError } from './decode-error.ts';
import type { Value } from './value.ts';

const depthMax = 16;
const shortText = 24;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Only synchronous code touches these, and `readCbor` begins by setting them all. */
let input: Uint8Array = new Uint8Array(0);
let at = 0;
let left = 0;

/**
 * The value that these bytes are the encoding of, of at most `most` items; byte strings in it are copies. Throws
 * DecodeError for everything else. Memory is taken for what is there, never for what a length claims.
 */
export function readCbor(bytes: Uint8Array, most: number): Value {
  input = bytes;
  at = 0;
  left = most;
  const value = read(0);
  if (at !== input.length) throw new DecodeError(`${input.length - at} bytes follow the value`);
  return value;
}

function read(depth: number): Value {
  if (left-- <= 0) throw new DecodeError('too many items');
  const head = byte();
  const argument = head & 0x1f;
  switch (head >> 5) {
    case 0:
      return argument < 24 ? argument : unsigned(argument);
    case 1:
      return negative(argument < 24 ? argument : unsigned(argument));
    case 2: {
      const copy = new Uint8Array(length(argument));
      copy.set(input.subarray(at, at + copy.length));
      at += copy.length;
      return copy;
    }
    case 3:
      return text(length(argument));
    case 4:
      return items(length(argument), depth);
    default:
      throw new DecodeError('a type that no ledger format uses');
  }
}

function byte(): number {
  const next = input[at];
  if (next === undefined) throw new DecodeError('the input ends within a value');
  at += 1;
  return next;
}

/** The argument that follows a head's byte: refused unless it needs as many bytes as it takes. */
function unsigned(argument: number): number | bigint {
  switch (argument) {
    case 24:
      return shortest(byte(), 24);
    case 25:
      return shortest(byte() * 0x100 + byte(), 0x100);
    case 26:
      return shortest(word(), 0x1_0000);
    case 27: {
      const high = word();
      const low = word();
      if (high === 0) throw new DecodeError('a head that is not in its shortest form');
      return high < 0x20_0000 ? high * 0x1_0000_0000 + low : (BigInt(high) << 32n) | BigInt(low);
    }
    default:
      throw new DecodeError('a length without an end, or a head that no standard defines');
  }
}

function word(): number {
  return byte() * 0x100_0000 + byte() * 0x1_0000 + byte() * 0x100 + byte();
}

function shortest(value: number, least: number): number {
  if (value < least) throw new DecodeError('a head that is not in its shortest form');
  return value;
}

function negative(argument: number | bigint): number | bigint {
  const value = -1 - Number(argument);
  return typeof argument === 'number' && Number.isSafeInteger(value) ? value : -1n - BigInt(argument);
}

/** No length is more than the bytes that are left: an array's items have at least one each. */
function length(argument: number): number {
  const value = argument < 24 ? argument : unsigned(argument);
  if (typeof value === 'bigint' || value > input.length - at) throw new DecodeError('a length beyond the input');
  return value;
}

function text(bytes: number): string {
  const end = at + bytes;
  const start = at;
  // Short ASCII, which nearly all of a ledger's text is, is cheaper to put together than to decode.
  if (bytes < shortText) {
    let result = '';
    for (; at < end; at++) {
      const unit = input[at] ?? 0;
      if (unit > 0x7f) break;
      result += String.fromCharCode(unit);
    }
    if (at === end) return result;
  }
  at = end;
  try {
    return utf8.decode(input.subarray(start, end));
  } catch {
    throw new DecodeError('text that is not UTF-8');
  }
}

function items(count: number, depth: number): Value[] {
  if (depth >= depthMax) throw new DecodeError('nested too deep');
  const result: Value[] = [];
  for (let i = 0; i < count; i++) result.push(read(depth + 1));
  return result;
}
