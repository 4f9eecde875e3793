// The contract of a store whose log does not begin at height 1: pruned blocks, snapshots put in place of everything,
// and their parts. Run by each implementation's tests.
import type { ExecutionContext, TestFn } from 'ava';
import { InvariantError } from '../../node/ledger/assert.ts';
import { leafHash } from '../../node/ledger/hash.ts';
import { inclusionPath, verifyInclusion } from '../../node/ledger/merkle.ts';
import { checkIntegrity } from '../../node/store/integrity.ts';
import { peakPlaces } from '../../node/store/pruned-nodes.ts';
import type { BlockCommit, PartPlace, Pruning, Snapshot, Store } from '../../node/store/store.ts';
import type { MakeStore } from './_compliance.ts';
import { FakeChain, voteOf } from './_fixtures.ts';

const plain = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString('hex'));
const text = (value: string) => Uint8Array.from(Buffer.from(value));

function grown(chain: FakeChain, store: Store | undefined, heights: number): void {
  for (let i = 0; i < heights; i++) {
    const commit = chain.next(i % 7);
    store?.commit(commit, voteOf(i));
  }
}

const commitAt = (chain: FakeChain, height: number) => chain.commits[height] as BlockCommit;

function baseAt(chain: FakeChain, height: number) {
  const { digest, headerIndex } = commitAt(chain, height).block;
  return { height, digest, logSize: headerIndex + 1 };
}

function peaksAt(chain: FakeChain, height: number) {
  const { logSize, peaks } = commitAt(chain, height).head;
  return peakPlaces(logSize).map((place, i) => ({ ...place, hash: peaks[i] as Uint8Array }));
}

function pruningTo(chain: FakeChain, from: number, to: number, kept: readonly number[] = []): Pruning {
  const gone = chain.commits.slice(from + 1, to + 1);
  return {
    base: baseAt(chain, to),
    peaks: peaksAt(chain, to),
    kept,
    transactions: gone.flatMap(({ transactions }) => transactions.map(([id]) => id)),
    references: gone.flatMap(({ references }) => references),
  };
}

/** Each held entry can be proved in the log as it is, with what the store holds. */
function provable(t: ExecutionContext, chain: FakeChain, store: Store): void {
  const { logSize } = store.head();
  const reader = (level: number, index: number) => store.node(level, index);
  const root = chain.root();
  for (let index = store.base().logSize; index < logSize; index++) {
    const entry = store.entry(index);
    t.truthy(entry);
    if (entry === undefined) continue;
    const path = inclusionPath(reader, index, logSize);
    if (!verifyInclusion(leafHash(entry), index, logSize, path, root)) t.fail(`entry ${index} of ${logSize}`);
  }
}

export function testLogCompliance(test: TestFn, make: MakeStore): void {
  const start = async (seed: number) => {
    const chain = new FakeChain(seed);
    return { chain, store: await make(chain.identity, chain.genesis) };
  };

  test('a whole log begins after the genesis entry', async (t) => {
    const { chain, store } = await start(31);
    t.deepEqual(store.base(), { height: 0, digest: chain.identity.chainId, logSize: 1 });
    await store.close();
  });

  test('pruned blocks are gone, and every later entry can still be proved', async (t) => {
    const { chain, store } = await start(32);
    grown(chain, store, 60);
    let from = 0;
    for (const to of [1, 2, 9, 24, 40, 59]) {
      store.prune(pruningTo(chain, from, to, to >= 9 ? [5] : []));
      t.deepEqual(store.base(), baseAt(chain, to));
      t.truthy(store.entry(0), 'genesis stays');
      const last = commitAt(chain, to);
      t.is(store.entry(last.block.headerIndex), undefined);
      t.is(store.block(to), undefined);
      t.is(store.certificate(to), undefined);
      for (const [id] of last.transactions) t.is(store.transaction(id), undefined);
      for (const { member, reference } of last.references) t.is(store.reference(member, reference), undefined);
      t.truthy(store.block(to + 1));
      provable(t, chain, store);
      t.notThrows(() => checkIntegrity(store));
      from = to;
    }
    grown(chain, store, 5);
    provable(t, chain, store);
    await store.close();
  });

  test('a block that is kept stays for its header, and nothing else of it', async (t) => {
    const { chain, store } = await start(33);
    grown(chain, store, 20);
    store.prune(pruningTo(chain, 0, 10, [6, 10]));
    t.truthy(store.block(10), 'the base stays for its header');
    store.prune(pruningTo(chain, 10, 15, [12, 15]));
    t.is(store.block(10), undefined, 'until the base moves on');
    t.is(store.entry(commitAt(chain, 10).block.headerIndex), undefined);
    for (const height of [6, 12, 15]) {
      const { block, entries } = commitAt(chain, height);
      t.deepEqual(store.block(height), block);
      t.is(plain(store.entry(block.headerIndex)), plain(entries.at(-1)));
      t.is(store.certificate(height)?.digest, block.digest);
      if (block.firstIndex < block.headerIndex) t.is(store.entry(block.firstIndex), undefined);
    }
    await store.close();
  });

  test('a reference that was used again since stays used', async (t) => {
    const { chain, store } = await start(34);
    grown(chain, store, 12);
    const again = chain.next(1);
    const first = commitAt(chain, 3).references[0];
    t.truthy(first);
    if (first === undefined) return;
    const row = { ...first, index: again.block.firstIndex, time: again.head.timestamp };
    store.commit({ ...again, references: [row] }, voteOf(1));
    store.prune(pruningTo(chain, 0, 8));
    t.deepEqual(store.reference(first.member, first.reference), row);
    await store.close();
  });

  test('the base only moves on, and stays below the head', async (t) => {
    const { chain, store } = await start(35);
    grown(chain, store, 6);
    t.throws(() => store.prune(pruningTo(chain, 0, 6)), { instanceOf: InvariantError });
    store.prune(pruningTo(chain, 0, 4));
    t.throws(() => store.prune(pruningTo(chain, 0, 4)), { instanceOf: InvariantError });
    t.throws(() => store.prune(pruningTo(chain, 0, 3)), { instanceOf: InvariantError });
    await store.close();
  });

  test('[R4] the beginning of a log is put right, and may move on past blocks that cannot be read', async (t) => {
    const { chain, store } = await start(37);
    grown(chain, store, 40);
    const keptOf = (height: number) => {
      const { block, entries, certificate } = commitAt(chain, height);
      return { block, header: entries.at(-1) ?? text(''), certificate: certificate as never };
    };
    const startAt = (height: number, kept: readonly number[]) => {
      return { base: baseAt(chain, height), peaks: peaksAt(chain, height), kept: kept.map(keptOf) };
    };
    store.prune(pruningTo(chain, 0, 10, [6, 10]));
    t.is(store.repairStart(startAt(10, [6, 10])), 0, 'nothing was wrong');
    t.deepEqual(store.block(6), commitAt(chain, 6).block, 'where a block began stays known');
    store.repairStart(startAt(25, [6, 18, 25]));
    t.deepEqual(store.base(), baseAt(chain, 25));
    for (const height of [6, 18, 25]) {
      t.is(plain(store.entry(commitAt(chain, height).block.headerIndex)), plain(keptOf(height).header));
      t.is(store.certificate(height)?.digest, commitAt(chain, height).block.digest);
    }
    for (const height of [10, 17, 24]) {
      const { block, transactions, references } = commitAt(chain, height);
      t.is(store.block(height), undefined);
      t.is(store.certificate(height), undefined);
      t.is(store.entry(block.headerIndex), undefined);
      for (const [id] of transactions) t.is(store.transaction(id), undefined);
      for (const { member, reference } of references) t.is(store.reference(member, reference), undefined);
    }
    for (const row of commitAt(chain, 26).references) t.deepEqual(store.reference(row.member, row.reference), row);
    provable(t, chain, store);
    t.notThrows(() => checkIntegrity(store));
    store.prune(pruningTo(chain, 25, 33));
    store.commit(chain.next(2), voteOf(41));
    provable(t, chain, store);
    await store.close();
  });

  test('a snapshot takes the place of everything, also of a chain that was begun', async (t) => {
    const { chain, store } = await start(36);
    for (const begun of [0, 4]) {
      const other = await make(chain.identity, chain.genesis);
      while (chain.commits.length <= 30) grown(chain, undefined, 1);
      for (const commit of chain.commits.slice(1, begun + 1)) other.commit(commit, voteOf(1));
      other.putParts([[partOf('staged', 3), text('piece')]]);
      const { block, entries, certificate } = commitAt(chain, 7);
      const kept = [{ block, header: entries.at(-1) ?? text(''), certificate: certificate as never }];
      const state: Snapshot['state'] = [
        ['payments/accounts/A', text('1')],
        ['payments/accounts/B', text('2')],
      ];
      const { head } = commitAt(chain, 30);
      const snapshot = { head, base: baseAt(chain, 20), peaks: peaksAt(chain, 20), kept, state };
      other.install({ ...snapshot, blocks: chain.commits.slice(21, 31) }, voteOf(30));
      t.is(other.head().digest, head.digest);
      t.deepEqual(other.base(), baseAt(chain, 20));
      t.deepEqual(
        [...other.stateRecords()].map(([path, value]) => [path, plain(value)]),
        [
          ['payments/accounts/A', plain(text('1'))],
          ['payments/accounts/B', plain(text('2'))],
        ],
      );
      t.is(plain(other.voteRecord()), plain(voteOf(30).record));
      t.is(other.part(partOf('staged', 3)), undefined);
      t.is(other.block(begun === 0 ? 1 : 3), undefined);
      t.deepEqual(other.block(7), block);
      t.is(plain(other.entry(0)), plain(chain.genesis.entries[0]));
      for (const commit of chain.commits.slice(21, 31)) {
        t.deepEqual(other.block(commit.block.height), commit.block);
        for (const row of commit.references) t.deepEqual(other.reference(row.member, row.reference), row);
      }
      provable(t, chain, other);
      t.notThrows(() => checkIntegrity(other));
      other.commit(chain.next(2), voteOf(31));
      provable(t, chain, other);
      await other.close();
      chain.commits.pop();
      chain.rewind(commitAt(chain, 30));
    }
    await store.close();
  });

  test('a view of the state does not move with it', async (t) => {
    const { chain, store } = await start(37);
    const writes = Array.from({ length: 500 }, (_, i): [string, Uint8Array] => [`big/n/${i}`, text('old')]);
    store.commit(chain.next(1, writes), voteOf(1));
    const before = new Map(store.stateRecords());
    const view = store.stateView();
    const seen = new Map(view.next(100));
    store.commit(
      chain.next(1, [...writes.map(([path]) => [path, text('new')] as const), ['a/b/c', text('x')]]),
      voteOf(2),
    );
    for (let slice = view.next(100); slice.length > 0; slice = view.next(100))
      for (const [path, value] of slice) seen.set(path, value);
    view.close();
    t.deepEqual(
      [...seen].map(([path, value]) => [path, plain(value)]).sort(),
      [...before].map(([path, value]) => [path, plain(value)]).sort(),
    );
    t.is(plain(store.get('big/n/7')), plain(text('new')));
    t.deepEqual(view.next(10), [], 'closed');
    await store.close();
  });

  test('parts of snapshots are kept by area and height, and dropped by them', async (t) => {
    const { store } = await start(38);
    store.putParts([
      [partOf('staged', 5), text('a')],
      [partOf('offered', 5), text('b')],
      [partOf('offered', 900), text('c')],
      [{ ...partOf('offered', 900), second: 1 }, text('d')],
    ]);
    t.deepEqual(store.partHeights('offered'), [5, 900]);
    t.deepEqual(store.partHeights('staged'), [5]);
    t.is(plain(store.part({ ...partOf('offered', 900), second: 1 })), plain(text('d')));
    store.dropParts('offered', 900);
    t.deepEqual(store.partHeights('offered'), [5]);
    t.is(store.part(partOf('offered', 900)), undefined);
    t.is(plain(store.part(partOf('offered', 5))), plain(text('b')));
    await store.close();
  });
}

function partOf(area: PartPlace['area'], height: number): PartPlace {
  return { area, height, kind: 'piece', first: 255, second: 0 };
}
