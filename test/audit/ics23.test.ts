import {
  verifyMembership as confioMembership,
  verifyNonMembership as confioNonMembership,
  ics23,
  tendermintSpec,
} from '@confio/ics23';
import test from 'ava';
import fc from 'fast-check';
import { verifyMembership, verifyNonMembership } from '../../node/audit/ics23.ts';
import { StateTree } from '../../node/execution/state-tree.ts';
import { sha256, toHex } from '../../node/ledger/hash.ts';
import { decodeStateProof, encodeStateProof } from '../../node/ledger/ics23.ts';
import { readDataJson, testWithData } from '../_data.ts';
import { prng } from '../_prng.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const keyOf = (text: string) => sha256(utf8(text));

interface Records {
  tree: StateTree;
  prove(key: Uint8Array): Uint8Array;
}

function recordsOf(records: Iterable<readonly [Uint8Array, Uint8Array]>): Records {
  const values = new Map<string, Uint8Array>();
  for (const [key, value] of records) values.set(toHex(key), value);
  const tree = StateTree.fromEntries([...records].map(([key, value]) => [key, sha256(value)] as const));
  const valueUnder = (key: Uint8Array) => values.get(toHex(key)) ?? new Uint8Array(0);
  return { tree, prove: (key) => encodeStateProof(tree.prove(key), key, valueUnder) };
}

const stock = (proof: Uint8Array) => ics23.CommitmentProof.decode(proof);

test('a stock ICS23 verifier and ours accept every proof of presence and absence', (t) => {
  const random = prng(7);
  for (const size of [1, 2, 3, 10, 300]) {
    const pairs = Array.from({ length: size }, (_, i) => [random.bytes(32), utf8(`record ${i}`)] as const);
    const { tree, prove } = recordsOf(pairs);
    for (const [key, value] of pairs) {
      const proof = prove(key);
      t.true(confioMembership(stock(proof), tendermintSpec, tree.root, key, value));
      t.true(verifyMembership(tree.root, proof, key, value));
      t.false(confioMembership(stock(proof), tendermintSpec, tree.root, key, utf8('other')));
      t.false(verifyMembership(tree.root, proof, key, utf8('other')));
      t.false(verifyNonMembership(tree.root, proof, key));
    }
    const edges = [new Uint8Array(32), new Uint8Array(32).fill(255)];
    for (const key of [...edges, ...Array.from({ length: 200 }, () => random.bytes(32))]) {
      const proof = prove(key);
      t.true(confioNonMembership(stock(proof), tendermintSpec, tree.root, key));
      t.true(verifyNonMembership(tree.root, proof, key));
      t.false(verifyMembership(tree.root, proof, key, new Uint8Array(0)));
      t.false(verifyNonMembership(sha256(tree.root), proof, key));
    }
  }
});

test('no pair of leaves but true neighbours shows an absence', (t) => {
  const random = prng(8);
  const pairs = Array.from({ length: 24 }, (_, i) => [random.bytes(32), utf8(`${i}`)] as const);
  const { tree } = recordsOf(pairs);
  const sorted = [...pairs].sort(([a], [b]) => Buffer.compare(a, b));
  const ends = [undefined, ...sorted, undefined];
  for (const [i, low] of ends.entries()) {
    for (const [j, high] of ends.entries()) {
      if (i >= j || (low === undefined && high === undefined)) continue;
      const wanted = (high ?? low)?.[0].slice() ?? new Uint8Array(32);
      // One less than the upper, or one more than the lower: a key between the two.
      wanted[31] = (wanted[31] ?? 0) ^ 1;
      const wayOf = (pair: (typeof ends)[number]) => {
        const proof = pair === undefined ? undefined : tree.prove(pair[0]);
        return proof?.present ? proof.way : undefined;
      };
      const [left, right] = [wayOf(low), wayOf(high)];
      const claimed = { present: false as const, ...(left && { left }), ...(right && { right }) };
      const valueUnder = (key: Uint8Array) => sorted.find(([each]) => toHex(each) === toHex(key))?.[1] ?? utf8('');
      const proof = encodeStateProof(claimed, wanted, valueUnder);
      const between =
        (low === undefined || Buffer.compare(low[0], wanted) < 0) &&
        (high === undefined || Buffer.compare(wanted, high[0]) < 0);
      t.is(verifyNonMembership(tree.root, proof, wanted), between && j === i + 1, `${i} and ${j}`);
    }
  }
});

test('proof bytes from outside never do more than fail', (t) => {
  const { tree, prove } = recordsOf(Array.from({ length: 9 }, (_, i) => [keyOf(`${i}`), utf8(`${i}`)] as const));
  const absent = keyOf('absent');
  const [present, absence] = [prove(keyOf('3')), prove(absent)];
  fc.assert(
    fc.property(
      fc.constantFrom(present, absence),
      fc.nat(),
      fc.nat({ max: 255 }),
      fc.boolean(),
      (proof, at, by, cut) => {
        const changed = cut ? proof.slice(0, at % proof.length) : proof.slice();
        if (!cut) changed[at % proof.length] = by;
        if (Buffer.compare(changed, proof) === 0) return;
        t.false(verifyMembership(tree.root, changed, keyOf('3'), utf8('3')));
        t.false(verifyNonMembership(tree.root, changed, absent));
      },
    ),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      t.false(verifyMembership(tree.root, bytes, keyOf('3'), utf8('3')));
    }),
  );
  t.throws(() => decodeStateProof(new Uint8Array(0)), { name: 'DecodeError' });
});

interface StateTreeVectors {
  root: string;
  exist: { key: string; value: string; proof: string }[];
}

testWithData('vectors', 'state-tree')('the 5,000-key state tree has the published root and proofs', (t) => {
  const vectors = readDataJson<StateTreeVectors>('vectors', 'state-tree', 'critbit-tendermintSpec-5000.json');
  const records = Array.from(
    { length: 5000 },
    (_, i) => [keyOf(`acct:${i}`), utf8(`bal=${i * 100};seq=${i % 7}`)] as const,
  );
  const { tree, prove } = recordsOf(records);
  t.is(toHex(tree.root), vectors.root);
  for (const { key, value, proof } of vectors.exist) {
    const [keyBytes, theirs] = [Buffer.from(key, 'hex'), Buffer.from(proof, 'hex')];
    t.true(verifyMembership(tree.root, theirs, keyBytes, utf8(value)));
    // They spell out a zero that we leave out, so the messages are compared and not the bytes.
    t.deepEqual(decodeStateProof(prove(keyBytes)), decodeStateProof(theirs));
  }
});

interface Ics23Vector {
  root: string;
  key: string;
  value: string;
  proof: string;
}

testWithData('vectors', 'ics23')(
  'proofs of another tree of the same spec are refused where their keys are not ours',
  (t) => {
    for (const name of ['exist_left', 'exist_middle', 'exist_right']) {
      const vector = readDataJson<Ics23Vector>('vectors', 'ics23', 'tendermint', `${name}.json`);
      const [root, key, value, proof] = [vector.root, vector.key, vector.value, vector.proof].map((text) =>
        Buffer.from(text, 'hex'),
      ) as [Buffer, Buffer, Buffer, Buffer];
      t.true(confioMembership(stock(proof), tendermintSpec, root, key, value));
      t.false(verifyMembership(root, proof, key, value));
    }
  },
);
