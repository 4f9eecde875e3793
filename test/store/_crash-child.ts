// Opens the store in a folder and writes until it is killed: votes and blocks of the chain with this seed, in turn. It
// prints each after the call returned, straight to the descriptor, so that what was printed was acknowledged.
// Arguments: folder, seed, number of blocks after which it ends by itself.
import { writeSync } from 'node:fs';
import { openLmdbStore } from '../../node/store/lmdb-opening.ts';
import { FakeChain, voteOf } from './_fixtures.ts';

const [folder = '', seed = '0', blocks = '1000000'] = process.argv.slice(2);
const chain = new FakeChain(Number(seed));
const store = await openLmdbStore(folder, { chainId: chain.identity.chainId });
for (let height = 1; height <= store.head().height; height++) chain.next(height % 40);
writeSync(1, `open ${store.head().height}\n`);
for (let done = 0; done < Number(blocks); done++) {
  const height = store.head().height + 1;
  const commit = chain.next(height % 40);
  store.persistVote(voteOf(height - 0.5, [commit.entries[0] ?? new Uint8Array(1)]));
  writeSync(1, `${height - 0.5}\n`);
  store.commit(commit, voteOf(height, [], []));
  writeSync(1, `${height}\n`);
}
await store.close();
