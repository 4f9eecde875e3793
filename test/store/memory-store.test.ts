import test from 'ava';
import { InvariantError } from '../../node/ledger/assert.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';
import { type MakeStore, testCompliance } from './_compliance.ts';
import { FakeChain, voteOf } from './_fixtures.ts';
import { testLogCompliance } from './_log-compliance.ts';

const make: MakeStore = async (identity, genesis, vote) => new MemoryStore(identity, genesis, vote);
testCompliance(test, make);
testLogCompliance(test, make);

test('a snapshot is a disk image that later writes do not touch', (t) => {
  const chain = new FakeChain(20);
  const store = new MemoryStore(chain.identity, chain.genesis);
  const [one, two] = [chain.next(), chain.next()];
  store.commit(one, voteOf(1));
  const image = store.snapshot();
  store.commit(two, voteOf(2));
  store.restore(image);
  t.deepEqual(store.head(), one.head);
  t.is(store.entry(two.block.headerIndex), undefined);
  t.is(store.block(2), undefined);
  t.deepEqual(store.voteRecord(), voteOf(1).record);
  store.commit(two, voteOf(3));
  store.restore(image);
  store.commit(two, voteOf(2));
  t.deepEqual(store.head(), two.head);
});

test('a genesis block of another chain breaks an invariant', (t) => {
  const [chain, other] = [new FakeChain(21), new FakeChain(22)];
  t.throws(() => new MemoryStore(chain.identity, other.genesis), { instanceOf: InvariantError });
});
