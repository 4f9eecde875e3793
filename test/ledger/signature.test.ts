import test, { type ExecutionContext } from 'ava';
import {
  checkPublicKey,
  deriveSeed,
  engineName,
  PublicKeyError,
  publicKeyOf,
  sign,
  smallOrderEncodings,
  verify,
  verifyWith,
} from '../../node/ledger/signature.ts';
import {
  loadSodiumEngine,
  nodeEngine,
  passesProbes,
  type SignatureEngine,
} from '../../node/ledger/signature-engine.ts';
import { publicKeyProblem, verifyReference } from '../../node/ledger/signature-reference.ts';
import { readData, readDataJson, testWithData } from '../_data.ts';
import { prng } from '../_prng.ts';
import { hex, referenceWithMemory, signatureCases } from './_signature-cases.ts';

const sodium = loadSodiumEngine();
const engines: SignatureEngine[] = sodium === undefined ? [nodeEngine()] : [sodium, nodeEngine()];

/** The one verdict of the reference and of every engine. */
function verdict(t: ExecutionContext, message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array, name: string) {
  const expected = verifyReference(message, signature, publicKey);
  for (const engine of engines) {
    t.is(verifyWith(engine, message, signature, publicKey), expected, `${engine.name}: ${name}`);
    const valid = publicKey.length === 32 ? engine.isValidKey(publicKey) : undefined;
    if (valid !== undefined) t.is(valid, publicKeyProblem(publicKey) === undefined, `${engine.name} key: ${name}`);
  }
  return expected;
}

function keyProblem(publicKey: Uint8Array): string | undefined {
  try {
    checkPublicKey(publicKey);
    return undefined;
  } catch (error) {
    if (error instanceof PublicKeyError) return error.problem;
    throw error;
  }
}

const ed25519Data = ['vectors', 'ed25519'];

interface SpecCheckCase {
  message: string;
  pub_key: string;
  signature: string;
}

testWithData(...ed25519Data)(
  'of the 12 cases of "Taming the many EdDSAs" none passes, and each fails for its reason',
  (t) => {
    const cases = readDataJson<SpecCheckCase[]>(...ed25519Data, 'speccheck_cases.json');
    t.is(cases.length, 12);
    const reasons = cases.map((one, i) => {
      const signature = hex(one.signature);
      const publicKey = hex(one.pub_key);
      t.false(verdict(t, hex(one.message), signature, publicKey, `case ${i}`));
      return keyProblem(publicKey) ?? 'signature';
    });
    // In 6 and 7 only S >= L is wrong; in all others the key already is, so none depends on the verifier.
    t.deepEqual(reasons, [
      ...['small-order', 'small-order', 'not-torsion-free', 'not-torsion-free', 'not-torsion-free', 'not-torsion-free'],
      ...['signature', 'signature', 'not-torsion-free', 'not-torsion-free', 'small-order', 'small-order'],
    ]);
  },
);

testWithData(...ed25519Data)('each of the 14 small-order encodings is refused as a key and as R', (t) => {
  const { encodings } = readDataJson<{ encodings: string[] }>(...ed25519Data, 'small_order_encodings_14.json');
  t.deepEqual([...encodings].sort(), [...smallOrderEncodings].sort());
  const seed = new Uint8Array(32).fill(1);
  const message = Uint8Array.of(1);
  for (const text of encodings) {
    t.is(keyProblem(hex(text)), 'small-order');
    const signature = sign(message, seed);
    t.false(verdict(t, message, signature, hex(text), `key ${text}`));
    signature.set(hex(text));
    t.false(verdict(t, message, signature, publicKeyOf(seed), `R ${text}`));
  }
});

testWithData(...ed25519Data)('none of the 196 small-order pairs passes, though ZIP 215 takes all of them', (t) => {
  const pairs = readDataJson<{ vk_bytes: string; sig_bytes: string }[]>(...ed25519Data, 'zip215_small_order_196.json');
  t.is(pairs.length, 196);
  for (const pair of pairs) {
    t.false(verdict(t, Buffer.from('Zcash'), hex(pair.sig_bytes), hex(pair.vk_bytes), pair.vk_bytes));
    t.is(keyProblem(hex(pair.vk_bytes)), 'small-order');
  }
});

interface WycheproofGroup {
  publicKey: { pk: string };
  tests: { tcId: number; msg: string; sig: string; result: 'valid' | 'invalid' }[];
}

testWithData(...ed25519Data)('Wycheproof: every verdict is as published', (t) => {
  const { testGroups } = readDataJson<{ testGroups: WycheproofGroup[] }>(
    ...ed25519Data,
    'wycheproof_ed25519_test.json',
  );
  let count = 0;
  for (const { publicKey, tests } of testGroups) {
    for (const one of tests) {
      const passed = verdict(t, hex(one.msg), hex(one.sig), hex(publicKey.pk), `tcId ${one.tcId}`);
      t.is(passed, one.result === 'valid', `tcId ${one.tcId}`);
      count++;
    }
  }
  t.is(count, 151);
});

testWithData(...ed25519Data)('RFC 8032 sign.input: the same keys, the same signatures, all accepted', (t) => {
  const lines = readData(...ed25519Data, 'rfc8032_sign_input_256.txt')
    .trim()
    .split('\n');
  t.is(lines.length, 256);
  for (const [i, line] of lines.entries()) {
    const [secret = '', key = '', message = '', signed = ''] = line.split(':');
    const seed = hex(secret.slice(0, 64));
    const signature = hex(signed.slice(0, 128));
    for (const engine of engines) {
      t.deepEqual(engine.publicKeyOf(seed), hex(key));
      t.deepEqual(engine.sign(hex(message), seed), signature);
    }
    t.true(verdict(t, hex(message), signature, hex(key), `line ${i + 1}`));
  }
});

test('reference and engines agree on 5,000 seeded mutations and forgeries', (t) => {
  const reference = referenceWithMemory();
  const cases = signatureCases(prng(20_261_123));
  const accepted = new Map<string, number>();
  for (let i = 0; i < 5000; i++) {
    const one = cases.next().value;
    const expected = reference(one);
    for (const engine of engines) {
      if (verifyWith(engine, one.message, one.signature, one.publicKey) !== expected) {
        t.fail(`${engine.name} differs on case ${i} (${one.kind})`);
      }
    }
    if (expected) accepted.set(one.kind, (accepted.get(one.kind) ?? 0) + 1);
  }
  // A mutation may by chance change nothing ('byte anywhere'); every other kind but 'good' is refused without
  // exception.
  t.deepEqual(
    [...accepted.keys()].filter((kind) => kind !== 'byte anywhere'),
    ['good'],
  );
});

test('an engine that clears the cofactor or accepts everything is not used', (t) => {
  for (const engine of engines) {
    t.true(passesProbes(engine));
    t.false(passesProbes({ ...engine, verify: () => true }));
    t.false(passesProbes({ ...engine, verify: () => false }));
  }
  t.is(engineName, sodium === undefined ? 'node:crypto' : 'sodium-native');
});

test('verify is false, and never an error, for wrong lengths', (t) => {
  const seed = new Uint8Array(32).fill(5);
  const signature = sign(new Uint8Array(0), seed);
  t.true(verify(new Uint8Array(0), signature, publicKeyOf(seed)));
  for (const length of [0, 1, 31, 32, 33, 63, 65, 1000]) {
    t.false(verify(new Uint8Array(3), new Uint8Array(length), publicKeyOf(seed)));
    if (length !== 32) t.false(verify(new Uint8Array(3), signature, new Uint8Array(length)));
  }
});

test('a key check names the problem', (t) => {
  t.is(keyProblem(new Uint8Array(31)), 'length');
  t.is(keyProblem(hex('02'.padEnd(64, '0'))), 'not-on-curve');
  t.is(keyProblem(hex(`${'f3'.padEnd(62, 'f')}7f`)), 'not-canonical');
  const cases = signatureCases(prng(1));
  for (;;) {
    const one = cases.next().value;
    if (one.kind === 'key plus torsion') {
      t.is(keyProblem(one.publicKey), 'not-torsion-free');
      break;
    }
  }
});

test('one seed gives a separate key for each purpose, always the same', (t) => {
  const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
  const texts = (['vote', 'audit', 'network'] as const).map((purpose) =>
    Buffer.from(deriveSeed(seed, purpose)).toString('hex'),
  );
  t.deepEqual(texts, [
    '8e35d343dbd6868927954f7acf39bd3564fe8b6d40a8cf1b3b22ee4b89633b79',
    'f66db013fcdb18051cf93dee5d0a129e56464d14c8c18fa75a7e8de3bf9bea62',
    'cce9e1d213bcfa8c1c2e9dd2755083f280de57f427f0bb58e2213b73001fb67d',
  ]);
});
