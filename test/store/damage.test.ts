// Folders that are not what they must be. Nothing here may crash the test's own process: what kills an opener is opened
// by the preflight's child alone.
import { mkdirSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { open } from 'lmdb';
import { digestOf, sha256 } from '../../node/ledger/hash.ts';
import { Frontier } from '../../node/ledger/merkle.ts';
import {
  claimKey,
  digestKey,
  nodeKey,
  numberKey,
  partKey,
  referenceKey,
  singleKey,
  startsKey,
  stateKey,
} from '../../node/store/keys.ts';
import { openEnvironment } from '../../node/store/lmdb-environment.ts';
import { createLmdbStore, openLmdbStore } from '../../node/store/lmdb-opening.ts';
import { preflight } from '../../node/store/preflight.ts';
import { peakNodes } from '../../node/store/pruned-nodes.ts';
import { encodeRow, headRow, identityRow } from '../../node/store/rows.ts';
import { DamagedRow, type Store, StoreError, StoreFailure } from '../../node/store/store.ts';
import { FakeChain, voteOf } from './_fixtures.ts';
import { testFolder } from './_folder.ts';

const heights = 30;
const body = new Uint8Array(5_000).fill(3);
const bodyDigest = digestOf(sha256(body));

async function closedStore(t: ExecutionContext): Promise<{ folder: string; chain: FakeChain }> {
  const folder = testFolder(t);
  const chain = new FakeChain(40);
  const store = await createLmdbStore(folder, chain.identity, chain.genesis);
  for (let height = 1; height <= heights; height++) store.commit(chain.next(8), voteOf(height, [body]));
  await store.close();
  return { folder, chain };
}

/** Changes the stored bytes behind the store's back; undefined removes the record. */
async function tamper(folder: string, key: Buffer, change: (value: Buffer) => Buffer | undefined): Promise<void> {
  const environment = openEnvironment(folder);
  environment.transactionSync(() => {
    const value = environment.getBinary(key);
    if (value === undefined) throw new Error('no such record');
    const changed = change(Buffer.from(value));
    if (changed === undefined) environment.removeSync(key);
    else environment.putSync(key, changed);
  });
  await environment.close();
}

function flip(value: Buffer): Buffer {
  const at = Math.floor(value.length / 2);
  value[at] = (value[at] ?? 0) ^ 0x10;
  return value;
}

async function refused(t: ExecutionContext, folder: string, message: RegExp): Promise<void> {
  await t.throwsAsync(preflight(folder), { instanceOf: StoreError, message }, 'preflight');
}

async function openRefused(t: ExecutionContext, folder: string, message: RegExp): Promise<void> {
  await t.throwsAsync(openLmdbStore(folder), { instanceOf: StoreError, message }, 'open');
  // Whoever was refused holds no lock.
  await t.throwsAsync(openLmdbStore(folder), { instanceOf: StoreError, message }, 'open again');
}

test('a flipped byte in a record of the tip is found before the node starts', async (t) => {
  const { folder, chain } = await closedStore(t);
  const { head } = chain.commits.at(-1) ?? chain.genesis;
  const tip: [Buffer, RegExp][] = [
    [singleKey('head'), /head record/],
    [singleKey('identity'), /identity record/],
    [singleKey('vote'), /vote record/],
    [numberKey('block', heights), /block 30/],
    [numberKey('certificate', heights), /certificate 30/],
    [numberKey('entry', head.logSize - 1), new RegExp(`entry ${head.logSize - 1}`)],
    [nodeKey(8, 0), /node 8\/0/],
  ];
  for (const [key, message] of tip) {
    await tamper(folder, key, flip);
    await refused(t, folder, message);
    await openRefused(t, folder, message);
    await tamper(folder, key, flip);
  }
  await preflight(folder);
  await (await openLmdbStore(folder)).close();
});

test('a flipped byte anywhere else is found when the record is read, and the error names it', async (t) => {
  const { folder, chain } = await closedStore(t);
  const [row] = (chain.commits[3] ?? chain.genesis).references;
  if (row === undefined) return t.fail('the block has references');
  const deep: [Buffer, RegExp, (store: Store) => unknown][] = [
    [numberKey('entry', 5), /entry 5:/, (store) => store.entry(5)],
    [numberKey('entry', 5), /entry 5:/, (store) => store.entries(0, 9)],
    [numberKey('block', 4), /block 4:/, (store) => store.block(4)],
    [numberKey('certificate', 4), /certificate 4:/, (store) => store.certificate(4)],
    [nodeKey(4, 0), /node 4\/0:/, (store) => store.node(4, 0)],
    [
      stateKey('payments/accounts/A-7'),
      /state payments\/accounts\/A-7:/,
      (store) => store.get('payments/accounts/A-7'),
    ],
    [stateKey('payments/accounts/A-7'), /state payments\/accounts\/A-7:/, (store) => [...store.stateRecords()]],
    [stateKey('payments/accounts/A-7'), /A-7:/, (store) => store.stateRange('payments/', 99)],
    [referenceKey('BANK-A', row.reference), /reference BANK-A REF 3-0:/, (s) => s.reference('BANK-A', row.reference)],
    [digestKey('transaction', row.transaction), /transaction [0-9a-f]{64}:/, (s) => s.transaction(row.transaction)],
    [digestKey('body', bodyDigest), /body [0-9a-f]{64}:/, (store) => store.body(bodyDigest)],
  ];
  for (const [key, message, read] of deep) {
    await tamper(folder, key, flip);
    const store = await openLmdbStore(folder);
    const error = t.throws(() => read(store), { instanceOf: StoreError, message });
    t.regex(error.message, /makes the row again from the log/);
    await store.close();
    await tamper(folder, key, flip);
  }
});

test('a write that comes upon a damaged row changes nothing, and the store goes on', async (t) => {
  const { folder, chain } = await closedStore(t);
  const { head, block } = chain.commits[10] ?? chain.genesis;
  const [row] = (chain.commits[3] ?? chain.genesis).references;
  if (row === undefined) return t.fail('the block has references');
  await tamper(folder, referenceKey(row.member, row.reference), flip);
  const store = await openLmdbStore(folder);
  const gone = chain.commits.slice(1, 11);
  const pruning = {
    base: { height: 10, digest: block.digest, logSize: head.logSize },
    peaks: peakNodes(head.logSize, head.peaks),
    kept: [10],
    transactions: gone.flatMap(({ transactions }) => transactions.map(([id]) => id)),
    references: gone.flatMap(({ references }) => references),
  };
  t.throws(() => store.prune(pruning), { instanceOf: DamagedRow, message: /reference BANK-A REF 3-0/ });
  t.is(store.base().height, 0);
  for (const { block, entries, transactions } of gone) {
    t.is(store.entries(block.firstIndex, block.headerIndex + 1).length, entries.length);
    for (const [id, index] of transactions) t.is(store.transaction(id), index);
  }
  t.is(store.repairBlock(chain.commits[3] ?? chain.genesis), 1);
  store.prune(pruning);
  t.is(store.base().height, 10);
  store.commit(chain.next(), voteOf(31));
  await store.close();
  await (await openLmdbStore(folder)).close();
});

test('[S2] a damaged part of a snapshot is as one that is not there', async (t) => {
  const { folder } = await closedStore(t);
  const places = (['offered', 'staged'] as const).map((area) => {
    return { area, height: 3, kind: 'piece', first: 7, second: 0 } as const;
  });
  for (const place of places) {
    const writer = await openLmdbStore(folder);
    writer.putParts([[place, Uint8Array.of(1, 2, 3)]]);
    await writer.close();
    await tamper(folder, partKey(place), flip);
    const store = await openLmdbStore(folder);
    t.is(store.part(place), undefined);
    store.putParts([[place, Uint8Array.of(4)]]);
    t.deepEqual(Uint8Array.from(store.part(place) ?? []), Uint8Array.of(4));
    await store.close();
  }
});

test('[K5] a damaged checkpoint is as one that is not there; the own last cosignature is not [K2]', async (t) => {
  const { folder, chain } = await closedStore(t);
  const cosignatures = [0, 1, 2].map((validator) => ({ validator, time: 1, signature: new Uint8Array(64) }));
  const stable = chain.commits.slice(3).map(({ head: { height, logSize, peaks } }) => {
    return { height, size: logSize, root: digestOf(Frontier.fromHashes(logSize, peaks).root()), cosignatures };
  });
  const newest = stable.at(-1);
  if (newest === undefined) return t.fail();
  const own = { size: newest.size, root: newest.root, validator: 0, time: 1, signature: new Uint8Array(64) };
  const writer = await openLmdbStore(folder);
  writer.persistCheckpoints({ own, stable });
  await writer.close();
  for (const height of [9, heights - 1, heights]) await tamper(folder, numberKey('checkpoint', height), flip);
  const store = await openLmdbStore(folder);
  t.deepEqual(
    [8, 9, 10, heights - 1, heights].map((height) => store.checkpoint(height)?.height),
    [8, undefined, 10, undefined, undefined],
  );
  t.is(store.lastCheckpoint()?.height, heights - 2);
  t.deepEqual(store.cosigned(), own);
  store.persistCheckpoints({ own: undefined, stable: [newest] });
  t.deepEqual(store.lastCheckpoint(), newest, 'it is collected again');
  await store.close();
  for (const { height } of stable)
    await tamper(folder, numberKey('checkpoint', height), (value) => value.subarray(0, 3));
  const none = await openLmdbStore(folder);
  t.is(none.lastCheckpoint(), undefined);
  await none.close();
  await tamper(folder, singleKey('cosigned'), flip);
  await refused(t, folder, /cosigned record/);
  await openRefused(t, folder, /cosigned record/);
});

test('[R5] a damaged claim or row of starts is found when it is read, and is not made again', async (t) => {
  const { folder } = await closedStore(t);
  const voteKey = new Uint8Array(32).fill(1);
  const writer = await openLmdbStore(folder);
  writer.putClaim(voteKey, new Uint8Array(90), { last: 32, sessions: [new Uint8Array(16)], since: 1 });
  await writer.close();
  await tamper(folder, claimKey(voteKey), flip);
  await tamper(folder, startsKey(voteKey, 32), flip);
  const store = await openLmdbStore(folder);
  for (const [read, message] of [
    [() => store.claim(voteKey), /claim (01){32}: its sum is wrong.*rotate the vote key first/],
    [() => store.starts(voteKey, 32), /starts (01){32}0{14}20: its sum is wrong.*rotate the vote key first/],
  ] as const)
    t.throws(read, { instanceOf: StoreError, message });
  await store.close();
});

test('a sound value under the wrong key is found', async (t) => {
  const { folder } = await closedStore(t);
  const environment = openEnvironment(folder);
  const other = Buffer.from(environment.getBinary(numberKey('entry', 6)) ?? []);
  await environment.close();
  await tamper(folder, numberKey('entry', 5), () => other);
  const store = await openLmdbStore(folder);
  t.throws(() => store.entry(5), { instanceOf: StoreError, message: /entry 5: its sum is wrong/ });
  await store.close();
});

test('a tip whose records are whole but disagree is refused', async (t) => {
  const { folder, chain } = await closedStore(t);
  const { head } = chain.commits.at(-1) ?? chain.genesis;
  const headKey = singleKey('head');
  const other = digestOf(sha256(Uint8Array.of(1)));
  const wrong: [Partial<typeof head>, RegExp][] = [
    [{ height: heights - 1 }, /the block row of height 29 is not that of the head/],
    [{ stateRoot: other }, /another state root/],
    [{ timestamp: 5 }, /another height, time or log size/],
    [{ peaks: head.peaks.map(() => new Uint8Array(32)) }, /peaks of the head are not those/],
  ];
  for (const [change, message] of wrong) {
    await tamper(folder, headKey, () => encodeRow(headKey, headRow, { ...head, ...change }));
    await openRefused(t, folder, message);
  }
  await tamper(folder, headKey, () => encodeRow(headKey, headRow, head));
  for (const [key, message] of [
    [numberKey('certificate', heights), /certificate 30: it is missing/],
    [nodeKey(8, 0), /node 8\/0: it is missing/],
    [numberKey('entry', head.logSize - 1), /entry \d+: it is missing/],
  ] as const) {
    let kept: Buffer | undefined;
    await tamper(folder, key, (value) => {
      kept = value;
      return undefined;
    });
    await openRefused(t, folder, message);
    const environment = openEnvironment(folder);
    environment.transactionSync(() => environment.putSync(key, kept ?? Buffer.alloc(0)));
    await environment.close();
  }
  await (await openLmdbStore(folder)).close();
});

test('a missing or empty folder is amnesia: nothing is created, and the error says what to do', async (t) => {
  const folder = testFolder(t);
  for (const each of [folder, join(folder, 'none')]) {
    await refused(t, each, /^amnesia: there is no store in .*daybook node init/);
    await openRefused(t, each, /^amnesia/);
  }
  mkdirSync(join(folder, 'data.mdb'));
  await refused(t, folder, /damaged store/);
});

test('an empty file is not a new store', async (t) => {
  const { folder } = await closedStore(t);
  truncateSync(join(folder, 'data.mdb'), 0);
  await refused(t, folder, /damaged store: .*it is empty/);
  await openRefused(t, folder, /it is empty/);
});

test('a database without an identity is no store', async (t) => {
  const folder = testFolder(t);
  const environment = openEnvironment(folder);
  await environment.close();
  await openRefused(t, folder, /without an identity record.*daybook node init/);
});

test('zeroed, overwritten or cut files are refused without harm to the one who asks', async (t) => {
  const { folder } = await closedStore(t);
  const file = join(folder, 'data.mdb');
  const whole = readFileSync(file);
  const pageBytes = 4_096;
  const zeros = (bytes: Buffer, from: number, to: number) => Buffer.from(bytes).fill(0, from, to);
  const cases: [string, Buffer][] = [
    ['first meta page zeroed', zeros(whole, 0, pageBytes)],
    ['second meta page zeroed', zeros(whole, pageBytes, 2 * pageBytes)],
    ['both meta pages zeroed', zeros(whole, 0, 2 * pageBytes)],
    ['all but the meta pages zeroed', zeros(whole, 2 * pageBytes, whole.length)],
    ['all but the meta pages garbage', Buffer.concat([whole.subarray(0, 2 * pageBytes), garbage(whole.length)])],
    ['cut inside the first page', whole.subarray(0, 1_000)],
    ['cut after the first page', whole.subarray(0, pageBytes)],
    ['cut after the meta pages', whole.subarray(0, 2 * pageBytes)],
    ['cut to a third', whole.subarray(0, Math.floor(whole.length / 3))],
    ['a file of another program', Buffer.from('SQLite format 3\0'.padEnd(9_000, 'x'))],
  ];
  for (const [title, bytes] of cases) {
    writeFileSync(file, bytes);
    rmSync(join(folder, 'lock.mdb'), { force: true });
    const error = await t.throwsAsync(preflight(folder), { instanceOf: StoreError }, title);
    t.regex(error.message, /^damaged store: .*Keep the node stopped/, title);
  }
  writeFileSync(file, whole);
  await preflight(folder);
});

function garbage(length: number): Buffer {
  let seed = 12_345;
  return Buffer.from(
    Uint8Array.from({ length }, () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed >>> 24;
    }),
  );
}

test('no single zeroed page kills the one who asks', async (t) => {
  const { folder } = await closedStore(t);
  const file = join(folder, 'data.mdb');
  const whole = readFileSync(file);
  const pages = whole.length / 4_096;
  let refusals = 0;
  for (let page = 2; page < pages; page += Math.ceil(pages / 12)) {
    writeFileSync(file, whole);
    const descriptor = openSync(file, 'r+');
    writeSync(descriptor, Buffer.alloc(4_096), 0, 4_096, page * 4_096);
    try {
      await preflight(folder);
      t.pass('the page is none that a start reads');
    } catch (error) {
      t.true(error instanceof StoreError, String(error));
      refusals++;
    }
  }
  t.log(`${refusals} refusals`);
});

/** Leaves that hold at least so many keys of one kind, written over. */
function zeroLeaves(folder: string, name: Buffer, count: number): void {
  const file = join(folder, 'data.mdb');
  const bytes = readFileSync(file);
  for (let page = 2 * 4_096; page < bytes.length; page += 4_096) {
    const leaf = bytes.subarray(page, page + 4_096);
    let found = 0;
    for (let at = leaf.indexOf(name); at >= 0; at = leaf.indexOf(name, at + 1)) found++;
    const isLeaf = (leaf.readUInt16LE(18) & 2) !== 0;
    if (isLeaf && found >= count) leaf.fill(0);
  }
  writeFileSync(file, bytes);
  rmSync(join(folder, 'lock.mdb'), { force: true });
}

test('pages of the state that are none are found before they kill the node', async (t) => {
  const folder = testFolder(t);
  const chain = new FakeChain(44);
  const store = await createLmdbStore(folder, chain.identity, chain.genesis);
  const writes = Array.from({ length: 400 }, (_, i): [string, Uint8Array] => [
    `payments/paged/${i}`,
    new Uint8Array(60),
  ]);
  store.commit(chain.next(8, writes), voteOf(1));
  await store.close();
  await preflight(folder, true);
  zeroLeaves(folder, Buffer.from('payments/paged/'), 10);
  await t.throwsAsync(preflight(folder, true), { instanceOf: StoreError, message: /^damaged store: .*set it aside/ });
});

test('pages of the log that are none do not heal, and are found before healing is begun again', async (t) => {
  const { folder, chain } = await closedStore(t);
  zeroLeaves(folder, numberKey('entry', 100), 1);
  await preflight(folder, true);
  const store = await openLmdbStore(folder, { toHeal: true });
  const isOfPages = { instanceOf: StoreError, message: /LMDB cannot read its pages.*set it aside/ };
  t.false(t.throws(() => store.entry(100), isOfPages) instanceof DamagedRow);
  const { head: _, writes: __, ...block } = chain.commits[12] ?? chain.genesis;
  store.markDivergence(Uint8Array.of(1));
  t.throws(() => store.repairBlock(block), { instanceOf: StoreFailure, message: /set it aside/ });
  await store.close();
  await t.throwsAsync(preflight(folder, true), { instanceOf: StoreError, message: /^damaged store: .*set it aside/ });
});

test('a file that was written with overlapping syncs is refused', async (t) => {
  const folder = testFolder(t);
  const environment = open<Buffer, Buffer>({ path: folder, noSubdir: false, overlappingSync: true });
  environment.putSync(Buffer.of(1), Buffer.of(1));
  await environment.close();
  await refused(t, folder, /overlapping syncs/);
  await openRefused(t, folder, /overlapping syncs/);
});

test('[D8] the folder of another chain, validator or format is refused', async (t) => {
  const { folder, chain } = await closedStore(t);
  const other = new FakeChain(41).identity.chainId;
  await t.throwsAsync(openLmdbStore(folder, { chainId: other }), {
    instanceOf: StoreError,
    message: new RegExp(`belongs to another chain: it holds ${chain.identity.chainId}`),
  });
  await t.throwsAsync(openLmdbStore(folder, { chainId: chain.identity.chainId, validator: 'bank-b' }), {
    instanceOf: StoreError,
    message: /belongs to validator bank-a, and this node is bank-b/,
  });
  const key = singleKey('identity');
  await tamper(folder, key, () => encodeRow(key, identityRow, { ...chain.identity, format: 2 }));
  await openRefused(t, folder, /store format 2; this version knows 1/);
});
