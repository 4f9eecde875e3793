// Rows of a real store that are damaged while nothing reads them: whenever a validator comes upon one later, it heals,
// once, is in step with the others again, and never ends of it.
import test, { type ExecutionContext } from 'ava';
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import { createStore } from '../../node/create-store.ts';
import { nodeKey, numberKey, referenceKey } from '../../node/store/keys.ts';
import { openEnvironment } from '../../node/store/lmdb-environment.ts';
import { openLmdbStore } from '../../node/store/lmdb-opening.ts';
import type { Store } from '../../node/store/store.ts';
import { clearing } from '../execution/_ledger.ts';
import { testFolder } from '../store/_folder.ts';
import { MemoryCluster } from './_memory-cluster.ts';

const windowMs = 4_000_000;
const options = {
  parameters: { referenceWindowMs: windowMs, validityMaxMs: windowMs },
  snapshots: { everyBlocks: 10, prune: true, keepBlocksMin: 2 },
};

class Damaged extends MemoryCluster {
  readonly failures: unknown[] = [];
  folder = '';
  isCut = false;
  override onFailure = (error: unknown) => void this.failures.push(error);

  async begin(t: ExecutionContext): Promise<void> {
    this.folder = testFolder(t);
    await createStore(this.folder, this.genesis, 'node-3');
    this.stores[3] = await openLmdbStore(this.folder);
    for (const each of [0, 1, 2, 3]) this.start(each);
    await this.run(() => this.nodes.every((node) => node?.status().ready === true));
    for (const account of ['A', 'B']) {
      const args = { account, branch: 'NORTH', currency: 'CZK', overdraftLimit: undefined, openingBalance: 0n };
      this.nodes[0]?.submit(this.transaction(clearing, 'open', openArguments(args)).bytes);
    }
    await this.run(() => this.stores.every((_, each) => this.height(each) >= 1));
  }

  get store(): Store {
    const store = this.stores[3];
    if (store === undefined) throw new Error('no store');
    return store;
  }

  /** One payment a block, under these references; a tenth of the reference window goes by with each. */
  async pay(...references: string[]): Promise<void> {
    for (const reference of references) {
      this.now += windowMs / 10;
      const height = this.height(0);
      const args = { from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' };
      const payment = this.transaction(clearing, 'transfer', transferArguments(args), reference);
      for (const each of [0, 1, 2]) this.nodes[each]?.submit(payment.bytes);
      const others = this.isCut ? this.stores.slice(0, 3) : this.stores;
      await this.run(() => others.every((_, each) => this.height(each) > height || this.failures.length > 0));
    }
  }

  /** Behind the back of the node, which is killed for it, and starts again. */
  async damage(change: (stored: (key: Buffer) => Buffer, put: (key: Buffer, value?: Buffer) => void) => void) {
    this.kill(3);
    await this.store.close();
    const environment = openEnvironment(this.folder);
    environment.transactionSync(() => {
      change(
        (key) => Buffer.from(environment.getBinary(key) ?? []),
        (key, value) => (value === undefined ? environment.removeSync(key) : environment.putSync(key, value)),
      );
    });
    await environment.close();
    this.stores[3] = await openLmdbStore(this.folder, { toHeal: true });
    this.start(3);
    await this.run(() => this.nodes[3]?.status().ready === true);
  }
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}${at}`);
}

function flipped(bytes: Buffer): Buffer {
  bytes[3] = (bytes[3] ?? 0) ^ 1;
  return bytes;
}

async function begun(t: ExecutionContext): Promise<Damaged> {
  const cluster = new Damaged(options);
  await cluster.begin(t);
  await cluster.pay(...names('old-', 8));
  return cluster;
}

function inStep(t: ExecutionContext, cluster: Damaged, healings: number): void {
  t.deepEqual(cluster.failures.map(String), []);
  t.is(new Set(cluster.stores.map((store) => store.head().digest)).size, 1);
  t.is(cluster.nodes[3]?.healings, healings);
  t.deepEqual(cluster.incidents, []);
}

test('[R4, S5] a used reference that is damaged is healed, not fatal, when its block is forgotten', async (t) => {
  const cluster = await begun(t);
  const key = referenceKey('NORTH', 'old-3');
  await cluster.damage((stored, put) => put(key, flipped(stored(key))));
  await cluster.pay(...names('new-', 40));
  inStep(t, cluster, 1);
  t.true(cluster.store.base().height > 6, 'the block is forgotten');
});

test('[R4] a row under a key that a flipped bit made is taken away where no block makes one there', async (t) => {
  const cluster = await begun(t);
  const lost = referenceKey('NORTH', 'old-3');
  await cluster.damage((stored, put) => put(referenceKey('NORTH', 'old-9'), stored(lost)));
  await cluster.pay('old-9', 'later');
  inStep(t, cluster, 1);
});

test('[R4, S1] a node of the tree that is lost is healed, not fatal, when a snapshot is made', async (t) => {
  const cluster = await begun(t);
  await cluster.pay(...names('more-', 8));
  await cluster.damage((_, put) => put(nodeKey(4, 0)));
  t.is(cluster.nodes[3]?.healings, 0, 'no start reads it');
  await cluster.pay(...names('new-', 30));
  inStep(t, cluster, 1);
});

test('[R4, S5] a header that must stay and is lost is healed, not fatal, when the base moves on', async (t) => {
  const cluster = await begun(t);
  await cluster.pay(...names('more-', 30));
  const base = cluster.store.base();
  t.true(base.height > 0);
  await cluster.damage((_, put) => put(numberKey('entry', base.logSize - 1)));
  t.is(cluster.nodes[3]?.healings, 0, 'no start reads it');
  await cluster.pay(...names('new-', 22));
  inStep(t, cluster, 1);
  t.true(cluster.store.base().height > base.height);
});

test('[R4] the rows of genesis are made again from the document', async (t) => {
  const cluster = await begun(t);
  await cluster.pay(...names('more-', 30));
  t.true(cluster.store.base().height > 0, 'the log does not begin with them');
  for (const [at, table] of (['entry', 'block'] as const).entries()) {
    const read = () => cluster.store[table](0);
    const whole = read();
    const key = numberKey(table, 0);
    await cluster.damage((stored, put) => put(key, flipped(stored(key))));
    // As whoever asks for it comes upon it: an auditor, or a peer.
    const error = at === 0 ? t.throws(read) : undefined;
    if (error !== undefined) cluster.nodes[3]?.failed(error);
    await cluster.run(() => cluster.nodes[3]?.isHealing === false && cluster.nodes[3].status().ready);
    t.is(cluster.nodes[3]?.healings, 1);
    t.deepEqual(read(), whole);
  }
  await cluster.pay('later');
  inStep(t, cluster, 1);
});

test('[R4, S2] a flaw that is healed is not healed again after a snapshot', async (t) => {
  const cluster = await begun(t);
  const key = numberKey('certificate', cluster.height(3));
  await cluster.damage((stored, put) => put(key, flipped(stored(key))));
  t.is(cluster.nodes[3]?.healings, 1);
  cluster.cut(3);
  cluster.isCut = true;
  await cluster.pay(...names('away-', 50));
  cluster.heal();
  await cluster.run(() => cluster.height(3) === cluster.height(0) && cluster.nodes[3]?.isHealing === false);
  t.true(cluster.store.base().height > 10, 'it came by a snapshot');
  inStep(t, cluster, 1);
});
