// Writes the ledger's values as deterministic CBOR (RFC 8949 section 4.2.1): shortest heads, definite lengths. It
// stands on the hottest path of a validator, every entry and every re-encoding guard; cborg, which reads, agrees with
// it in tests.
import { assert } from './assert.ts';
import type { Value } from './value.ts';

/** Grows by doubling and is kept: only synchronous code touches it, and what leaves is a copy. */
let buffer: Buffer = Buffer.allocUnsafe(65_536);
let at = 0;

/** Only values that the codec allows: a number is a safe integer, a bigint has at most 64 bits. */
export function writeCbor(value: Value): Uint8Array {
  at = 0;
  write(value);
  const bytes = new Uint8Array(at);
  bytes.set(buffer.subarray(0, at));
  return bytes;
}

/** Whether `bytes` are what `writeCbor` gives for this value. */
export function isCborOf(value: Value, bytes: Uint8Array): boolean {
  at = 0;
  write(value);
  return at === bytes.length && buffer.compare(bytes, 0, at, 0, at) === 0;
}

function write(value: Value): void {
  if (typeof value === 'number') {
    assert(Number.isSafeInteger(value), 'a number is written only if it is an integer');
    if (value >= 0) head(0x00, value);
    else head(0x20, -1 - value);
  } else if (typeof value === 'string') {
    writeText(value);
  } else if (typeof value === 'bigint') {
    if (value >= 0n) bigHead(0x00, value);
    else bigHead(0x20, -1n - value);
  } else if (value instanceof Uint8Array) {
    head(0x40, value.length);
    reserve(value.length);
    buffer.set(value, at);
    at += value.length;
  } else {
    head(0x80, value.length);
    for (const item of value) write(item);
  }
}

const shortText = 24;

function writeText(value: string): void {
  // Short ASCII, which nearly all of a ledger's text is, is written in place under a one-byte head.
  if (value.length < shortText && isAscii(value)) {
    reserve(value.length + 1);
    buffer[at++] = 0x60 + value.length;
    for (let i = 0; i < value.length; i++) buffer[at++] = value.charCodeAt(i);
    return;
  }
  const length = Buffer.byteLength(value, 'utf8');
  head(0x60, length);
  reserve(length);
  at += buffer.write(value, at, length, 'utf8');
}

function isAscii(value: string): boolean {
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Initial byte and argument (RFC 8949 section 3), in the shortest form. */
function head(major: number, argument: number): void {
  reserve(9);
  if (argument < 24) {
    buffer[at++] = major + argument;
  } else if (argument < 0x100) {
    buffer[at++] = major + 24;
    buffer[at++] = argument;
  } else if (argument < 0x10000) {
    buffer[at++] = major + 25;
    at = buffer.writeUInt16BE(argument, at);
  } else if (argument < 0x1_0000_0000) {
    buffer[at++] = major + 26;
    at = buffer.writeUInt32BE(argument, at);
  } else {
    buffer[at++] = major + 27;
    at = buffer.writeUInt32BE(Math.floor(argument / 0x1_0000_0000), at);
    at = buffer.writeUInt32BE(argument % 0x1_0000_0000, at);
  }
}

function bigHead(major: number, argument: bigint): void {
  if (argument <= 0xffff_ffffn) return head(major, Number(argument));
  reserve(9);
  buffer[at++] = major + 27;
  at = buffer.writeBigUInt64BE(argument, at);
}

function reserve(bytes: number): void {
  if (at + bytes <= buffer.length) return;
  const larger = Buffer.allocUnsafe(Math.max(2 * buffer.length, at + bytes));
  buffer.copy(larger, 0, 0, at);
  buffer = larger;
}
