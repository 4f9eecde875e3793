import test from 'ava';
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import { encode } from '../../node/ledger/codec.ts';
import { clearing, tellers } from '../execution/_ledger.ts';
import { MemoryCluster } from './_memory-cluster.ts';

function startedCluster(): MemoryCluster {
  const cluster = new MemoryCluster();
  for (let i = 0; i < 4; i++) cluster.start(i);
  return cluster;
}

const open = (account: string) =>
  openArguments({ account, branch: 'NORTH', currency: 'CZK', overdraftLimit: undefined, openingBalance: 0n });
const transfer = (amount: bigint) =>
  transferArguments({ from: 'A', to: 'B', amount, currency: 'CZK', purpose: '', date: '' });

function roots(cluster: MemoryCluster): string[] {
  return [...new Set(cluster.stores.map((store) => `${store.head().digest} ${store.head().stateRoot}`))];
}

async function ready(cluster: MemoryCluster): Promise<void> {
  await cluster.run(() => cluster.nodes.every((node) => node === undefined || node.status().ready));
}

function submit(cluster: MemoryCluster, node: number, method: string, args: ReturnType<typeof open>): void {
  cluster.nodes[node]?.submit(cluster.transaction(clearing, method, args).bytes);
}

function inLog(cluster: MemoryCluster, node: number): number {
  const head = cluster.stores[node]?.head();
  return head === undefined ? 0 : head.logSize - head.height - 1;
}

test('four validators order transactions and agree on log and state', async (t) => {
  const cluster = startedCluster();
  await ready(cluster);
  for (const account of ['A', 'B']) submit(cluster, 0, 'open', open(account));
  await cluster.run(() => cluster.stores.every((_, i) => inLog(cluster, i) === 2));
  for (let i = 0; i < 50; i++) submit(cluster, i % 4, 'transfer', transfer(BigInt(i + 1)));
  await cluster.run(() => cluster.stores.every((_, i) => inLog(cluster, i) === 52));
  t.is(roots(cluster).length, 1);
  t.deepEqual(cluster.incidents, []);
});

test('a dead primary is replaced, and comes back by fetching', async (t) => {
  const cluster = startedCluster();
  await ready(cluster);
  for (const account of ['A', 'B']) submit(cluster, 1, 'open', open(account));
  await cluster.run(() => cluster.stores.every((_, i) => inLog(cluster, i) === 2));
  cluster.kill(0);
  submit(cluster, 1, 'transfer', transfer(5n));
  const ticks = await cluster.run(() => [1, 2, 3].every((i) => inLog(cluster, i) === 3));
  t.true(ticks <= 14, `a block after ${ticks} ticks`);
  for (let i = 0; i < 10; i++) {
    submit(cluster, 2, 'transfer', transfer(7n));
    await cluster.run(() => [1, 2, 3].every((j) => inLog(cluster, j) === 4 + i));
  }
  cluster.start(0);
  await cluster.run(() => inLog(cluster, 0) === 13);
  await ready(cluster);
  submit(cluster, 0, 'transfer', transfer(9n));
  await cluster.run(() => cluster.stores.every((_, i) => inLog(cluster, i) === 14));
  t.is(roots(cluster).length, 1);
  t.deepEqual(cluster.incidents, []);
});

test('all validators killed at once come back with what they had', async (t) => {
  const cluster = startedCluster();
  await ready(cluster);
  for (const account of ['A', 'B']) submit(cluster, 3, 'open', open(account));
  await cluster.run(() => cluster.stores.every((_, i) => inLog(cluster, i) === 2));
  for (let i = 0; i < 4; i++) cluster.kill(i);
  for (let i = 0; i < 4; i++) cluster.start(i);
  await ready(cluster);
  submit(cluster, 3, 'transfer', transfer(1n));
  await cluster.run(() => cluster.stores.every((_, i) => inLog(cluster, i) === 3));
  t.is(roots(cluster).length, 1);
});

test('a file of more lines than any block takes is refused on the record, and holds up nobody', async (t) => {
  const cluster = startedCluster();
  await ready(cluster);
  const file = cluster.transaction(tellers.NORTH, 'batch', [Array.from({ length: 5_000 }, () => 0)]);
  t.is(cluster.nodes[1]?.submit(file.bytes).status, 'admitted');
  const after = cluster.transaction(tellers.NORTH, 'open', open('A'));
  t.is(cluster.nodes[1]?.submit(after.bytes).status, 'admitted');
  await cluster.run(() => cluster.stores.every((_, i) => inLog(cluster, i) === 2));
  t.deepEqual(
    cluster.nodes.map((node) => node?.status().view),
    [0, 0, 0, 0],
  );
});

test('what expires before the primary can propose it leaves no timer running', async (t) => {
  const cluster = startedCluster();
  await ready(cluster);
  const late = cluster.transaction(clearing, 'open', open('A'));
  t.is(cluster.nodes[0]?.submit(late.bytes).status, 'admitted');
  cluster.now += 4_000_000;
  let ticks = 0;
  await cluster.run(() => ++ticks > 60);
  t.is(cluster.nodes[0]?.status().mempool.transactions, 0);
  t.deepEqual(
    cluster.nodes.map((node) => `${node?.status().mode} ${node?.status().view}`),
    ['normal 0', 'normal 0', 'normal 0', 'normal 0'],
  );
});

test('a validator that passes on bad signatures is not heard for a while, the others are', async (t) => {
  const cluster = startedCluster();
  await ready(cluster);
  const node = cluster.nodes[0];
  const waiting = () => node?.status().mempool.transactions;
  const make = () => cluster.transaction(clearing, 'open', open('A'));
  const forged = make().bytes.map((byte, at, all) => (at === all.length - 1 ? byte ^ 1 : byte));
  const send = (from: number, ...items: Uint8Array[]) => node?.receive(from, 'transactions', encode(items));
  send(2, make().bytes);
  t.is(waiting(), 1, 'an honest one is heard');
  send(2, forged, make().bytes);
  t.is(waiting(), 1, 'the frame ends with the forged one');
  send(2, make().bytes);
  t.is(waiting(), 1);
  send(3, make().bytes);
  t.is(waiting(), 2);
  send(3, Uint8Array.of(1, 2, 3));
  send(3, make().bytes);
  t.is(waiting(), 2, 'what is no transaction is as bad');
});
