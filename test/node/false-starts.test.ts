// A liar says that the log begins where it does not. One honest peer is enough for everybody else (S2), and no
// reference is used twice (S3): the lowest index is the liar's, so that it is asked first.
import test, { type ExecutionContext } from 'ava';
import { transferArguments } from '../../contracts/payments.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';
import { clearing } from '../execution/_ledger.ts';
import { lateBase, otherPeaks } from '../snapshot/_lies.ts';
import { damage, everybody, forgetful, grow, lies, move } from './_false-starts.ts';
import type { MemoryCluster } from './_memory-cluster.ts';

/** One that was first used two blocks before the newest snapshot. */
function usedReference(t: ExecutionContext, { stores: [store] }: MemoryCluster): string {
  const block = store?.block((store.partHeights('offered').at(-1) ?? 0) - 2);
  if (!(store instanceof MemoryStore) || block === undefined) throw new Error('nothing is on offer');
  const used = [...store.snapshot().references.values()];
  const row = used.find(({ index }) => index >= block.firstIndex && index <= block.headerIndex);
  t.truthy(row);
  return row?.reference ?? '';
}

test('[S3, R4] a used reference stays used for who heals from a snapshot of one that lies', async (t) => {
  const cluster = await forgetful(62);
  const reference = usedReference(t, cluster);
  damage(cluster, 3, false);
  lies(cluster, 0, lateBase);
  cluster.start(3);
  await cluster.run(() => cluster.nodes[3]?.isHealing === false && cluster.nodes[3].status().ready);
  t.deepEqual(
    cluster.stores[3]?.reference(clearing.member, reference),
    cluster.stores[1]?.reference(clearing.member, reference),
  );
  await grow(cluster, 2);
  t.deepEqual(cluster.incidents, []);
});

test('[S3, R4] nothing is paid twice where all heal and one of them lies', async (t) => {
  const cluster = await forgetful(62);
  const reference = usedReference(t, cluster);
  for (const each of everybody) damage(cluster, each, each === 0);
  for (const each of everybody) cluster.start(each);
  lies(cluster, 0, lateBase);
  await cluster.run(() => cluster.nodes.every((node) => node?.isHealing === false && node.status().ready));
  const again = cluster.transaction(clearing, 'transfer', transferArguments({ ...move, amount: 2n }), reference);
  for (const each of [1, 2, 3]) t.is(cluster.nodes[each]?.submit(again.bytes).status, 'refused');
  await grow(cluster, 1);
  t.is(cluster.stores[1]?.transaction(again.id), undefined);
});

test('[S2, R4] who heals passes over a snapshot whose peaks are those of another log', async (t) => {
  const cluster = await forgetful(62);
  damage(cluster, 3, false);
  lies(cluster, 0, otherPeaks);
  cluster.start(3);
  await cluster.run(() => cluster.nodes[3]?.isHealing === false && cluster.nodes[3].status().ready);
  t.is(cluster.divergences.at(-1)?.outcome, 'healed');
});

for (const [what, lie] of [
  ['begins the log too late', lateBase],
  ['sends peaks of another log', otherPeaks],
] as const)
  test(`[S2, S4] who comes back takes the snapshot of an honest peer where the first one asked ${what}`, async (t) => {
    const cluster = await forgetful(5);
    cluster.kill(3);
    await grow(cluster, 60);
    lies(cluster, 0, lie);
    cluster.start(3);
    await cluster.run(() => cluster.height(3) >= cluster.height(0));
    t.true((cluster.stores[3]?.base().height ?? 0) > 0, 'by a snapshot');
  });
