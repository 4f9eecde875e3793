// One that lies tells a client's transaction to some honest validators and not to the honest primary [C4].
import test from 'ava';
import { openArguments } from '../../contracts/payments.ts';
import { encode } from '../../node/ledger/codec.ts';
import { clearing } from '../execution/_ledger.ts';
import { MemoryCluster } from './_memory-cluster.ts';

const liar = 3;
const open = (account: string) =>
  openArguments({ account, branch: 'NORTH', currency: 'CZK', overdraftLimit: undefined, openingBalance: 0n });

test('[C4] no primary is replaced for a transaction that it was never told', async (t) => {
  const cluster = new MemoryCluster();
  for (let index = 0; index < 4; index++) cluster.start(index);
  await cluster.run(() => cluster.nodes.every((node) => node?.status().ready));
  for (let height = 1; height <= 4; height++) {
    const { bytes } = cluster.transaction(clearing, 'open', open(`A${height}`));
    for (const node of [cluster.nodes[1], cluster.nodes[2]]) node?.receive(liar, 'transactions', encode([bytes]));
    await cluster.run(() => cluster.stores.every((_, index) => cluster.height(index) >= height));
  }
  t.deepEqual(
    cluster.nodes.map((node) => node?.status().view),
    [0, 0, 0, 0],
  );
});
