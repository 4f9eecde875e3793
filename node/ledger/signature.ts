// Ed25519 under one exact rule (signature-reference.ts), so that no crafted signature is good on one node and bad on
// another. Libraries differ, and so do Node 20/22 and 24; behind these checks they agree. One signature at a time:
// batch verification accepts other signatures.

import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 as hkdfHash } from '@noble/hashes/sha2.js';
import { assert } from './assert.ts';
import { toHex } from './hash.ts';
import { chooseEngine, type SignatureEngine } from './signature-engine.ts';
import { type PublicKeyProblem, publicKeyProblem } from './signature-reference.ts';

export const seedBytes = 32;
export const publicKeyBytes = 32;
export const signatureBytes = 64;

/** A public key from outside that breaks the rule; its owner can never sign anything. */
export class PublicKeyError extends Error {
  override name = 'PublicKeyError';
  readonly problem: PublicKeyProblem;
  constructor(problem: PublicKeyProblem) {
    super(`public key refused: ${problem}`);
    this.problem = problem;
  }
}

const engine = chooseEngine();
export const engineName = engine.name;

/** Throws PublicKeyError. Called where a key is registered, so that a member learns then what is wrong with it. */
export function checkPublicKey(publicKey: Uint8Array): void {
  if (publicKey.length === publicKeyBytes && !isSmallOrder(publicKey) && isGoodKey(engine, publicKey)) return;
  const problem = publicKeyProblem(publicKey);
  if (problem !== undefined) throw new PublicKeyError(problem);
}

/** The rule, for any bytes: never throws, false for wrong lengths and for keys that checkPublicKey refuses. */
export function verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  return verifyWith(engine, message, signature, publicKey);
}

/** The rule on a given engine; only tests and measurements name one. */
export function verifyWith(
  on: SignatureEngine,
  message: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  if (signature.length !== signatureBytes || publicKey.length !== publicKeyBytes) return false;
  if (isSmallOrder(signature) || isSmallOrder(publicKey) || !isBelowOrder(signature)) return false;
  // Both must hold, so the cheaper goes first: a forger cannot make us check keys.
  return on.verify(message, signature, publicKey) && isGoodKey(on, publicKey);
}

/** Deterministic (RFC 8032 5.1.6): signing the same bytes again gives the same signature. */
export function sign(message: Uint8Array, seed: Uint8Array): Uint8Array {
  assert(seed.length === seedBytes, 'a seed is 32 bytes');
  return engine.sign(message, seed);
}

export function publicKeyOf(seed: Uint8Array): Uint8Array {
  assert(seed.length === seedBytes, 'a seed is 32 bytes');
  return engine.publicKeyOf(seed);
}

export type KeyPurpose = 'vote' | 'audit' | 'network' | 'log';

/** A validator keeps one seed and signs nothing with it: each purpose has a key of its own (HKDF-SHA256, RFC 5869). */
export function deriveSeed(seed: Uint8Array, purpose: KeyPurpose): Uint8Array {
  assert(seed.length === seedBytes, 'a seed is 32 bytes');
  return hkdf(hkdfHash, seed, undefined, new TextEncoder().encode(`daybook/key/${purpose}/v1`), seedBytes);
}

// A verdict about a key never changes, so keys that passed are remembered. Forgetting them costs time and nothing else.
const goodKeysMax = 65_536;
const goodKeys = new Set<string>();

function isGoodKey(on: SignatureEngine, publicKey: Uint8Array): boolean {
  const name = toHex(publicKey);
  if (goodKeys.has(name)) return true;
  if (!(on.isValidKey(publicKey) ?? publicKeyProblem(publicKey) === undefined)) return false;
  if (goodKeys.size >= goodKeysMax) goodKeys.clear();
  goodKeys.add(name);
  return true;
}

/** Every encoding, canonical or not, that decodes to a point of small order (the 8-torsion of the curve). */
export const smallOrderEncodings: readonly string[] = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  '0000000000000000000000000000000000000000000000000000000000000000',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];
const smallOrder = new Set(smallOrderEncodings);
const smallOrderFirstBytes = new Set(smallOrderEncodings.map((text) => Number.parseInt(text.slice(0, 2), 16)));

/** Of the first 32 bytes. The first byte alone settles 97 % of all points. */
function isSmallOrder(bytes: Uint8Array): boolean {
  return smallOrderFirstBytes.has(bytes[0] ?? 0) && smallOrder.has(toHex(bytes.subarray(0, 32)));
}

// L = 2^252 + 27742317777372353535851937790883648493, little endian like S.
const order = Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex');

/** S < L (RFC 8032 5.1.7); without it every signature has a second valid form. */
function isBelowOrder(signature: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const s = signature[32 + i] ?? 0;
    const l = order[i] ?? 0;
    if (s !== l) return s < l;
  }
  return false;
}
