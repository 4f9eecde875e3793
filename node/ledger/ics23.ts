// Proofs about the state tree in the wire format of ICS23 (a CommitmentProof for tendermintSpec), so that stock
// verifiers accept them. Of ICS23 it has no batches, no compression and no other specs; the checks are the auditor's.
// A proof of absence shows the neighbours' records: whoever may not read those must not be given one.

import { assert } from './assert.ts';
import { DecodeError } from './codec.ts';
import { equalBytes } from './hash.ts';
import type { StateProof, StateStep, StateWay } from './state-proof.ts';

/** A leaf's way to the root, with its value. */
export interface ExistenceProof extends StateWay {
  readonly value: Uint8Array;
}

export type Ics23Proof =
  | { readonly exist: ExistenceProof }
  | {
      readonly key: Uint8Array;
      readonly left: ExistenceProof | undefined;
      readonly right: ExistenceProof | undefined;
    };

/** `recordOf` gives the record under a tree key. The empty tree has no ICS23 proofs: its root says all. */
export function encodeStateProof(
  proof: StateProof,
  key: Uint8Array,
  recordOf: (key: Uint8Array) => Uint8Array,
): Uint8Array {
  const existence = (way: StateWay): Uint8Array => encodeExistence({ ...way, value: recordOf(way.key) });
  if (proof.present) return field(1, existence(proof.way));
  assert(proof.left !== undefined || proof.right !== undefined, 'the empty tree has no proof of absence');
  const left = proof.left === undefined ? [] : [field(2, existence(proof.left))];
  const right = proof.right === undefined ? [] : [field(3, existence(proof.right))];
  return field(2, concat(field(1, key), ...left, ...right));
}

/** Throws DecodeError on anything but a proof of this tree's form. */
export function decodeStateProof(bytes: Uint8Array): Ics23Proof {
  const [only, ...others] = readFields(bytes);
  if (only === undefined || others.length > 0) throw new DecodeError('not exactly one proof');
  const body = bytesOf(only);
  if (only.number === 1) return { exist: decodeExistence(body) };
  if (only.number !== 2) throw new DecodeError('neither existence nor non-existence');
  const fields = new Map(readFields(body).map((each) => [each.number, bytesOf(each)]));
  const optional = (number: number): ExistenceProof | undefined => {
    const nested = fields.get(number);
    return nested === undefined ? undefined : decodeExistence(nested);
  };
  const key = fields.get(1);
  if (key?.length !== 32 || [...fields.keys()].some((number) => number > 3)) throw new DecodeError('not an absence');
  return { key, left: optional(2), right: optional(3) };
}

// LeafOp of tendermintSpec: hash SHA256, prehash_key NO_HASH (0, so left out), prehash_value SHA256, length VAR_PROTO,
// prefix 00.
const leafOp = Uint8Array.of(0x08, 1, 0x18, 1, 0x20, 1, 0x2a, 1, 0x00);
/** The same with the zero spelt out, as some encoders do. */
const leafOpWithZero = Uint8Array.of(0x08, 1, 0x10, 0, 0x18, 1, 0x20, 1, 0x2a, 1, 0x00);

const innerPrefix = Uint8Array.of(0x01);
const hashOpSha256 = Uint8Array.of(0x08, 1);

function encodeExistence({ key, value, steps }: ExistenceProof): Uint8Array {
  const path = steps.map(({ sibling, siblingIsLeft }) =>
    siblingIsLeft
      ? field(4, concat(hashOpSha256, field(2, concat(innerPrefix, sibling))))
      : field(4, concat(hashOpSha256, field(2, innerPrefix), field(3, sibling))),
  );
  return concat(field(1, key), field(2, value), field(3, leafOp), ...path);
}

function decodeExistence(bytes: Uint8Array): ExistenceProof {
  const [key, value, leaf, ...path] = readFields(bytes);
  if (key?.number !== 1 || value?.number !== 2 || leaf?.number !== 3) throw new DecodeError('not an existence proof');
  const leafBytes = bytesOf(leaf);
  if (!equalBytes(leafBytes, leafOp) && !equalBytes(leafBytes, leafOpWithZero))
    throw new DecodeError('another leaf rule');
  if (bytesOf(key).length !== 32) throw new DecodeError('not a key of 32 bytes');
  // 256 bits, so no way is longer.
  if (path.length > 256) throw new DecodeError('a way longer than a key');
  return { key: bytesOf(key), value: bytesOf(value), steps: path.map(decodeStep) };
}

function decodeStep(step: Field): StateStep {
  const [op, prefix, suffix, ...others] = step.number === 4 ? readFields(bytesOf(step)) : [];
  if (op?.number !== 1 || op.value !== 1 || prefix?.number !== 2 || others.length > 0)
    throw new DecodeError('not a step');
  const prefixBytes = bytesOf(prefix);
  const suffixBytes = suffix?.number === 3 ? bytesOf(suffix) : new Uint8Array(0);
  if (prefixBytes[0] !== 1 || (suffix !== undefined && suffix.number !== 3)) throw new DecodeError('not an inner node');
  if (prefixBytes.length === 33 && suffixBytes.length === 0) {
    return { sibling: prefixBytes.slice(1), siblingIsLeft: true };
  }
  if (prefixBytes.length === 1 && suffixBytes.length === 32) return { sibling: suffixBytes, siblingIsLeft: false };
  throw new DecodeError('not an inner node of two hashes');
}

// As much of the protobuf wire format as these messages use: varints, and fields with a length.

interface Field {
  readonly number: number;
  readonly value: number | Uint8Array;
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(number * 8 + 2), varint(bytes.length), bytes);
}

function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
  return Uint8Array.of(...out, rest);
}

/** Fields in ascending order; only the last kind (a repeated one) may come again. */
function readFields(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new DecodeError('cut off');
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
    throw new DecodeError('a number too large');
  };
  while (at < bytes.length) {
    const tag = readVarint();
    const number = Math.floor(tag / 8);
    const previous = fields.at(-1)?.number ?? 0;
    if (number < previous || (number === previous && number !== 4)) throw new DecodeError('fields out of order');
    if (tag % 8 === 0) {
      fields.push({ number, value: readVarint() });
    } else if (tag % 8 === 2) {
      const length = readVarint();
      if (length > bytes.length - at) throw new DecodeError('cut off');
      fields.push({ number, value: Uint8Array.from(bytes.subarray(at, at + length)) });
      at += length;
    } else {
      throw new DecodeError('a wire type that no proof uses');
    }
  }
  return fields;
}

function bytesOf(field: Field): Uint8Array {
  if (typeof field.value === 'number') throw new DecodeError('a number in place of bytes');
  return field.value;
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
