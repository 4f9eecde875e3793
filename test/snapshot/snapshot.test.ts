import test from 'ava';
import { transferArguments } from '../../contracts/payments.ts';
import { leafHash, toHex } from '../../node/ledger/hash.ts';
import { inclusionPath, verifyInclusion } from '../../node/ledger/merkle.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { answerBytesMax } from '../../node/network/frames.ts';
import { decodeSyncRequest, encodePrunedAnswer } from '../../node/network/sync-messages.ts';
import { pieceSchema } from '../../node/snapshot/chunk.ts';
import { type Manifest, manifestBytesMax, manifestSchema, setLinksMax } from '../../node/snapshot/manifest.ts';
import { tellers } from '../execution/_ledger.ts';
import { downloadOf, executorOn, follows, newcomer, OfferingLedger, type Peer, taken } from './_snapshot.ts';

function offering(blocks: number, settings = {}): OfferingLedger {
  const source = new OfferingLedger(settings);
  for (let i = 0; i < blocks; i++) {
    source.grow(1);
    source.work();
  }
  return source;
}

test('[S2] a newcomer takes the state, the log of the reference window, and goes on from there', async (t) => {
  const source = offering(70);
  const store = newcomer();
  t.true(await taken(t, store, [(request) => source.serve(request)]));
  t.is(store.head().height, 60);
  t.true(store.base().height >= 40, `the log begins after ${store.base().height}`);
  t.is(store.block(store.base().height)?.digest, store.base().digest, 'the base stays for its header');
  follows(t, store, source);
  for (let index = store.base().logSize; index < store.head().logSize; index++) {
    const entry = store.entry(index) ?? new Uint8Array(0);
    const path = inclusionPath((level, at) => store.node(level, at), index, store.head().logSize);
    const whole = inclusionPath((level, at) => source.store.node(level, at), index, store.head().logSize);
    t.deepEqual(path.map(toHex), whole.map(toHex));
    t.false(verifyInclusion(leafHash(entry), index, store.head().logSize, path, new Uint8Array(32)));
  }
  const last = source.store.head().height;
  t.is(last, store.head().height);
});

test('[S3] a reference that was used within the window is used for the newcomer as well', async (t) => {
  const source = offering(70);
  const store = newcomer();
  t.true(await taken(t, store, [(request) => source.serve(request)]));
  follows(t, store, source);
  const { ledger } = source;
  const args = { from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' };
  const recent = `R${70 + 2}`;
  const again = ledger.transaction(tellers.NORTH, 'payments', 'transfer', transferArguments(args), recent);
  const [theirs, ours] = [ledger.executor, executorOn(store)].map((executor) =>
    executor.admissionProblem(again, ledger.time + 1),
  );
  t.is(theirs?.code, 'reference-used');
  t.deepEqual(ours, theirs);
});

test('[S1] the offer is of its height, whatever is committed while it is written', async (t) => {
  const source = new OfferingLedger();
  source.grow(18);
  for (let i = 0; i < 5; i++) {
    source.grow(1);
    source.work(1);
  }
  source.work();
  const store = newcomer();
  t.true(await taken(t, store, [(request) => source.serve(request)]));
  t.is(store.head().height, 20);
  follows(t, store, source);
});

test('nothing is offered that no stable checkpoint covers, nor before it is complete', (t) => {
  const source = new OfferingLedger();
  source.grow(18);
  t.is(source.keeper.newest(), undefined, 'not begun to be written');
  source.work();
  t.is(source.keeper.newest()?.height, 20);
  source.stable = 19;
  t.is(source.keeper.newest(), undefined);
});

test('[S5] what pruning leaves is enough for a newcomer, and the store stays of one size', async (t) => {
  const source = offering(200, { prune: true });
  const { store } = source;
  t.true(store.base().height > 130, `${store.base().height}`);
  t.is(store.block(50), undefined);
  const image = store.snapshot();
  t.true(Object.keys(image.entries).length < 160, `${Object.keys(image.entries).length} entries`);
  t.true(image.references.size < 100, `${image.references.size} references`);
  const late = newcomer();
  t.true(await taken(t, late, [(request) => source.serve(request)]));
  follows(t, late, source);
});

test('[S1] where the validators changed more often than a manifest holds, no new offer is made', (t) => {
  const [founders] = new OfferingLedger().sets;
  if (founders === undefined) return t.fail();
  const { validators } = founders;
  const [one] = validators;
  if (one === undefined) return t.fail();
  const changes = (count: number, next = validators) => [
    founders,
    ...Array.from({ length: count }, () => ({ from: 3, validators: next })),
  ];
  const crowd = Array.from({ length: 100 }, () => one);
  for (const [sets, isOffered] of [
    [changes(setLinksMax), true],
    [changes(setLinksMax + 1), false],
    [changes(100, crowd), true],
    [changes(600, crowd), false],
  ] as const) {
    const source = offering(20, { prune: !isOffered });
    const before = source.keeper.newest()?.height;
    source.sets = sets;
    for (let i = 0; i < 45; i++) {
      source.grow(1);
      source.work();
    }
    t.is(before, 20);
    t.is(source.keeper.newest()?.height, isOffered ? 60 : 20, `${sets.length - 1} changes`);
    t.is(source.warnings.length, isOffered ? 0 : 1, 'told once');
    t.is(source.store.base().height, 0, 'no block is forgotten for an offer that is not there');
  }
  t.is(manifestBytesMax, answerBytesMax);
});

test('[S5] no block is forgotten for a manifest that is not as it was written', (t) => {
  const source = offering(20, { prune: true });
  const { store } = source;
  const place = { area: 'offered', height: 20, kind: 'manifest', first: 0, second: 0 } as const;
  const manifest = decodeAs(manifestSchema, store.part(place) ?? new Uint8Array(0));
  const { base } = manifest;
  if (base === undefined) return t.fail('it has a base');
  const header = base.header.map((byte, at) => (at === base.header.length - 9 ? byte ^ 1 : byte));
  for (const bytes of [encodeAs(manifestSchema, { ...manifest, base: { ...base, header } }), Uint8Array.of(7)]) {
    store.putParts([[place, bytes]]);
    for (let i = 0; i < 3; i++) {
      source.grow(store.head().height < 40 ? 20 : 1);
      source.work();
    }
    t.is(store.base().height, 0);
  }
});

const spoil: readonly (readonly [string, (answer: Uint8Array, kind: string) => Uint8Array | undefined])[] = [
  ['says nothing', () => undefined],
  ['has no snapshot', (answer, kind) => (kind === 'manifest' ? undefined : answer)],
  ['stalls before the last chunks', (answer, kind) => (kind === 'piece' ? undefined : answer)],
  ['has pruned the blocks meanwhile', (answer, kind) => (kind === 'blocks' ? encodePrunedAnswer(99) : answer)],
  ['sends junk', (answer) => answer.map((byte) => byte ^ 0xff)],
  [
    'changes a balance',
    (answer, kind) => {
      if (kind !== 'piece') return answer;
      const piece = decodeAs(pieceSchema, answer);
      const records = piece.records.map(({ path, value }) => ({ path, value: value.map((byte) => byte ^ 1) }));
      return encodeAs(pieceSchema, { ...piece, records });
    },
  ],
  [
    'bends a path',
    (answer, kind) => {
      if (kind !== 'piece') return answer;
      const text = Buffer.from(answer).toString('latin1');
      return Buffer.from(text.replaceAll('/', '.'), 'latin1');
    },
  ],
  [
    'leaves a record out',
    (answer, kind) => {
      if (kind !== 'piece') return answer;
      const piece = decodeAs(pieceSchema, answer);
      return encodeAs(pieceSchema, { ...piece, records: piece.records.slice(1) });
    },
  ],
  [
    'never ends a chunk',
    (answer, kind) =>
      kind === 'piece' ? encodeAs(pieceSchema, { ...decodeAs(pieceSchema, answer), last: 0 }) : answer,
  ],
  ['gives other roots', changed((manifest) => ({ ...manifest, roots: manifest.roots.map(() => undefined) }))],
  [
    'gives a certificate of fewer',
    changed(({ certificate, ...manifest }) => {
      return { ...manifest, certificate: { ...certificate, signers: certificate.signers.slice(1) } };
    }),
  ],
  [
    'begins the log too late',
    changed((manifest) => ({ ...manifest, base: { ...manifest, peaks: manifest.base?.peaks ?? [] } })),
  ],
  ['gives other peaks', changed((manifest) => ({ ...manifest, base: manifest.base && otherPeaks(manifest.base) }))],
];

function changed(change: (manifest: Manifest) => Manifest) {
  return (answer: Uint8Array, kind: string) =>
    kind === 'manifest' ? encodeAs(manifestSchema, change(decodeAs(manifestSchema, answer))) : answer;
}

function otherPeaks(base: NonNullable<Manifest['base']>): Manifest['base'] {
  return { ...base, peaks: base.peaks.map(() => new Uint8Array(32)) };
}

for (const [title, change] of spoil)
  test(`any one honest peer is enough: another ${title}`, async (t) => {
    const source = offering(45);
    const lying: Peer = (request) => {
      const answer = source.serve(request);
      return answer === undefined ? undefined : change(answer, decodeSyncRequest(request).type);
    };
    const alone = newcomer();
    t.false(await taken(t, alone, [lying]));
    t.is(alone.head().height, 0);
    const store = newcomer();
    t.true(await taken(t, store, [lying, (request) => source.serve(request)]));
    follows(t, store, source);
  });

test('who sends a chunk in crumbs is given up at once: another might never be asked', async (t) => {
  const source = offering(45);
  let asked = 0;
  const crumbs: Peer = (request) => {
    if (decodeSyncRequest(request).type !== 'piece') return source.serve(request);
    if (++asked > 2_000) return undefined;
    return encodeAs(pieceSchema, { last: 0, records: [{ path: `a/b/${asked}`, value: new Uint8Array(1) }] });
  };
  const store = newcomer();
  t.true(await taken(t, store, [crumbs, (request) => source.serve(request)]));
  t.true(asked < 300, `${asked} pieces`);
});

test('a download that nobody waits for any more leaves alone what another has staged', async (t) => {
  const [source, behind] = [offering(65), offering(45)];
  const store = newcomer();
  let second: Promise<boolean> | undefined;
  const stalls: Peer = (request) => {
    if (decodeSyncRequest(request).type === 'manifest') return source.serve(request);
    second ??= taken(t, store, [(each) => source.serve(each)]);
    return undefined;
  };
  const peers: Peer[] = [stalls, (request) => behind.serve(request)];
  t.is(await downloadOf(store, peers, () => second === undefined).from([0, 1]), undefined);
  t.true(await second);
  t.is(executorOn(store).head.height, 60, 'its state is whole');
  follows(t, store, source);
});

test('what was fetched before a restart is not fetched again, also from another peer', async (t) => {
  const source = offering(45);
  const store = newcomer();
  let pieces = 0;
  const half: Peer = (request) => {
    if (decodeSyncRequest(request).type === 'piece' && ++pieces > 12) return undefined;
    return source.serve(request);
  };
  t.false(await taken(t, store, [half]));
  const asked: string[] = [];
  const whole: Peer = (request) => {
    const { type } = decodeSyncRequest(request);
    asked.push(type);
    return source.serve(request);
  };
  const all: string[] = [];
  const fresh = newcomer();
  t.true(
    await taken(t, fresh, [
      (request) => {
        all.push(decodeSyncRequest(request).type);
        return source.serve(request);
      },
    ]),
  );
  t.true(await taken(t, store, [whole]));
  const count = (list: string[]) => list.filter((type) => type === 'piece').length;
  t.is(count(all) - count(asked), 12);
  follows(t, store, source);
});

test('a snapshot below the own head is not taken', async (t) => {
  const source = offering(45);
  const store = newcomer();
  t.true(await taken(t, store, [(request) => source.serve(request)]));
  t.false(await taken(t, store, [(request) => source.serve(request)]));
});
