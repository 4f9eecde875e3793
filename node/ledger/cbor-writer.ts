// Writes the ledger's values as deterministic CBOR (RFC 8949 section 4.2.1): shortest heads, definite lengths. It
// stands on the hottest path of a validator, every entry; cborg agrees with it in tests.
import { assert } from './assert.ts';
import type { Value } from './value.ts';

/** Grows by doubling and is kept: only synchronous code touches it, and what leaves is a copy. */
let buffer: Uint8Array = new Uint8Array(65_536);
let at = 0;

/** Only values that the codec allows: a number is a safe integer, a bigint has at most 64 bits. */
export function writeCbor(value: Value): Uint8Array {
  at = 0;
  write(value);
  return buffer.slice(0, at);
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
const utf8 = new TextEncoder();

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
  at += utf8.encodeInto(value, buffer.subarray(at)).written;
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
    buffer[at++] = argument >>> 8;
    buffer[at++] = argument;
  } else if (argument < 0x1_0000_0000) {
    buffer[at++] = major + 26;
    word(argument);
  } else {
    buffer[at++] = major + 27;
    word(Math.floor(argument / 0x1_0000_0000));
    word(argument % 0x1_0000_0000);
  }
}

function bigHead(major: number, argument: bigint): void {
  if (argument <= 0xffff_ffffn) return head(major, Number(argument));
  assert(argument < 1n << 64n, 'an integer has at most 64 bits');
  reserve(9);
  buffer[at++] = major + 27;
  word(Number(argument >> 32n));
  word(Number(argument & 0xffff_ffffn));
}

/** 32 bits, most significant byte first; what is stored in a byte loses its higher bits. */
function word(value: number): void {
  buffer[at++] = value >>> 24;
  buffer[at++] = value >>> 16;
  buffer[at++] = value >>> 8;
  buffer[at++] = value;
}

function reserve(bytes: number): void {
  if (at + bytes <= buffer.length) return;
  const larger = new Uint8Array(Math.max(2 * buffer.length, at + bytes));
  larger.set(buffer);
  buffer = larger;
}
