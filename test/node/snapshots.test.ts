import test from 'ava';
import { approveArguments, proposeArguments } from '../../contracts/consortium.ts';
import type { Change } from '../../contracts/consortium-state.ts';
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';
import { clearing, officers, validator } from '../execution/_ledger.ts';
import { MemoryCluster } from './_memory-cluster.ts';

const windowMs = 4_000_000;
const options = {
  parameters: { referenceWindowMs: windowMs, validityMaxMs: windowMs },
  snapshots: { everyBlocks: 10, prune: true, keepBlocksMin: 2 },
};

/** One payment a block; a tenth of the reference window goes by with each. */
async function grow(cluster: MemoryCluster, blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) {
    cluster.now += windowMs / 10;
    const running = [...cluster.nodes.keys()].filter((each) => cluster.nodes[each]?.isHealing === false);
    const height = Math.max(...running.map((each) => cluster.height(each)));
    const args = { from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' };
    const payment = cluster.transaction(clearing, 'transfer', transferArguments(args));
    for (const each of running) cluster.nodes[each]?.submit(payment.bytes);
    await cluster.run(() => running.every((each) => cluster.height(each) > height));
  }
}

async function opened(): Promise<MemoryCluster> {
  const cluster = new MemoryCluster(options);
  for (let i = 0; i < 4; i++) cluster.start(i);
  await cluster.run(() => cluster.nodes.every((node) => node?.status().ready === true));
  for (const account of ['A', 'B']) {
    const args = { account, branch: 'NORTH', currency: 'CZK', overdraftLimit: undefined, openingBalance: 0n };
    cluster.nodes[0]?.submit(cluster.transaction(clearing, 'open', openArguments(args)).bytes);
  }
  await cluster.run(() => [0, 1, 2, 3].every((each) => cluster.height(each) >= 1));
  return cluster;
}

test('[S4] who was away while the others pruned comes back by a snapshot, and votes', async (t) => {
  const cluster = await opened();
  await grow(cluster, 5);
  const away = cluster.height(3);
  cluster.kill(3);
  await grow(cluster, 60);
  t.true((cluster.stores[0]?.base().height ?? 0) > away, 'what it needs next is pruned everywhere');
  cluster.start(3);
  await cluster.run(() => cluster.height(3) >= cluster.height(0));
  t.true((cluster.stores[3]?.base().height ?? 0) > away, 'its log begins later');
  t.is(new Set(cluster.stores.map((store) => store.head().stateRoot)).size, 1);
  await cluster.run(() => cluster.nodes[3]?.status().ready === true);
  // Without its votes there is no quorum any more.
  cluster.kill(2);
  await grow(cluster, 25);
  t.is(cluster.stores[3]?.head().digest, cluster.stores[0]?.head().digest);
  t.deepEqual(cluster.incidents, []);
  t.deepEqual(cluster.divergences, []);
});

test('[S5] a ledger that prunes stays of one size', async (t) => {
  const cluster = await opened();
  await grow(cluster, 40);
  const sizes: number[] = [];
  for (let i = 0; i < 4; i++) {
    await grow(cluster, 20);
    const store = cluster.stores[1];
    sizes.push((store?.head().height ?? 0) - (store?.base().height ?? 0));
  }
  t.true(Math.max(...sizes) <= 45, `${sizes}`);
  t.truthy(cluster.nodes[1]?.checkpoint(), 'checkpoints go on');
});

test('[R4, S2] a state that differs where the log is forgotten everywhere is healed by a snapshot', async (t) => {
  const cluster = await opened();
  await grow(cluster, 60);
  const damaged = cluster.stores[3];
  cluster.kill(3);
  if (!(damaged instanceof MemoryStore)) return t.fail('no memory store');
  const image = damaged.snapshot();
  const state = new Map(image.state).set('payments/accounts/A', recordOf(image.state, 'payments/accounts/B'));
  damaged.restore({ ...image, state });
  cluster.start(3);
  t.is(cluster.nodes[3]?.status().mode, 'healing');
  // The others' next snapshot is later than what is here.
  await grow(cluster, 15);
  await cluster.run(() => cluster.nodes[3]?.status().ready === true);
  t.is(cluster.divergences.at(-1)?.outcome, 'healed');
  t.is(cluster.stores[3]?.divergence(), undefined);
  cluster.kill(2);
  await grow(cluster, 5);
  t.is(cluster.stores[3]?.head().digest, cluster.stores[0]?.head().digest);
  t.deepEqual(cluster.incidents, []);
});

/** Three of four members enact it, a block each. */
async function govern(cluster: MemoryCluster, reference: string, changes: readonly Change[]): Promise<void> {
  const propose = proposeArguments(changes, cluster.chainId);
  const approve = approveArguments({ member: 'NORTH', reference });
  const calls = [
    cluster.governance(officers.NORTH, 'propose', propose, reference),
    cluster.governance(officers.EAST, 'approve', approve),
    cluster.governance(officers.WEST, 'approve', approve),
  ];
  for (const { bytes } of calls) {
    const height = cluster.height(0);
    for (const node of cluster.nodes) node?.submit(bytes);
    await cluster.run(() => cluster.height(0) > height);
  }
}

test('[S2, E8] a joiner comes by a snapshot over forgotten changes of the validators, and votes', async (t) => {
  const cluster = await opened();
  const learner = (id: string): Change => ({ kind: 'add-learner', ...validator(id, 'NORTH', cluster.chainId), id });
  const five = cluster.add('node-4', 'node-4');
  cluster.start(five);
  await govern(cluster, 'G1', [learner('node-4')]);
  await cluster.run(() => cluster.height(five) >= cluster.height(0));
  await govern(cluster, 'G2', [{ kind: 'add-validator', id: 'node-4' }]);
  await cluster.run(() => cluster.nodes[five]?.status().mode === 'normal');
  const changed = cluster.height(0);
  await grow(cluster, 60);
  t.true(
    (cluster.stores[0]?.base().height ?? 0) > changed,
    'the change of the validators is forgotten but for its header',
  );
  const six = cluster.add('node-5', 'node-5');
  await govern(cluster, 'G3', [learner('node-5')]);
  cluster.start(six);
  await cluster.run(() => cluster.height(six) >= cluster.height(0));
  t.true((cluster.stores[six]?.base().height ?? 0) > changed, 'it came by a snapshot');
  await govern(cluster, 'G4', [{ kind: 'add-validator', id: 'node-5' }]);
  await cluster.run(() => cluster.nodes[six]?.status().mode === 'normal');
  // A quorum of six is four: every vote counts now.
  cluster.kill(3);
  cluster.kill(2);
  await grow(cluster, 12);
  t.is(cluster.stores[six]?.head().digest, cluster.stores[0]?.head().digest);
  t.is(cluster.nodes[six]?.status().epoch, 2);
  t.deepEqual(cluster.incidents, []);
});

function recordOf(state: ReadonlyMap<string, Uint8Array>, path: string): Uint8Array {
  return state.get(path) ?? new Uint8Array(0);
}
