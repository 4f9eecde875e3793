// The contract of a store, run by each implementation's tests. What only one of them promises stands in its own file.
import type { TestFn } from 'ava';
import { InvariantError } from '../../node/ledger/assert.ts';
import { type Digest, digestOf, sha256 } from '../../node/ledger/hash.ts';
import { checkIntegrity } from '../../node/store/integrity.ts';
import type { BlockCommit, Store, StoreIdentity, VoteChange } from '../../node/store/store.ts';
import { FakeChain, voteOf } from './_fixtures.ts';

export type MakeStore = (identity: StoreIdentity, genesis: BlockCommit, vote?: VoteChange) => Promise<Store>;

const text = (value: string) => Uint8Array.from(Buffer.from(value));
const plain = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString('hex'));

export function testCompliance(test: TestFn, make: MakeStore): void {
  const start = async (seed: number) => {
    const chain = new FakeChain(seed);
    const store = await make(chain.identity, chain.genesis);
    return { chain, store };
  };

  test('a new store holds its genesis block and the identity it was made with', async (t) => {
    const { chain, store } = await start(1);
    t.deepEqual(store.identity, chain.identity);
    t.deepEqual(store.head(), chain.genesis.head);
    t.deepEqual(plain(store.entry(0)), plain(chain.genesis.entries[0]));
    t.is(store.entry(1), undefined);
    t.is(store.certificate(0), undefined);
    t.deepEqual(store.block(0), chain.genesis.block);
    t.is(store.voteRecord(), undefined);
    t.notThrows(() => checkIntegrity(store));
    await store.close();
  });

  test('a store may be made with its first vote record', async (t) => {
    const chain = new FakeChain(2);
    const store = await make(chain.identity, chain.genesis, voteOf(0));
    t.is(plain(store.voteRecord()), plain(voteOf(0).record));
    await store.close();
  });

  test('everything of a committed block can be read back', async (t) => {
    const { chain, store } = await start(3);
    for (const count of [3, 0, 1, 20]) store.commit(chain.next(count), voteOf(0));
    for (const commit of chain.commits) {
      const { block, entries, certificate, nodes, references, transactions } = commit;
      t.deepEqual(store.block(block.height), block);
      t.deepEqual(store.entries(block.firstIndex, block.headerIndex + 1).map(plain), entries.map(plain));
      const stored = store.certificate(block.height);
      t.is(stored?.digest, certificate?.digest);
      t.deepEqual(
        stored?.signers.map((each) => plain(each.signature)),
        certificate?.signers.map((each) => plain(each.signature)),
      );
      for (const { level, index, hash } of nodes) t.is(plain(store.node(level, index)), plain(hash));
      for (const row of references) t.deepEqual(store.reference(row.member, row.reference), row);
      for (const [id, index] of transactions) t.is(store.transaction(id), index);
    }
    const { head } = chain.commits.at(-1) ?? chain.genesis;
    t.deepEqual({ ...store.head(), peaks: store.head().peaks.map(plain) }, { ...head, peaks: head.peaks.map(plain) });
    t.notThrows(() => checkIntegrity(store));
    await store.close();
  });

  test('what was never stored is undefined', async (t) => {
    const { store } = await start(4);
    const none = digestOf(sha256(text('none')));
    t.is(store.block(1), undefined);
    t.is(store.certificate(1), undefined);
    t.is(store.transaction(none), undefined);
    t.is(store.reference('BANK-A', 'none'), undefined);
    t.is(store.node(7, 7), undefined);
    t.is(store.get('payments/accounts/none'), undefined);
    t.is(store.body(none), undefined);
    t.deepEqual(store.entries(5, 9), []);
    await store.close();
  });

  test('entries come from one index to another as far as they exist', async (t) => {
    const { chain, store } = await start(5);
    store.commit(chain.next(4), voteOf(1));
    const all = chain.commits.flatMap((commit) => commit.entries).map(plain);
    t.deepEqual(store.entries(0, 100).map(plain), all);
    t.deepEqual(store.entries(2, 4).map(plain), all.slice(2, 4));
    t.deepEqual(store.entries(4, 4), []);
    t.deepEqual(store.entries(4, 2), []);
    await store.close();
  });

  test('state writes are applied in their order, and undefined deletes', async (t) => {
    const { chain, store } = await start(6);
    const writes: BlockCommit['writes'] = [
      ['c/x/kept', text('1')],
      ['c/x/kept', text('2')],
      ['c/x/gone', text('1')],
      ['c/x/gone', undefined],
      ['c/x/back', undefined],
      ['c/x/back', text('again')],
      ['c/x/empty', new Uint8Array(0)],
    ];
    store.commit(chain.next(1, writes), voteOf(1));
    t.is(plain(store.get('c/x/kept')), plain(text('2')));
    t.is(store.get('c/x/gone'), undefined);
    t.is(plain(store.get('c/x/back')), plain(text('again')));
    t.is(store.get('c/x/empty')?.length, 0);
    store.commit(chain.next(1, [['c/x/kept', undefined]]), voteOf(2));
    t.is(store.get('c/x/kept'), undefined);
    await store.close();
  });

  test('a range of state is ascending by bytes, inside its prefix, and can be paged', async (t) => {
    const { chain, store } = await start(7);
    const keys = ['a', 'b', 'ba', 'z', 'É', '\u{4e00}', '0', 'A'];
    const writes = keys.map((key): [string, Uint8Array] => [`p/accounts/${key}`, text(key)]);
    const others: [string, Uint8Array][] = [
      ['p/account', text('-')],
      ['p/accountss/x', text('-')],
      ['q/accounts/x', text('-')],
    ];
    store.commit(chain.next(1, [...writes.reverse(), ...others]), voteOf(1));
    const sorted = keys
      .map((key) => Buffer.from(`p/accounts/${key}`))
      .sort(Buffer.compare)
      .map((path) => path.toString());
    const paths = (found: (readonly [string, Uint8Array])[]) => found.map(([path]) => path);
    t.deepEqual(paths(store.stateRange('p/accounts/', 100)), sorted);
    t.deepEqual(paths(store.stateRange('p/accounts/', 3)), sorted.slice(0, 3));
    t.deepEqual(paths(store.stateRange('p/accounts/', 3, sorted[2])), sorted.slice(3, 6));
    t.deepEqual(paths(store.stateRange('p/accounts/', 100, sorted.at(-1))), []);
    t.deepEqual(paths(store.stateRange('p/accounts/', 100, 'a')), sorted, 'after a path before the prefix');
    t.deepEqual(paths(store.stateRange('p/accounts/', 100, 'z')), [], 'after a path past the prefix');
    t.deepEqual(paths(store.stateRange('p/accounts/', 0)), []);
    t.deepEqual(paths(store.stateRange('none/', 9)), []);
    await store.close();
  });

  test('every state record is found once, across slices', async (t) => {
    const { chain, store } = await start(8);
    const writes = Array.from({ length: 2_500 }, (_, i): [string, Uint8Array] => [`big/n/${i}`, text(String(i))]);
    store.commit(chain.next(1, writes), voteOf(1));
    const seen = new Map<string, string | undefined>();
    for (const [path, value] of store.stateRecords()) {
      t.false(seen.has(path));
      seen.set(path, plain(value));
    }
    t.is([...seen.keys()].filter((path) => path.startsWith('big/')).length, 2_500);
    t.is(seen.get('big/n/1999'), plain(text('1999')));
    t.true(seen.has('consortium/members/BANK-A'));
    await store.close();
  });

  test('[D4] the vote record moves with the block', async (t) => {
    const { chain, store } = await start(9);
    store.persistVote(voteOf(1));
    t.is(plain(store.voteRecord()), plain(voteOf(1).record));
    store.commit(chain.next(), voteOf(2));
    t.is(plain(store.voteRecord()), plain(voteOf(2).record));
    t.is(store.head().height, 1);
    await store.close();
  });

  test('bodies are put and deleted with the vote, and a body both deleted and put stays', async (t) => {
    const { chain, store } = await start(10);
    const [one, two] = [chain.next().entries[0] ?? text('1'), new Uint8Array(200_000).fill(7)];
    const name = (body: Uint8Array): Digest => digestOf(sha256(body));
    store.persistVote(voteOf(1, [one, two]));
    t.is(plain(store.body(name(one))), plain(one));
    t.is(store.body(name(two))?.length, two.length);
    store.persistVote(voteOf(1, [two], [name(one), name(two)]));
    t.is(store.body(name(one)), undefined);
    t.is(store.body(name(two))?.length, two.length);
    await store.close();
  });

  test('a reference row is the last use of its reference', async (t) => {
    const { chain, store } = await start(11);
    const first = chain.next(1);
    store.commit(first, voteOf(1));
    const again = chain.next(1);
    const [used] = first.references;
    t.truthy(used);
    if (used === undefined) return;
    const row = { ...used, index: again.block.firstIndex, time: again.head.timestamp, line: 7 };
    store.commit({ ...again, references: [row] }, voteOf(2));
    t.deepEqual(store.reference(row.member, row.reference), row);
    await store.close();
  });

  test('[R5] claims and the sessions of own starts are kept by key, and replaced by what is put later', async (t) => {
    const { store } = await start(13);
    const [own, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const row = (last: number) => ({ last, sessions: [new Uint8Array(16).fill(last)], since: 1 });
    const shown = (key: Uint8Array, last: number) => {
      const found = store.starts(key, last);
      return found && { ...found, sessions: found.sessions.map(plain) };
    };
    t.is(store.claim(own), undefined);
    t.is(store.starts(own, 32), undefined);
    store.putClaim(own, text('32'), row(32));
    store.putClaim(other, text('9'));
    store.putClaim(own, text('64'), row(64));
    store.putClaim(own, text('65'));
    t.is(plain(store.claim(own)), plain(text('65')));
    t.is(plain(store.claim(other)), plain(text('9')));
    for (const last of [32, 64]) {
      t.deepEqual(shown(own, last), { ...row(last), sessions: row(last).sessions.map(plain) });
      t.is(store.starts(other, last), undefined);
    }
    await store.close();
  });

  test('a block that does not follow the head breaks an invariant and changes nothing', async (t) => {
    const { chain, store } = await start(12);
    const first = chain.next();
    const second = chain.next();
    const other = new FakeChain(99).next();
    const wrong: [string, BlockCommit][] = [
      ['a height left out', second],
      ['genesis again', chain.genesis],
      ['a digest that is not of the header', { ...first, head: { ...first.head, digest: other.head.digest } }],
      ['a header that is missing', { ...first, entries: first.entries.slice(0, -1) }],
      ['no certificate', { ...first, certificate: undefined }],
      ['a certificate of another block', { ...first, certificate: other.certificate }],
      ['a gap in the log', { ...first, block: { ...first.block, firstIndex: first.block.firstIndex + 1 } }],
      ['a peak too many', { ...first, head: { ...first.head, peaks: [...first.head.peaks, new Uint8Array(32)] } }],
      ['a state path of 600 characters', { ...first, writes: [[`a/b/${'c'.repeat(600)}`, text('1')]] }],
    ];
    for (const [title, commit] of wrong) {
      t.throws(() => store.commit(commit, voteOf(9)), { instanceOf: InvariantError }, title);
      t.is(store.head().height, 0, title);
      t.is(store.entry(1), undefined, title);
      t.is(store.voteRecord(), undefined, title);
    }
    store.commit(first, voteOf(1));
    t.throws(() => store.commit(first, voteOf(1)), { instanceOf: InvariantError }, 'the same block twice');
    store.commit(second, voteOf(2));
    t.is(store.head().height, 2);
    await store.close();
  });
}
