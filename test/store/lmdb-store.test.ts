import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { checkIntegrity } from '../../node/store/integrity.ts';
import { createLmdbStore, openLmdbStore } from '../../node/store/lmdb-store.ts';
import { preflight } from '../../node/store/preflight.ts';
import { StoreError } from '../../node/store/store.ts';
import { testCompliance } from './_compliance.ts';
import { FakeChain, voteOf } from './_fixtures.ts';
import { newFolder, testFolder } from './_folder.ts';

const folders: string[] = [];
test.after.always(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

testCompliance(test, async (identity, genesis, vote) => {
  const folder = newFolder();
  folders.push(folder);
  return createLmdbStore(join(folder, 'store.1'), identity, genesis, vote);
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
