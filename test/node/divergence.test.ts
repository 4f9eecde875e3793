// A validator whose state differs from the chain: it notices, says where, votes no more, makes its state again from the
// log and votes on, while the others never stop.
import test from 'ava';
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import { type MemoryImage, MemoryStore } from '../../node/store/memory-store.ts';
import { clearing } from '../execution/_ledger.ts';
import { MemoryCluster } from './_memory-cluster.ts';

const accountA = 'payments/accounts/A';

function open(cluster: MemoryCluster, account: string): void {
  const args = openArguments({
    account,
    branch: 'NORTH',
    currency: 'CZK',
    overdraftLimit: undefined,
    openingBalance: 0n,
  });
  cluster.nodes[1]?.submit(cluster.transaction(clearing, 'open', args).bytes);
}

/** One transfer through validator 1 that validators `of` make durable. */
async function pay(cluster: MemoryCluster, of: readonly number[] = [0, 1, 2, 3], by = 1): Promise<void> {
  const before = of.map((each) => cluster.height(each));
  const args = transferArguments({ from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' });
  cluster.nodes[by]?.submit(cluster.transaction(clearing, 'transfer', args).bytes);
  await cluster.run(() => of.every((each, at) => cluster.height(each) > (before[at] ?? 0)));
}

async function bank(): Promise<MemoryCluster> {
  const cluster = new MemoryCluster();
  for (let i = 0; i < 4; i++) cluster.start(i);
  await ready(cluster);
  for (const account of ['A', 'B']) {
    const before = cluster.height(0);
    open(cluster, account);
    await cluster.run(() => cluster.stores.every((_, i) => cluster.height(i) > before));
  }
  for (let i = 0; i < 3; i++) await pay(cluster);
  return cluster;
}

function ready(cluster: MemoryCluster): Promise<number> {
  return cluster.run(() => cluster.nodes.every((node) => node === undefined || node.status().ready));
}

function change(cluster: MemoryCluster, index: number, edit: (image: MemoryImage) => MemoryImage): void {
  const store = cluster.stores[index];
  if (store instanceof MemoryStore) store.restore(edit(store.snapshot()));
}

/** As a bug or a misdirected write would: the bytes are a record, only not this one's. */
function rewrite(path: string, by: string): (image: MemoryImage) => MemoryImage {
  return (image) => {
    const state = new Map(image.state);
    const other = state.get(by);
    if (other !== undefined) state.set(path, other);
    return { ...image, state };
  };
}

function sameState(cluster: MemoryCluster): boolean {
  const [first, ...others] = cluster.stores.map((store) => [...store.stateRecords()].map(String).sort().join('\n'));
  return others.every((each) => each === first);
}

test('[R4] a record that the state root does not cover is noticed at the start, named and healed', async (t) => {
  const cluster = await bank();
  cluster.kill(3);
  change(cluster, 3, rewrite(accountA, 'payments/accounts/B'));
  cluster.start(3);
  t.is(cluster.nodes[3]?.status().mode, 'healing');
  t.regex(cluster.nodes[3]?.status().reason ?? '', /votes again once it is made again from the log/);
  await ready(cluster);
  const [noticed, healed] = cluster.divergences;
  t.is(noticed?.outcome, 'healing');
  t.is(healed?.outcome, 'healed');
  t.is(healed?.height, cluster.height(3));
  t.is(healed?.recordCount, 1);
  t.like(healed?.records?.[0], { contract: 'payments', collection: 'accounts', key: 'A', found: 'other' });
  t.true(sameState(cluster));
  await pay(cluster);
  t.is(cluster.stores[3]?.divergence(), undefined);
  t.deepEqual(cluster.incidents, []);
});

test('[R4] a state that names an epoch which there never was is healed as any other', async (t) => {
  const cluster = await bank();
  cluster.kill(2);
  change(cluster, 2, rewrite('consortium/counts/epoch', 'consortium/counts/members'));
  cluster.start(2);
  await cluster.run(() => cluster.divergences.at(-1)?.outcome === 'healed');
  await ready(cluster);
  cluster.kill(0);
  await pay(cluster, [1, 2, 3]);
  t.deepEqual(cluster.incidents, [], 'its vote is needed, and given');
});

test('[R4] what cannot be written down for the operator keeps no validator from healing', async (t) => {
  const cluster = await bank();
  cluster.divergences.push = () => {
    throw new Error("EACCES: permission denied, open '/var/lib/incident-1.json.new'");
  };
  cluster.kill(3);
  cluster.start(3); // its decoded records are gone: the next transfer reads the store
  await ready(cluster);
  change(cluster, 3, rewrite(accountA, 'payments/accounts/B'));
  await pay(cluster, [0, 1, 2]);
  await cluster.run(() => cluster.nodes[3]?.healings === 1 && cluster.height(3) === cluster.height(0));
  t.true(sameState(cluster));
  cluster.kill(3);
  change(cluster, 3, rewrite(accountA, 'payments/accounts/B'));
  cluster.start(3);
  await ready(cluster);
  t.true(sameState(cluster));
});

test('[R4] a running validator heals before it votes on a record that the state root does not cover', async (t) => {
  const cluster = await bank();
  cluster.kill(3);
  cluster.start(3); // its decoded records are gone: the next transfer reads the store
  await ready(cluster);
  change(cluster, 3, rewrite(accountA, 'payments/accounts/B'));
  const view = cluster.nodes[1]?.status().view;
  await pay(cluster, [0, 1, 2]);
  await pay(cluster, [0, 1, 2]);
  await cluster.run(() => cluster.nodes[3]?.healings === 1 && cluster.nodes[3].status().ready);
  t.like(cluster.divergences[0], { height: 5, outcome: 'healing', record: { contract: 'payments', key: 'A' } });
  t.like(cluster.divergences[1], { height: 5, outcome: 'healed', recordCount: 1 });
  await cluster.run(() => cluster.height(3) === cluster.height(0));
  t.true(sameState(cluster));
  t.is(cluster.nodes[1]?.status().view, view, 'no view was changed for it');
  // With another one down its vote is needed, and comes.
  cluster.kill(2);
  await pay(cluster, [0, 1, 3]);
  t.deepEqual(cluster.incidents, []);
});

test('[R4] a block that cannot be read here is fetched from another validator and checked', async (t) => {
  const cluster = await bank();
  cluster.kill(3);
  change(cluster, 3, (image) => {
    const entries = [...image.entries];
    entries[3] = Uint8Array.from(entries[3] ?? [], (byte, at) => (at === 20 ? byte ^ 4 : byte));
    return rewrite('payments/accounts/B', accountA)({ ...image, entries });
  });
  for (const other of [0, 1, 2]) cluster.cut(other);
  cluster.start(3);
  await t.throwsAsync(
    cluster.run(() => cluster.nodes[3]?.isHealing === false, 5),
    undefined,
    'nobody has it',
  );
  cluster.heal();
  await cluster.run(() => cluster.nodes[3]?.isHealing === false);
  await ready(cluster);
  t.deepEqual(cluster.divergences.at(-1)?.fetchedBlocks, [2]);
  t.is(cluster.divergences.at(-1)?.rowCount, 1);
  await pay(cluster);
  t.true(sameState(cluster));
});

test('[R4] a validator that was killed while it healed heals when it starts again', async (t) => {
  const cluster = await bank();
  cluster.kill(3);
  change(cluster, 3, rewrite(accountA, 'payments/accounts/B'));
  cluster.start(3);
  cluster.kill(3);
  t.not(cluster.stores[3]?.divergence(), undefined, 'the mark is durable');
  await pay(cluster, [0, 1, 2]);
  cluster.start(3);
  t.is(cluster.nodes[3]?.status().mode, 'healing');
  await ready(cluster);
  await pay(cluster);
  t.true(sameState(cluster));
});

test('[R4] who refused a certified block votes again only after it', async (t) => {
  const cluster = await bank();
  cluster.kill(3);
  cluster.start(3);
  await ready(cluster);
  // A used reference that nobody used: no state record shows it, and every proposal with it is refused here.
  const used = cluster.transaction(
    clearing,
    'transfer',
    transferArguments({ from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' }),
    'USED',
  );
  const store = cluster.stores[3];
  const row = store?.reference('NORTH', 'R1');
  t.truthy(row);
  const original = store?.reference.bind(store);
  if (store === undefined || row === undefined || original === undefined) return;
  let isWrong = true;
  store.reference = (member, reference) =>
    reference === 'USED' && isWrong ? { ...row, reference: 'USED' } : original(member, reference);
  cluster.nodes[1]?.submit(used.bytes);
  const height = cluster.height(0) + 1;
  await cluster.run(() => [0, 1, 2].every((each) => cluster.height(each) === height));
  await cluster.run(() => cluster.divergences.length > 0);
  t.is(cluster.divergences[0]?.refused?.height, height);
  isWrong = false;
  const voices = new Set<string>();
  await cluster.run(() => {
    if (cluster.height(3) < height) voices.add(cluster.nodes[3]?.status().mode ?? '');
    return cluster.height(3) === height;
  });
  t.false(voices.has('normal') || voices.has('changing'), [...voices].join(' '));
  t.is(store.divergence(), undefined);
  await ready(cluster);
  t.deepEqual(cluster.incidents, []);
});

test('[R4] a certified block that the certified state refuses too ends the process, and the mark stays', async (t) => {
  const cluster = await bank();
  cluster.kill(3);
  cluster.start(3);
  await ready(cluster);
  const store = cluster.stores[3];
  const row = store?.reference('NORTH', 'R1');
  const original = store?.reference.bind(store);
  if (store === undefined || row === undefined || original === undefined) return t.fail();
  store.reference = (member, reference) => (reference === 'USED' ? { ...row, reference } : original(member, reference));
  const args = transferArguments({ from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' });
  cluster.nodes[1]?.submit(cluster.transaction(clearing, 'transfer', args, 'USED').bytes);
  await cluster.run(() => cluster.incidents.length > 0);
  t.regex(cluster.incidents[0] ?? '', /^3: block \d+ is certified, but here .* this state is the certified one/);
  t.not(store.divergence(), undefined);
});
