import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { freeSpaceBytes } from '../../node/store/data-file.ts';
import { checkIntegrity } from '../../node/store/integrity.ts';
import { singleKey } from '../../node/store/keys.ts';
import { openEnvironment } from '../../node/store/lmdb-environment.ts';
import { createLmdbStore, openLmdbStore } from '../../node/store/lmdb-opening.ts';
import { preflight } from '../../node/store/preflight.ts';
import { peakPlaces } from '../../node/store/pruned-nodes.ts';
import { encodeRow, sessionRow } from '../../node/store/rows.ts';
import { StoreError, StoreFailure } from '../../node/store/store.ts';
import { type MakeStore, testCompliance } from './_compliance.ts';
import { FakeChain, voteOf } from './_fixtures.ts';
import { newFolder, testFolder } from './_folder.ts';
import { testLogCompliance } from './_log-compliance.ts';

const folders: string[] = [];
test.after.always(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const make: MakeStore = async (identity, genesis, vote) => {
  const folder = newFolder();
  folders.push(folder);
  return createLmdbStore(join(folder, 'store.1'), identity, genesis, vote);
};
testCompliance(test, make);
testLogCompliance(test, make);

test('a pruned store is opened again where its log begins', async (t) => {
  const folder = testFolder(t);
  const chain = new FakeChain(39);
  const first = await createLmdbStore(folder, chain.identity, chain.genesis);
  for (let height = 1; height <= 40; height++) first.commit(chain.next(3), voteOf(height));
  const { block, head } = chain.commits[39] ?? chain.genesis;
  const peaks = peakPlaces(head.logSize).map((place, i) => ({ ...place, hash: head.peaks[i] ?? new Uint8Array(32) }));
  const base = { height: 39, digest: block.digest, logSize: head.logSize };
  first.prune({ base, peaks, kept: [], transactions: [], references: [] });
  await first.close();
  await preflight(folder);
  const store = await openLmdbStore(folder, { chainId: chain.identity.chainId, validator: 'bank-a' });
  t.deepEqual(store.base(), base);
  t.is(store.entry(base.logSize - 1), undefined);
  t.notThrows(() => checkIntegrity(store));
  store.commit(chain.next(3), voteOf(41));
  await store.close();
});

test('a store that is closed and opened again holds the same', async (t) => {
  const folder = testFolder(t);
  const chain = new FakeChain(30);
  const first = await createLmdbStore(folder, chain.identity, chain.genesis);
  for (let height = 1; height <= 20; height++) first.commit(chain.next(height), voteOf(height));
  await first.close();
  await preflight(folder);
  const store = await openLmdbStore(folder, { chainId: chain.identity.chainId, validator: 'bank-a' });
  t.deepEqual(store.identity, chain.identity);
  t.is(store.head().digest, (chain.commits.at(-1) ?? chain.genesis).head.digest);
  const entries = chain.commits.flatMap((commit) => commit.entries);
  t.true(store.entries(0, entries.length).every((entry, i) => Buffer.compare(entry, entries[i] ?? entry) === 0));
  t.is(Buffer.from(store.voteRecord() ?? []).toString(), 'vote 20');
  t.notThrows(() => checkIntegrity(store));
  store.commit(chain.next(), voteOf(21));
  await store.close();
});

test('a folder that holds a store is not created over', async (t) => {
  const folder = testFolder(t);
  const chain = new FakeChain(31);
  const store = await createLmdbStore(folder, chain.identity, chain.genesis);
  await store.close();
  const other = new FakeChain(32);
  await t.throwsAsync(createLmdbStore(folder, other.identity, other.genesis), {
    instanceOf: StoreError,
    message: /already holds a store/,
  });
  const again = await openLmdbStore(folder);
  t.is(again.identity.chainId, chain.identity.chainId);
  await again.close();
});

test('a store in use is refused to a second opener', async (t) => {
  const folder = testFolder(t);
  const chain = new FakeChain(33);
  const store = await createLmdbStore(folder, chain.identity, chain.genesis);
  await t.throwsAsync(openLmdbStore(folder), { instanceOf: StoreError, message: /in use by another process/ });
  await preflight(folder);
  store.commit(chain.next(), voteOf(1));
  await store.close();
  await (await openLmdbStore(folder)).close();
});

test('an opener that the lock could not see takes the store over: the older one can write no more', async (t) => {
  const folder = testFolder(t);
  const chain = new FakeChain(34);
  const older = await createLmdbStore(folder, chain.identity, chain.genesis);
  const environment = openEnvironment(folder);
  const key = singleKey('session');
  environment.transactionSync(() => environment.putSync(key, encodeRow(key, sessionRow, new Uint8Array(16))));
  t.throws(() => older.persistVote(voteOf(1)), { instanceOf: StoreFailure, message: /another process has opened/ });
  t.throws(() => older.commit(chain.next(), voteOf(1)), { instanceOf: StoreFailure, message: /is failed/ });
  t.is(older.voteRecord(), undefined);
  await older.close();
  await environment.close();
});

test('a store that is closed writes nothing', async (t) => {
  const folder = testFolder(t);
  const chain = new FakeChain(35);
  const store = await createLmdbStore(folder, chain.identity, chain.genesis);
  await store.close();
  await store.close();
  t.throws(() => store.persistVote(voteOf(1)), { instanceOf: StoreFailure, message: /is closed/ });
});

test('free space is that of the file system under the folder', (t) => {
  t.true(freeSpaceBytes(testFolder(t)) > 0);
});
