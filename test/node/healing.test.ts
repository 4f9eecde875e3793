// Healing where the log's beginning is forgotten: from a snapshot of one's own or a peer's that is no later than what
// is here, so that a quorum that needs the damaged validator, or is damaged as a whole, comes back by itself.
import test, { type ExecutionContext } from 'ava';
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import { createStore } from '../../node/create-store.ts';
import { treeOf } from '../../node/execution/genesis-commit.ts';
import { digestOf } from '../../node/ledger/hash.ts';
import { chunkOf } from '../../node/snapshot/chunk.ts';
import { checkIntegrity } from '../../node/store/integrity.ts';
import { numberKey, partKey, stateKey } from '../../node/store/keys.ts';
import { openEnvironment } from '../../node/store/lmdb-environment.ts';
import { openLmdbStore } from '../../node/store/lmdb-opening.ts';
import { type MemoryImage, MemoryStore } from '../../node/store/memory-store.ts';
import { clearing } from '../execution/_ledger.ts';
import { testFolder } from '../store/_folder.ts';
import { MemoryCluster } from './_memory-cluster.ts';

const windowMs = 4_000_000;
const options = {
  parameters: { referenceWindowMs: windowMs, validityMaxMs: windowMs },
  snapshots: { everyBlocks: 10, prune: true, keepBlocksMin: 2 },
};
const all = [0, 1, 2, 3];
const accountA = 'payments/accounts/A';

/** One payment a block; a tenth of the reference window goes by with each. */
async function grow(cluster: MemoryCluster, blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) {
    cluster.now += windowMs / 10;
    const running = all.filter((each) => cluster.nodes[each]?.isHealing === false);
    const height = Math.max(...running.map((each) => cluster.height(each)));
    const args = { from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' };
    const payment = cluster.transaction(clearing, 'transfer', transferArguments(args));
    for (const each of running) cluster.nodes[each]?.submit(payment.bytes);
    await cluster.run(() => running.every((each) => cluster.height(each) > height));
  }
}

/** So long that everybody has forgotten the first blocks; 13 blocks after the last snapshot but one. */
async function pruned(t: ExecutionContext, cluster = new MemoryCluster(options)): Promise<MemoryCluster> {
  for (const each of all) cluster.start(each);
  await cluster.run(() => cluster.nodes.every((node) => node?.status().ready === true));
  for (const account of ['A', 'B']) {
    const args = { account, branch: 'NORTH', currency: 'CZK', overdraftLimit: undefined, openingBalance: 0n };
    cluster.nodes[0]?.submit(cluster.transaction(clearing, 'open', openArguments(args)).bytes);
  }
  await cluster.run(() => all.every((each) => cluster.height(each) >= 1));
  await grow(cluster, 62);
  for (const store of cluster.stores) t.true(store.base().height > 0, 'the first blocks are forgotten');
  return cluster;
}

function memoryOf(cluster: MemoryCluster, index: number): MemoryStore {
  const store = cluster.stores[index];
  if (!(store instanceof MemoryStore)) throw new Error('no memory store');
  return store;
}

function change(cluster: MemoryCluster, index: number, edit: (image: MemoryImage) => Partial<MemoryImage>): void {
  const store = memoryOf(cluster, index);
  const image = store.snapshot();
  store.restore({ ...image, ...edit(image) });
}

function flipped(bytes: Uint8Array | undefined): Uint8Array {
  return Uint8Array.from(bytes ?? [], (byte, at) => (at === 3 ? byte ^ 1 : byte));
}

/** A byte of a record that a payment reads. */
function damageState(cluster: MemoryCluster, index: number): void {
  cluster.kill(index);
  change(cluster, index, ({ state }) => ({ state: new Map(state).set(accountA, flipped(state.get(accountA))) }));
}

/** The bytes are a record, only not this one's: a sum of their own would be sound. */
function misdirect(cluster: MemoryCluster, index: number, path: string): void {
  cluster.kill(index);
  change(cluster, index, ({ state }) => ({
    state: new Map(state).set(path, state.get(accountA) ?? flipped(undefined)),
  }));
}

/** Of the pieces and the manifest of each snapshot on offer there. */
function damageOffers(cluster: MemoryCluster, index: number, kind: 'piece' | 'manifest', heights?: number[]): void {
  change(cluster, index, ({ parts }) => {
    const damaged = new Map(parts);
    for (const [name, [place, bytes]] of parts)
      if (place.kind === kind && (heights?.includes(place.height) ?? true)) damaged.set(name, [place, flipped(bytes)]);
    return { parts: damaged };
  });
}

function damageBlock(cluster: MemoryCluster, index: number, height: number): void {
  change(cluster, index, ({ entries, blocks }) => {
    const copy = [...entries];
    const at = blocks[height]?.firstIndex ?? -1;
    copy[at] = flipped(copy[at]);
    return { entries: copy };
  });
}

function level(t: ExecutionContext, cluster: MemoryCluster, of: readonly number[]): void {
  t.is(new Set(of.map((each) => cluster.stores[each]?.head().digest)).size, 1);
  const [first, ...others] = of.map((each) => [...memoryOf(cluster, each).stateRecords()].map(String).sort());
  for (const each of others) t.deepEqual(each, first);
  for (const each of of) t.is(cluster.stores[each]?.divergence(), undefined);
  t.deepEqual(cluster.incidents, []);
}

function healed(cluster: MemoryCluster, of: readonly number[]): boolean {
  return of.every((each) => cluster.nodes[each]?.isHealing === false && cluster.nodes[each].status().ready);
}

test('[R4] a validator that its quorum needs heals from its own snapshot, without a later block', async (t) => {
  const cluster = await pruned(t);
  cluster.kill(2);
  damageState(cluster, 3);
  const { height } = memoryOf(cluster, 3).head();
  cluster.start(3);
  t.is(cluster.nodes[3]?.status().mode, 'healing');
  await cluster.run(() => healed(cluster, [3]));
  t.is(cluster.height(3), height, 'nothing was decided meanwhile');
  t.like(cluster.divergences.at(-1), { outcome: 'healed', recordCount: 1, fetchedBlocks: [] });
  t.like(cluster.divergences.at(-1)?.records?.[0], { contract: 'payments', collection: 'accounts', key: 'A' });
  await grow(cluster, 12);
  level(t, cluster, [0, 1, 3]);
});

test('[R4] all validators heal when all their states are damaged at once', async (t) => {
  const cluster = await pruned(t);
  for (const each of all) damageState(cluster, each);
  for (const each of all) cluster.start(each);
  t.true(all.every((each) => cluster.nodes[each]?.isHealing === true));
  await cluster.run(() => healed(cluster, all));
  await grow(cluster, 12);
  level(t, cluster, all);
});

test('[R4] whom to ask is not read from a state that may be what is damaged', async (t) => {
  const cluster = await pruned(t);
  misdirect(cluster, 3, 'consortium/epochs/0');
  damageOffers(cluster, 3, 'piece');
  cluster.kill(2);
  cluster.start(3);
  await cluster.run(() => healed(cluster, [3]));
  t.like(cluster.divergences.at(-1)?.records?.[0], { contract: 'consortium', collection: 'epochs', key: '0' });
  await grow(cluster, 2);
  level(t, cluster, [0, 1, 3]);
});

test('[R4] a damaged snapshot is passed over: for the newer one, then for that of a peer that heals too', async (t) => {
  const cluster = await pruned(t);
  cluster.kill(2);
  for (const each of [1, 3]) damageState(cluster, each);
  const [older, newer] = memoryOf(cluster, 3).partHeights('offered');
  damageOffers(cluster, 1, 'piece', [older ?? 0]);
  damageOffers(cluster, 3, 'piece');
  damageOffers(cluster, 3, 'manifest', [newer ?? 0]);
  cluster.kill(0);
  cluster.start(1);
  await cluster.run(() => healed(cluster, [1]) || cluster.nodes[1]?.isHealing === false);
  t.deepEqual(memoryOf(cluster, 1).partHeights('offered'), [newer], 'the damaged one serves nobody');
  cluster.start(3);
  await cluster.run(() => cluster.nodes[3]?.isHealing === false);
  cluster.start(0);
  await cluster.run(() => healed(cluster, [0, 1, 3]));
  await grow(cluster, 12);
  level(t, cluster, [0, 1, 3]);
});

test('[R4] one that finds nothing that verifies says what it waits for, and goes on when a peer comes', async (t) => {
  const cluster = await pruned(t);
  damageState(cluster, 3);
  damageOffers(cluster, 3, 'piece');
  for (const each of [0, 1, 2]) cluster.kill(each);
  cluster.start(3);
  await t.throwsAsync(
    cluster.run(() => cluster.nodes[3]?.isHealing === false, 60),
    undefined,
    'it waits',
  );
  t.regex(cluster.nodes[3]?.status().reason ?? '', /waits for .*a snapshot that verifies: nobody in reach/);
  t.is(cluster.stores[3]?.voteRecord() === undefined, false);
  for (const each of [0, 1]) cluster.start(each);
  await cluster.run(() => healed(cluster, [0, 1, 3]));
  await grow(cluster, 12);
  level(t, cluster, [0, 1, 3]);
});

test('[R4, C2] a block from the base of a snapshot on that cannot be read here is fetched', async (t) => {
  const cluster = await pruned(t);
  damageState(cluster, 3);
  const [older = 0] = memoryOf(cluster, 3).partHeights('offered');
  const heights = [older - 1, older + 2, cluster.height(3)];
  for (const height of heights) damageBlock(cluster, 3, height);
  cluster.kill(2);
  cluster.start(3);
  await cluster.run(() => healed(cluster, [3]));
  t.deepEqual(cluster.divergences.at(-1)?.fetchedBlocks, heights);
  t.is(cluster.divergences.at(-1)?.rowCount, heights.length);
  await grow(cluster, 12);
  level(t, cluster, [0, 1, 3]);
});

test('[R4, S5] two that need a block of each other heal: who heals answers for blocks', async (t) => {
  const cluster = await pruned(t);
  const [older = 0] = memoryOf(cluster, 3).partHeights('offered');
  for (const each of [0, 1, 3]) damageState(cluster, each);
  cluster.kill(2);
  damageBlock(cluster, 0, older + 1);
  damageBlock(cluster, 1, older + 2);
  damageBlock(cluster, 3, older + 3);
  for (const each of [0, 1, 3]) cluster.start(each);
  await cluster.run(() => healed(cluster, [0, 1, 3]));
  await grow(cluster, 12);
  level(t, cluster, [0, 1, 3]);
});

test('[R4] what stays of the log before its base is put right with the rest', async (t) => {
  const cluster = await pruned(t);
  damageState(cluster, 3);
  const base = memoryOf(cluster, 3).base();
  const right = memoryOf(cluster, 3).snapshot();
  const peak = [...right.nodes.keys()].find((name) => {
    const [height = 0, index = 0] = name.split('/').map(Number);
    return (index + 1) * 2 ** height <= base.logSize;
  });
  t.truthy(peak);
  change(cluster, 3, ({ nodes, certificates }) => {
    const less = new Map(certificates);
    less.delete(base.height);
    return { nodes: new Map(nodes).set(peak ?? '', new Uint8Array(32)), certificates: less };
  });
  cluster.kill(2);
  cluster.start(3);
  await cluster.run(() => healed(cluster, [3]));
  t.deepEqual(memoryOf(cluster, 3).node(...placeOf(peak ?? '')), right.nodes.get(peak ?? ''));
  t.truthy(memoryOf(cluster, 3).certificate(base.height));
  await grow(cluster, 25);
  level(t, cluster, [0, 1, 3]);
});

test('[R4] who was killed while it healed from a snapshot begins again', async (t) => {
  const cluster = await pruned(t);
  damageState(cluster, 3);
  damageOffers(cluster, 3, 'piece');
  cluster.kill(2);
  const { height } = memoryOf(cluster, 3).head();
  for (let life = 0; life < 5; life++) {
    cluster.start(3);
    for (let turn = 0; turn < 40 * life; turn++) await new Promise((resolve) => setImmediate(resolve));
    cluster.kill(3);
    t.not(cluster.stores[3]?.divergence(), undefined, 'the mark stays until it is healed');
  }
  t.deepEqual(memoryOf(cluster, 3).partHeights('staged').length, 1, 'what was checked is kept');
  cluster.start(3);
  await cluster.run(() => healed(cluster, [3]));
  t.is(cluster.height(3), height);
  t.deepEqual(memoryOf(cluster, 3).partHeights('staged'), []);
  await grow(cluster, 12);
  level(t, cluster, [0, 1, 3]);
});

test('[R4] the same over LMDB: state, snapshots and rows of the log in one folder are damaged at once', async (t) => {
  const cluster = new MemoryCluster(options);
  const folder = testFolder(t);
  await createStore(folder, cluster.genesis, 'node-3');
  cluster.stores[3] = await openLmdbStore(folder);
  await pruned(t, cluster);
  cluster.kill(3);
  cluster.kill(2);
  const store = cluster.stores[3];
  const [{ height, stateRoot }, base] = [store.head(), store.base()];
  const [older = 0, newer = 0] = store.partHeights('offered');
  const firstIndex = (at: number) => store.block(at)?.firstIndex ?? -1;
  const place = { area: 'offered', first: chunkOf(accountA), second: 0 } as const;
  const damaged = [
    stateKey(accountA),
    partKey({ ...place, height: older, kind: 'piece' }),
    partKey({ ...place, height: newer, kind: 'manifest', first: 0 }),
    ...[older - 1, older + 1].map((at) => numberKey('entry', firstIndex(at))),
    numberKey('certificate', base.height),
    numberKey('block', newer),
  ];
  await store.close();
  const environment = openEnvironment(folder);
  environment.transactionSync(() => {
    for (const key of damaged) environment.putSync(key, Buffer.from(flipped(environment.getBinary(key))));
  });
  await environment.close();
  const opened = await openLmdbStore(folder, { toHeal: true });
  cluster.stores[3] = opened;
  cluster.start(3);
  t.is(cluster.nodes[3]?.status().mode, 'healing');
  await cluster.run(() => healed(cluster, [3]));
  t.is(opened.head().height, height);
  t.is(digestOf(treeOf(opened).root), stateRoot);
  t.like(cluster.divergences.at(-1)?.records?.[0], { key: 'A', found: 'damaged', bits: 1 });
  // What is whole of the newer snapshot goes together with the manifest of a peer; the log begins at its base now.
  t.true(opened.base().height > base.height);
  const needed = [older - 1, older + 1, newer].filter((at) => at > opened.base().height);
  t.deepEqual(cluster.divergences.at(-1)?.fetchedBlocks, needed);
  t.truthy(opened.certificate(opened.base().height));
  t.notThrows(() => checkIntegrity(opened));
  await grow(cluster, 12);
  t.is(cluster.stores[0]?.head().digest, opened.head().digest);
  t.deepEqual(cluster.incidents, []);
  cluster.kill(3);
  await opened.close();
});

test('[S1] a record that lay unread is found when a snapshot is made of it, and goes on offer nowhere', async (t) => {
  const cluster = await pruned(t);
  const unread = [...memoryOf(cluster, 3).stateRecords()].map(([path]) => path).find((path) => /members\//.test(path));
  t.truthy(unread);
  const path = unread ?? '';
  change(cluster, 3, ({ state }) => ({ state: new Map(state).set(path, flipped(state.get(path))) }));
  await grow(cluster, 3);
  t.is(cluster.divergences.length, 0, 'nothing reads it');
  await grow(cluster, 7);
  await cluster.run(() => healed(cluster, all));
  t.is(cluster.divergences[0]?.record?.key, path.split('/').slice(2).join('/'));
  t.is(cluster.divergences.at(-1)?.outcome, 'healed');
  await grow(cluster, 12);
  level(t, cluster, all);
});

test('[S1] who came by a snapshot has one of its own before the next is due', async (t) => {
  const cluster = await pruned(t);
  cluster.kill(3);
  await grow(cluster, 50);
  cluster.start(3);
  await cluster.run(() => healed(cluster, [3]) && cluster.height(3) === cluster.height(0));
  const offered = memoryOf(cluster, 3).partHeights('offered');
  t.is(offered.length, 1);
  // What it takes of it: its state is damaged, and nobody is there.
  damageState(cluster, 3);
  for (const each of [0, 1, 2]) cluster.kill(each);
  cluster.start(3);
  await cluster.run(() => cluster.nodes[3]?.isHealing === false);
  t.deepEqual(memoryOf(cluster, 3).partHeights('offered'), offered);
  t.deepEqual(cluster.incidents, []);
});

function placeOf(name: string): [number, number] {
  const [height = 0, index = 0] = name.split('/').map(Number);
  return [height, index];
}
