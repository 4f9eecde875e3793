// A primary that proposes at once and holds back its own Commit, where an honest validator waits for the next view.
import test from 'ava';
import { Cluster } from './_cluster.ts';
import { blockOf, notice, prePrepare, vote } from './_forge.ts';
import { Lone } from './_lone.ts';

const liar = 0;

test('[T5] a primary owes its own Commit as it owes a proposal', (t) => {
  const cluster = new Cluster(4);
  const honest = cluster.stations.slice(1);
  cluster.spokenFor.add(liar);
  for (const station of honest) station.start();
  cluster.run(8);
  const tell = (to: readonly number[], message: Parameters<typeof cluster.arrive>[2]) => {
    for (const index of to) cluster.arrive(liar, cluster.station(index), message);
    cluster.settle();
  };
  const views = () => honest.map(({ replica }) => replica?.status().view);
  cluster.submit('x0');
  // Two proposals make one of three ask for view 1; alone it can only follow.
  tell([3], prePrepare(blockOf('y')));
  let parent = blockOf('x0');
  tell([1, 2, 3], prePrepare(parent));
  t.deepEqual(views(), [0, 0, 1]);
  let ticks = 0;
  for (let height = 1; ticks < 600 && views().includes(0); height++) {
    for (let held = 0; held < 10; held++, ticks++) cluster.run(1);
    tell([1, 2, 3], vote('commit', liar, parent.digest, { height }));
    cluster.submit(`x${height}`);
    const next = blockOf(`x${height}`, liar, parent.digest, height + 1);
    tell([1, 2], prePrepare(next, { height: height + 1 }));
    parent = next;
  }
  t.true(ticks <= 4 * 12, `replaced after ${ticks} ticks`);
});

test('[V9, T5] who enters a view by its certificate judges the new primary by what that one owes', (t) => {
  const lone = new Lone(3);
  const [a, b] = [blockOf('a'), blockOf('b', liar, blockOf('a').digest, 2)];
  lone.work('x');
  lone.tick(11);
  lone.hear(prePrepare(a), notice(a.digest));
  lone.tick(11);
  lone.hear(prePrepare(b, { height: 2 }), notice(b.digest, { height: 2, view: 1 }));
  t.is(lone.mode, 'normal 1');
  lone.tick(8);
  t.is(lone.mode, 'normal 1', 'the first primary owed 20 of 24 ticks, the second owes 7');
});
