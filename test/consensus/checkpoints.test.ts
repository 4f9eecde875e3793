// The rules of checkpoints on the collector and the cosigner alone.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { CheckpointMessage } from '../../node/consensus/checkpoint-messages.ts';
import { decodeCheckpointMessage, encodeCheckpointMessage } from '../../node/consensus/checkpoint-messages.ts';
import { CheckpointCollector, checkpointWindow, type Place } from '../../node/consensus/checkpoints.ts';
import { Cosigner } from '../../node/consensus/cosigner.ts';
import { InvariantError } from '../../node/ledger/assert.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import {
  type CosignedHead,
  contradictionProblem,
  cosignatureMessage,
  type StableCheckpoint,
  stableProblem,
} from '../../node/ledger/cosignature.ts';
import { type Digest, digestOf, sha256 } from '../../node/ledger/hash.ts';
import { Frontier } from '../../node/ledger/merkle.ts';
import { deriveSeed, sign, verify } from '../../node/ledger/signature.ts';
import { createLmdbStore, openLmdbStore } from '../../node/store/lmdb-opening.ts';
import { seedOf, testGenesis } from '../execution/_ledger.ts';
import { FakeChain, voteOf } from '../store/_fixtures.ts';

const { validators } = testGenesis();
const origin = 'daybook.example/test';
const rootOf = (name: string): Digest => digestOf(sha256(new TextEncoder().encode(name)));
const place = (height: number): Place => ({ height, size: 10 * height, root: rootOf(`log ${10 * height}`) });

function cosigned(validator: number, { size, root }: { size: number; root: Digest }, time = 1_000): CosignedHead {
  const seed = deriveSeed(seedOf(validators[validator]?.id ?? ''), 'audit');
  const signature = sign(cosignatureMessage({ origin, size, root }, time), seed);
  return { size, root, validator, time, signature };
}

function said(validator: number, at: { size: number; root: Digest }, repeated = false): CheckpointMessage {
  return { type: 'cosignature', cosigned: cosigned(validator, at), repeated };
}

function collector() {
  const checked: number[] = [];
  const check: typeof verify = (message, signature, key) => {
    checked.push(validators.findIndex(({ auditKey }) => Buffer.compare(auditKey, key) === 0));
    return verify(message, signature, key);
  };
  const rules = { origin, validatorsOf: () => validators, check };
  return { checked, board: new CheckpointCollector(rules, place(0), undefined) };
}

test('a quorum for the root that this validator has makes a checkpoint stable, once [K5]', (t) => {
  const { board } = collector();
  t.is(board.durable(place(1), cosigned(0, place(1))).stable, undefined);
  t.is(board.heard(3, said(3, place(1))).stable, undefined);
  const { stable } = board.heard(2, said(2, place(1)));
  t.deepEqual(
    stable?.cosignatures.map(({ validator }) => validator),
    [0, 2, 3],
  );
  t.is(stable?.height, 1);
  t.is(stable && stableProblem(origin, stable, validators), undefined);
  t.true(board.isStable(10));
  t.is(board.heard(1, said(1, place(1))).stable, undefined);
});

test('a root that is not this validator’s own never becomes stable [K5]', (t) => {
  const { board } = collector();
  const other = { size: 10, root: rootOf('another log') };
  board.durable(place(1), cosigned(0, place(1)));
  for (const each of [1, 2, 3]) t.is(board.heard(each, said(each, other)).stable, undefined);
});

test('a signature is verified when a quorum is in reach, and none beyond it [K4]', (t) => {
  const { board, checked } = collector();
  board.durable(place(1), cosigned(0, place(1)));
  board.heard(2, said(2, place(1)));
  t.deepEqual(checked, []);
  board.heard(1, said(1, place(1)));
  t.deepEqual(checked, [1, 2]);
  board.heard(3, said(3, place(1)));
  t.deepEqual(checked, [1, 2]);
});

test('a cosignature that comes before its block waits for it, and a bad one costs its sender alone [K4]', (t) => {
  const { board } = collector();
  const bad = { ...cosigned(1, place(1)), signature: new Uint8Array(64).fill(1) };
  board.heard(1, { type: 'cosignature', cosigned: bad, repeated: false });
  board.heard(2, said(2, place(1)));
  t.is(board.durable(place(1), cosigned(0, place(1))).stable, undefined);
  t.deepEqual(
    board.heard(3, said(3, place(1))).stable?.cosignatures.map(({ validator }) => validator),
    [0, 2, 3],
  );
});

test('what is kept of one sender is bounded, ahead and behind [K4]', (t) => {
  const { board } = collector();
  for (let size = 1; size <= 10_000; size++) board.heard(1, said1(size));
  for (let size = 2; size <= 200; size++) board.heard(2, said(2, place(size)));
  for (const height of [1, 2]) board.durable(place(height), cosigned(0, place(height)));
  t.is(
    board.heard(3, said(3, place(1))).stable,
    undefined,
    'validator 1 has spent its places on sizes without a block',
  );
  t.deepEqual(
    board.heard(3, said(3, place(2))).stable?.cosignatures.map(({ validator }) => validator),
    [0, 2, 3],
  );
  for (let height = 3; height <= checkpointWindow + 2; height++) board.durable(place(height), undefined);
  t.false(board.isStable(20), 'too long ago');
  t.is(board.heard(1, said(1, place(2))).stable, undefined);
});

/** Not signed: it is never looked at. */
function said1(size: number): CheckpointMessage {
  const cosignedHead = { size, root: rootOf('x'), validator: 1, time: 1, signature: new Uint8Array(64) };
  return { type: 'cosignature', cosigned: cosignedHead, repeated: false };
}

test('a cosignature comes from its signer, and counts under the set of its block [K3]', (t) => {
  const { board } = collector();
  board.durable(place(1), cosigned(0, place(1)));
  t.is(typeof board.heard(1, said(2, place(1))).refused, 'string');
  const foreign = { ...cosigned(1, place(1)), validator: 3 };
  board.heard(3, { type: 'cosignature', cosigned: foreign, repeated: false });
  t.is(board.heard(2, said(2, place(1))).stable, undefined, 'the signature of 1 is none of 3');
  const old = new CheckpointCollector(
    { origin, validatorsOf: (height) => (height === 1 ? validators : undefined), check: verify },
    place(1),
    undefined,
  );
  for (const each of [0, 1, 2]) old.heard(each, said(each, place(2)));
  t.is(old.durable(place(2), undefined).stable, undefined, 'nobody is asked about block 2');
});

test('who asks for a stable checkpoint is answered once between two statuses [K6]', (t) => {
  const { board } = collector();
  const wanted = { type: 'wanted', size: 10 } as const;
  t.is(board.heard(9, wanted).answer, undefined);
  board.durable(place(1), cosigned(0, place(1)));
  for (const each of [1, 2]) board.heard(each, said(each, place(1)));
  t.is(board.heard(9, wanted).answer?.size, 10);
  t.is(board.heard(9, wanted).answer, undefined);
  board.statusSent();
  t.is(board.heard(9, wanted).answer?.size, 10);
});

test('what was kept ahead of a number is dropped when the number is another validator’s [K3]', (t) => {
  const [first, ...others] = validators;
  const turned = first === undefined ? [] : [...others, first];
  const validatorsOf = (height: number) => (height <= 1 ? validators : turned);
  const board = new CheckpointCollector({ origin, validatorsOf, check: verify }, place(0), undefined);
  for (let size = 1_001; size <= 1_100; size++) board.heard(1, said1(size));
  const inTurned = (number: number, height: number): CheckpointMessage => {
    const head = { ...cosigned(number + 1, place(height)), validator: number };
    return { type: 'cosignature', cosigned: head, repeated: false };
  };
  board.durable(place(1), undefined);
  t.is(typeof board.heard(2, inTurned(1, 1)).refused, 'string', 'not the number of the sender in any set');
  t.is(board.heard(3, inTurned(1, 2)).refused, undefined, 'it may be right in a set that is not known here');
  for (const each of [0, 1, 2]) board.heard(each, inTurned(each, 3));
  board.durable(place(2), undefined);
  t.deepEqual(
    board.durable(place(3), undefined).stable?.cosignatures.map(({ validator }) => validator),
    [0, 1, 2],
  );
});

test('a repeated cosignature is answered with the stable checkpoint, once between two statuses [K6]', (t) => {
  const { board } = collector();
  board.durable(place(1), cosigned(0, place(1)));
  for (const each of [1, 2]) board.heard(each, said(each, place(1)));
  t.is(board.heard(3, said(3, place(1))).answer, undefined);
  const { answer } = board.heard(3, said(3, place(1), true));
  t.is(answer?.size, 10);
  t.is(board.heard(3, said(3, place(1), true)).answer, undefined);
  board.statusSent();
  t.is(board.heard(3, said(3, place(1), true)).answer?.size, 10);

  const late = collector().board;
  const message: CheckpointMessage = { type: 'stable', checkpoint: answer as StableCheckpoint };
  t.is(late.heard(1, message).stable, undefined, 'the block is not here yet');
  late.durable(place(1), cosigned(3, place(1)));
  const forged = {
    ...(answer as StableCheckpoint),
    cosignatures: answer?.cosignatures.map((each) => ({ ...each, time: 1 })) ?? [],
  };
  t.is(typeof late.heard(1, { type: 'stable', checkpoint: forged }).refused, 'string');
  t.deepEqual(
    late.heard(1, message).stable?.cosignatures.map(({ validator }) => validator),
    [0, 1, 2],
  );
});

test('who says two other roots here cannot keep out a checkpoint that holds what it said elsewhere [K4, K5]', (t) => {
  const there = collector().board;
  there.durable(place(1), cosigned(2, place(1)));
  there.heard(0, said(0, place(1)));
  const { stable } = there.heard(1, said(1, place(1)));
  if (stable === undefined) return t.fail();
  const { board } = collector();
  board.durable(place(1), cosigned(0, place(1)));
  for (const name of ['one', 'other']) board.heard(1, said(1, { size: 10, root: rootOf(name) }));
  t.is(board.heard(1, said(1, place(1))).stable, undefined, 'a third root of one sender');
  const shown = board.heard(2, { type: 'stable', checkpoint: stable });
  t.deepEqual(shown.contradictions, []);
  t.deepEqual(shown.stable?.cosignatures, stable.cosignatures);
});

test('two roots for one size under one key are a proven pair, reported once [K7]', (t) => {
  const { board } = collector();
  const other = { size: 10, root: rootOf('another log') };
  board.durable(place(1), cosigned(0, place(1)));
  t.deepEqual(board.heard(1, said(1, other)).contradictions, []);
  const [pair, ...more] = board.heard(1, said(1, place(1))).contradictions;
  t.deepEqual(more, []);
  t.is(pair && contradictionProblem(origin, pair, validators), undefined);
  t.deepEqual([pair?.first.root, pair?.second.root], [other.root, place(1).root]);
  board.durable(place(2), cosigned(0, place(2)));
  board.heard(1, said(1, { size: 20, root: other.root }));
  t.deepEqual(board.heard(1, said(1, place(2))).contradictions, []);
  const forged = { ...cosigned(2, other), signature: cosigned(1, other).signature };
  board.heard(2, said(2, place(1)));
  t.deepEqual(
    board.heard(2, { type: 'cosignature', cosigned: forged, repeated: false }).contradictions,
    [],
    'unsigned',
  );
});

test('the cosigner refuses a second root for a size and a smaller size, and repeats its bytes [K2]', (t) => {
  const seed = deriveSeed(seedOf('node-0'), 'audit');
  let signed = 0;
  const count = (message: Uint8Array) => {
    signed++;
    return sign(message, seed);
  };
  const cosigner = new Cosigner(origin, undefined, count);
  t.throws(() => cosigner.cosign({ size: 0, root: rootOf('') }, 0, 5), { instanceOf: InvariantError });
  const first = cosigner.cosign(place(2), 0, 100);
  t.is(cosigner.cosign(place(2), 0, 200), first);
  t.is(signed, 1);
  t.throws(() => cosigner.cosign({ size: 20, root: rootOf('x') }, 0, 100), { instanceOf: InvariantError });
  t.throws(() => cosigner.cosign(place(1), 0, 100), { instanceOf: InvariantError });
  t.is(cosigner.cosign(place(3), 0, 50).time, 100, 'time does not step back');
  t.is(signed, 2);
});

test('what was cosigned stands in the block’s write, and a restart refuses a contradiction [K1, K2]', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'daybook-cosigner-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const chain = new FakeChain(77);
  const seed = deriveSeed(seedOf('node-0'), 'audit');
  const signed = (message: Uint8Array) => sign(message, seed);
  const open = () => openLmdbStore(join(folder, 'data'));
  const store = await createLmdbStore(join(folder, 'data'), chain.identity, chain.genesis, voteOf(1));
  t.is(store.cosigned(), undefined);
  const cosigner = new Cosigner(origin, store.cosigned(), signed);
  const heads = [];
  for (let height = 1; height <= 3; height++) {
    const block = chain.next();
    const { head } = block;
    const treeHead = { size: head.logSize, root: rootOfPeaks(head) };
    heads.push(treeHead);
    store.commit(block, voteOf(height), { own: cosigner.cosign(treeHead, 0, height), stable: [] });
  }
  await store.close();
  const again = await open();
  const [first, , last] = heads;
  if (first === undefined || last === undefined) return t.fail();
  const restored = new Cosigner(origin, again.cosigned(), signed);
  t.deepEqual(restored.cosign(last, 0, 99), cosigner.last);
  t.throws(() => restored.cosign(first, 0, 99), { instanceOf: InvariantError, message: /after one of size/ });
  t.throws(() => restored.cosign({ ...last, root: rootOf('x') }, 0, 99), { instanceOf: InvariantError });
  const quorum = [0, 1, 2].map((each) => ({ validator: each, time: 5, signature: new Uint8Array(64).fill(each) }));
  const stable = { height: 2, ...(heads[1] ?? last), cosignatures: quorum };
  again.persistCheckpoints({ stable: [stable] });
  await again.close();
  const third = await open();
  t.deepEqual(third.lastCheckpoint(), stable);
  t.deepEqual(third.checkpoint(2), stable);
  t.is(third.checkpoint(3), undefined);
  t.deepEqual(third.cosigned(), cosigner.last);
  await third.close();
});

function rootOfPeaks({ logSize, peaks }: { logSize: number; peaks: readonly Uint8Array[] }): Digest {
  return digestOf(Frontier.fromHashes(logSize, peaks).root());
}

test('checkpoint messages have one encoding', (t) => {
  const stable: CheckpointMessage = {
    type: 'stable',
    checkpoint: {
      height: 1,
      size: 10,
      root: rootOf('x'),
      cosignatures: [0, 1, 2].map((each) => cosigned(each, place(1))),
    },
  };
  for (const message of [said(1, place(1)), said(1, place(1), true), stable, { type: 'wanted', size: 10 } as const]) {
    const bytes = encodeCheckpointMessage(message);
    t.deepEqual(encodeCheckpointMessage(decodeCheckpointMessage(bytes)), bytes);
    t.throws(() => decodeCheckpointMessage(bytes.slice(1)), { instanceOf: DecodeError });
    t.throws(() => decodeCheckpointMessage(Uint8Array.from([...bytes, 0])), { instanceOf: DecodeError });
  }
});
