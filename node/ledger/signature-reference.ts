// The Ed25519 rule of the ledger, written once in terms of curve points. It is the definition, 50 times too slow for
// the hot path (signature-engine.ts); every engine must give its answers. It never batches and never clears the
// cofactor.

import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { equalBytes } from './hash.ts';

const Point = ed25519.Point;
const order = Point.Fn.ORDER;
const fieldPrime = Point.Fp.ORDER;

export type PublicKeyProblem = 'length' | 'not-canonical' | 'small-order' | 'not-on-curve' | 'not-torsion-free';

/**
 * What is wrong with a public key, or undefined. Libraries disagree on each of these: a key with a small-order part
 * makes the verdict depend on whether an implementation clears the cofactor, an encoding that is not canonical on which
 * bytes it hashes.
 */
export function publicKeyProblem(publicKey: Uint8Array): PublicKeyProblem | undefined {
  if (publicKey.length !== 32) return 'length';
  const lenient = decodePoint(publicKey, true);
  // Small order is named before canonical form: 6 of the 14 small-order encodings are not canonical either.
  if (lenient?.isSmallOrder()) return 'small-order';
  if (littleEndian(publicKey) % 2n ** 255n >= fieldPrime) return 'not-canonical';
  const point = decodePoint(publicKey, false);
  if (point === undefined) return 'not-on-curve';
  return point.isTorsionFree() ? undefined : 'not-torsion-free';
}

/**
 * Accepts exactly when the key passes the check above, R is none of the 14 encodings of small order, S < L, and
 * encode(S*B - k*A) equals R byte for byte with k = SHA-512(R || A || message). Never throws.
 */
export function verifyReference(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  return publicKeyProblem(publicKey) === undefined && verifyUnderGoodKey(message, signature, publicKey);
}

/** The part of the rule that remains when publicKeyProblem found nothing. */
export function verifyUnderGoodKey(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  const encodedR = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  if (s >= order || decodePoint(encodedR, true)?.isSmallOrder()) return false;
  const k = littleEndian(sha512(concat(encodedR, publicKey, message))) % order;
  const minusA = Point.fromBytes(publicKey).negate();
  const expected = Point.BASE.multiplyUnsafe(s).add(minusA.multiplyUnsafe(k));
  return equalBytes(expected.toBytes(), encodedR);
}

function decodePoint(bytes: Uint8Array, lenient: boolean) {
  try {
    return Point.fromBytes(bytes, lenient);
  } catch {
    return undefined;
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
