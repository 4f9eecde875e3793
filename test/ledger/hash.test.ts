import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import test from 'ava';
import {
  digestBytes,
  digestOf,
  emptyHash,
  equalBytes,
  fromHex,
  leafHash,
  nodeHash,
  parseDigest,
  sha256,
  sha256Latin1,
  taggedHash,
  toHex,
} from '../../node/ledger/hash.ts';
import { prng } from '../_prng.ts';

test('sha256 equals an independent implementation at every length around the block size and the largest entry', (t) => {
  const random = prng(1);
  for (const length of [...Array(200).keys(), 65_535, 66_048, 66_049, 200_000]) {
    const bytes = random.bytes(length);
    const expected = nobleSha256(bytes);
    t.deepEqual(sha256(bytes), expected);
    const cut = random.int(length + 1);
    t.deepEqual(sha256(bytes.subarray(0, cut), bytes.subarray(cut)), expected);
    t.is(sha256Latin1(bytes), Buffer.from(expected).toString('latin1'));
  }
  t.deepEqual(sha256(), nobleSha256(new Uint8Array(0)));
});

test('a hash is a plain Uint8Array that owns its memory', (t) => {
  const hash = sha256(Uint8Array.of(1));
  t.is(Object.getPrototypeOf(hash), Uint8Array.prototype);
  t.is(hash.buffer.byteLength, 32);
});

test('leaf, node and empty hashes are those of RFC 6962', (t) => {
  const entry = Uint8Array.of(1, 2, 3);
  t.deepEqual(leafHash(entry), nobleSha256(Uint8Array.of(0, 1, 2, 3)));
  const left = sha256(Uint8Array.of(1));
  const right = sha256(Uint8Array.of(2));
  t.deepEqual(nodeHash(left, right), nobleSha256(Uint8Array.of(1, ...left, ...right)));
  t.is(toHex(emptyHash()), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});

test('a tagged hash is the hash of the tag and the bytes', (t) => {
  const bytes = new TextEncoder().encode('body');
  const expected = nobleSha256(new TextEncoder().encode('daybook/tx/v1body'));
  t.deepEqual(taggedHash('daybook/tx/v1', bytes), expected);
  t.deepEqual(taggedHash('daybook/tx/v1', bytes), expected);
});

test('hex is strict: one text for each byte string', (t) => {
  t.deepEqual(fromHex('00ff10'), Uint8Array.of(0, 255, 16));
  t.deepEqual(fromHex(''), new Uint8Array(0));
  for (const bad of ['0', 'AB', 'zz', ' 00', '00\n', '0x00', '٠٠']) t.is(fromHex(bad), undefined, bad);
});

test('a digest names 32 bytes and nothing else', (t) => {
  const hash = sha256(Uint8Array.of(9));
  const digest = digestOf(hash);
  t.is(String(digest), toHex(hash));
  t.deepEqual(digestBytes(digest), hash);
  t.is(parseDigest(digest), digest);
  t.is(parseDigest(digest.toUpperCase()), undefined);
  t.is(parseDigest(`${digest}\n`), undefined);
  t.throws(() => digestOf(new Uint8Array(31)), { name: 'InvariantError' });
});

test('bytes are equal when every byte is', (t) => {
  t.true(equalBytes(Uint8Array.of(1, 2), Buffer.from([1, 2])));
  t.false(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)));
  t.false(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1)));
});
