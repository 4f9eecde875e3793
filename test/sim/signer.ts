// Signatures for simulated clusters. A stand-in takes the place of the native Ed25519 module before anything of the
// node is loaded, so that the node itself has no switch: it signs with a keyed hash, which nobody can forge who does
// not hold the seed. It can pass every call on to the real module, and does so for a few per cent of the seeds. Must
// be the first import of whoever simulates.
import { hash } from 'node:crypto';
import { createRequire } from 'node:module';

interface Sodium {
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void;
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
  crypto_core_ed25519_is_valid_point(point: Uint8Array): boolean;
}

const seeds = new Map<string, Uint8Array>();
let real: Sodium | undefined;
let isReal = false;

function digest(...parts: readonly Uint8Array[]): Buffer {
  return hash('sha256', Buffer.concat(parts), 'buffer');
}

const signing = Buffer.from('signature');
const naming = Buffer.from('key');

/** 32 bytes of a keyed hash, then zeros: as an S it is below the order of the curve. */
function fakeSignature(message: Uint8Array, seed: Uint8Array): Buffer {
  const signature = Buffer.alloc(64);
  signature.set(digest(signing, seed, message));
  return signature;
}

const standIn: Sodium = {
  crypto_sign_verify_detached(signature, message, publicKey) {
    if (isReal) return real?.crypto_sign_verify_detached(signature, message, publicKey) ?? false;
    const seed = seeds.get(Buffer.from(publicKey).toString('latin1'));
    return seed !== undefined && fakeSignature(message, seed).equals(signature);
  },
  crypto_sign_detached(signature, message, secretKey) {
    if (isReal) return real?.crypto_sign_detached(signature, message, secretKey);
    signature.set(fakeSignature(message, secretKey.subarray(0, 32)));
  },
  crypto_sign_seed_keypair(publicKey, secretKey, seed) {
    if (isReal) return real?.crypto_sign_seed_keypair(publicKey, secretKey, seed);
    const key = digest(naming, seed);
    publicKey.set(key);
    secretKey.set(seed);
    seeds.set(key.toString('latin1'), Uint8Array.from(seed));
  },
  crypto_core_ed25519_is_valid_point(point) {
    return isReal ? (real?.crypto_core_ed25519_is_valid_point(point) ?? false) : true;
  },
};

const require = createRequire(import.meta.url);
try {
  const path = require.resolve('sodium-native');
  real = require('sodium-native') as Sodium;
  const entry = require.cache[path];
  if (entry !== undefined) entry.exports = standIn;
} catch {
  // No build for this platform: the node falls back to its other engine, and every seed is a slow one.
}

/** Whether signatures are real from here on. Answers what is in force, for there may be no stand-in. */
export function useRealSignatures(wanted: boolean): boolean {
  isReal = wanted && real !== undefined;
  return isReal || real === undefined;
}
