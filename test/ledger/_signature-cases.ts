// Seeded signature cases made to split implementations: good ones, mutated ones, and ones that only an equation with
// the cofactor, a lax decoder or a check left out would accept. Random bits alone never reach most of these branches.

import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { smallOrderEncodings } from '../../node/ledger/signature.ts';
import { publicKeyProblem, verifyUnderGoodKey } from '../../node/ledger/signature-reference.ts';
import type { Prng } from '../_prng.ts';

export interface SignatureCase {
  kind: string;
  message: Uint8Array;
  signature: Uint8Array;
  publicKey: Uint8Array;
}

const Point = ed25519.Point;
const order = Point.Fn.ORDER;
const fieldPrime = Point.Fp.ORDER;
const torsion = smallOrderEncodings.slice(1, 8).map((text) => Point.fromHex(text, true));

/** A reference that remembers its verdicts about keys: the cases use few keys and a key check takes a millisecond. */
export function referenceWithMemory(): (one: SignatureCase) => boolean {
  const good = new Map<string, boolean>();
  return ({ message, signature, publicKey }) => {
    const name = Buffer.from(publicKey).toString('hex');
    const known = good.get(name) ?? publicKeyProblem(publicKey) === undefined;
    if (good.size < 10_000) good.set(name, known);
    return known && verifyUnderGoodKey(message, signature, publicKey);
  };
}

interface Signer {
  scalar: bigint;
  seed: Uint8Array;
  publicKey: Uint8Array;
  /** The public key plus a point of small order: passes every check but the one for torsion. */
  twisted: Uint8Array;
}

/** An endless run of cases, the same for the same generator. */
export function* signatureCases(random: Prng): Generator<SignatureCase, never> {
  const signers = Array.from({ length: 16 }, () => newSigner(random));
  for (;;) {
    const signer = random.pick(signers);
    const message = random.bytes(random.int(4) === 0 ? random.int(3) : random.int(200));
    const good = { message, signature: ed25519.sign(message, signer.seed), publicKey: signer.publicKey };
    yield makeCase(random, random.pick(kinds), signer, good);
  }
}

const kinds = [
  'good',
  'bit of R',
  'bit of S',
  'bit of message',
  'bit of key',
  'byte anywhere',
  'S plus multiples of L',
  'S at a bound',
  'R of small order',
  'R plus torsion, equation with cofactor holds',
  'R is the identity, equation holds',
  'R with y above p',
  'key of small order',
  'key plus torsion',
  'key not canonical',
  'wrong length',
  'random',
] as const;

type Kind = (typeof kinds)[number];

function makeCase(random: Prng, kind: Kind, signer: Signer, good: Omit<SignatureCase, 'kind'>): SignatureCase {
  const { message, signature, publicKey } = good;
  const r = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  const withS = (value: bigint) => join(r, encode(value));
  switch (kind) {
    case 'good':
      return { kind, ...good };
    case 'bit of R':
      return { kind, ...good, signature: flip(signature, random.int(256)) };
    case 'bit of S':
      return { kind, ...good, signature: flip(signature, 256 + random.int(256)) };
    case 'bit of message':
      return { kind, ...good, message: message.length === 0 ? random.bytes(1) : flip(message, random.int(8)) };
    case 'bit of key':
      return { kind, ...good, publicKey: flip(publicKey, random.int(256)) };
    case 'byte anywhere': {
      const changed = signature.slice();
      changed[random.int(64)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.int(256)]);
      return { kind, ...good, signature: changed };
    }
    case 'S plus multiples of L':
      return { kind, ...good, signature: withS(s + order * BigInt(1 + random.int(14))) };
    case 'S at a bound':
      return { kind, ...good, signature: withS(random.pick([0n, 1n, order - 1n, order, order + 1n, 2n ** 256n - 1n])) };
    case 'R of small order':
      return { kind, ...good, signature: join(hex(random.pick(smallOrderEncodings)), encode(s)) };
    case 'R plus torsion, equation with cofactor holds':
      return {
        kind,
        ...good,
        signature: forge(signer, message, publicKey, randomScalar(random), random.pick(torsion)),
      };
    case 'R is the identity, equation holds':
      return { kind, ...good, signature: forge(signer, message, publicKey, 0n, Point.ZERO) };
    case 'R with y above p':
      return { kind, ...good, signature: join(encode(fieldPrime + BigInt(random.int(19))), encode(s)) };
    case 'key of small order': {
      const small = hex(random.pick(smallOrderEncodings));
      return {
        kind,
        ...good,
        publicKey: small,
        signature: forge(signer, message, small, randomScalar(random), Point.ZERO, 0n),
      };
    }
    case 'key plus torsion':
      return {
        kind,
        message,
        publicKey: signer.twisted,
        signature: forge(signer, message, signer.twisted, randomScalar(random), random.pick([Point.ZERO, ...torsion])),
      };
    case 'key not canonical': {
      const key = encode(fieldPrime + BigInt(random.int(19)));
      if (random.int(2) === 0) key[31] = (key[31] ?? 0) | 0x80;
      return { kind, ...good, publicKey: key };
    }
    case 'wrong length':
      return random.int(2) === 0
        ? { kind, ...good, signature: random.bytes(random.pick([0, 1, 32, 63, 65, 128])) }
        : { kind, ...good, publicKey: random.bytes(random.pick([0, 31, 33, 64])) };
    case 'random':
      return {
        kind,
        message,
        signature: random.bytes(64),
        publicKey: random.int(2) === 0 ? publicKey : random.bytes(32),
      };
  }
}

function newSigner(random: Prng): Signer {
  const seed = random.bytes(32);
  const { scalar, pointBytes, point } = ed25519.utils.getExtendedPublicKey(seed);
  return { seed, scalar, publicKey: pointBytes, twisted: point.add(random.pick(torsion)).toBytes() };
}

/** R = r*B + extra and S = r + k*a: what the equation asks for, up to the small-order parts of R and of the key. */
function forge(
  signer: Signer,
  message: Uint8Array,
  publicKey: Uint8Array,
  r: bigint,
  extra: InstanceType<typeof Point>,
  scalar = signer.scalar,
): Uint8Array {
  const encodedR = Point.BASE.multiplyUnsafe(r).add(extra).toBytes();
  const k = littleEndian(sha512(join(encodedR, publicKey, message))) % order;
  return join(encodedR, encode((r + k * scalar) % order));
}

function randomScalar(random: Prng): bigint {
  return (littleEndian(random.bytes(40)) % (order - 1n)) + 1n;
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice();
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return changed;
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function encode(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse());
}

function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
