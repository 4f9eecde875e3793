// The two engines that can do Ed25519 fast. Neither is the rule: signature.ts puts the same checks before both, and
// what they do behind those checks must equal signature-reference.ts. An engine is used only if it passes the probes
// below.
//
// Measured (2-core EPYC, 300-byte message, Node 24; Node 20 in brackets): verify sodium-native 51 us (51), node:crypto
// 113 us (151), the reference 2.5 ms; sign from the seed 38 us (39); key check 40 us, in the reference 1.1 ms.

import {
  createPrivateKey,
  createPublicKey,
  sign as cryptoSign,
  verify as cryptoVerify,
  type KeyObject,
} from 'node:crypto';
import { createRequire } from 'node:module';
import { assert, InvariantError } from './assert.ts';
import { equalBytes, fromHex, toHex } from './hash.ts';

export interface SignatureEngine {
  readonly name: 'sodium-native' | 'node:crypto';
  /** All lengths are right already. */
  verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean;
  sign(message: Uint8Array, seed: Uint8Array): Uint8Array;
  publicKeyOf(seed: Uint8Array): Uint8Array;
  /** Canonical, not of small order, on the curve and torsion-free; undefined: this engine cannot say. */
  isValidKey(publicKey: Uint8Array): boolean | undefined;
}

/** The part of sodium-native that is used; its own types ask for Buffer, which it does not need. */
interface Sodium {
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void;
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
  crypto_core_ed25519_is_valid_point(point: Uint8Array): boolean;
}

/** The native module has no build for some platforms, so it is loaded by hand and may be absent. */
export function loadSodiumEngine(): SignatureEngine | undefined {
  let sodium: Sodium;
  try {
    sodium = createRequire(import.meta.url)('sodium-native') as Sodium;
  } catch {
    return undefined;
  }
  // Who signs, signs often: the key of the last seed is kept, as its owner keeps the seed. Deriving it costs as much as
  // signing does.
  const lastSeed = new Uint8Array(32);
  let lastKey: Uint8Array | undefined;
  const secretKeyOf = (seed: Uint8Array): Uint8Array => {
    if (lastKey !== undefined && equalBytes(seed, lastSeed)) return lastKey;
    lastKey ??= new Uint8Array(64);
    sodium.crypto_sign_seed_keypair(new Uint8Array(32), lastKey, seed);
    lastSeed.set(seed);
    return lastKey;
  };
  return {
    name: 'sodium-native',
    verify: (message, signature, publicKey) => sodium.crypto_sign_verify_detached(signature, message, publicKey),
    sign(message, seed) {
      const signature = new Uint8Array(64);
      sodium.crypto_sign_detached(signature, message, secretKeyOf(seed));
      return signature;
    },
    publicKeyOf(seed) {
      const secretKey = new Uint8Array(64);
      const publicKey = new Uint8Array(32);
      sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed);
      secretKey.fill(0);
      return publicKey;
    },
    isValidKey: (publicKey) => sodium.crypto_core_ed25519_is_valid_point(publicKey),
  };
}

// RFC 8410: what precedes the 32 bytes in SubjectPublicKeyInfo and in PKCS #8.
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const importedKeysMax = 4096;

export function nodeEngine(): SignatureEngine {
  const imported = new Map<string, KeyObject>();
  const importKey = (publicKey: Uint8Array): KeyObject => {
    const name = toHex(publicKey);
    let key = imported.get(name);
    if (key === undefined) {
      key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' });
      if (imported.size >= importedKeysMax) imported.clear();
      imported.set(name, key);
    }
    return key;
  };
  const importSeed = (seed: Uint8Array): KeyObject =>
    createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
  return {
    name: 'node:crypto',
    verify: (message, signature, publicKey) => cryptoVerify(null, message, importKey(publicKey), signature),
    sign: (message, seed) => new Uint8Array(cryptoSign(null, message, importSeed(seed))),
    publicKeyOf(seed) {
      const der = createPublicKey(importSeed(seed)).export({ format: 'der', type: 'spki' });
      return new Uint8Array(der.subarray(spkiPrefix.length));
    },
    isValidKey: () => undefined,
  };
}

/** The fastest engine that loads and passes the probes. */
export function chooseEngine(): SignatureEngine {
  const sodium = loadSodiumEngine();
  if (sodium !== undefined && passesProbes(sodium)) return sodium;
  const node = nodeEngine();
  assert(passesProbes(node), 'no Ed25519 engine on this machine follows the rule');
  return node;
}

const probeSeed = new Uint8Array(32).fill(7);
const probeMessage = new TextEncoder().encode('daybook');
// R is r*B plus a point of order 8 and S = r + k*a: a verifier that clears the cofactor accepts this one.
const cofactoredOnly = bytesOf(
  'fb15ddd1cd7684fa60e25fe9df39afdc2b12d6908402179723b4d66311f8694a06d78e2641c8b539443bb61f04ef7cc020e78d5a5e1f88dac902a6f7765a7f01',
);

/** A build of either library with another rule (some versions clear the cofactor) would fork the ledger: refuse it. */
export function passesProbes(engine: SignatureEngine): boolean {
  const publicKey = engine.publicKeyOf(probeSeed);
  const signature = engine.sign(probeMessage, probeSeed);
  const flipped = signature.slice();
  flipped[0] = (flipped[0] ?? 0) ^ 1;
  return (
    engine.verify(probeMessage, signature, publicKey) &&
    !engine.verify(probeMessage, flipped, publicKey) &&
    !engine.verify(probeMessage.subarray(1), signature, publicKey) &&
    !engine.verify(probeMessage, cofactoredOnly, publicKey)
  );
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new InvariantError('a probe is hex');
  return bytes;
}
