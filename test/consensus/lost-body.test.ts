// A block that was voted for in many views without becoming prepared where it counts: its body is dropped [L1], and
// one that lies may be the last to hold its certificate.
import test from 'ava';
import { Cluster } from './_cluster.ts';
import { blockOf, prePrepare, prepared, viewChange } from './_forge.ts';
import { Lone } from './_lone.ts';

const liar = 0;
const a = blockOf('a');

/** All Prepares are lost while one proposal follows another, until none of the honest holds the first one's body. */
function forgotten(): Cluster {
  const cluster = new Cluster(4);
  const honest = cluster.stations.slice(1);
  cluster.spokenFor.add(liar);
  for (const station of honest) station.start();
  cluster.run(8);
  cluster.losses.set('prepares', (_from, _to, { type }) => type === 'prepare');
  for (const station of honest) cluster.arrive(liar, station, prePrepare(a));
  cluster.settle();
  const isHeld = () => honest.some(({ durable }) => durable.bodies.has(a.digest));
  for (let block = 0; block < 40 && isHeld(); block++) {
    cluster.submit(`x${block}`);
    cluster.run(100);
    cluster.markBad(`x${block}`);
  }
  cluster.runUntil(() => honest.every(({ replica }) => replica?.status().mode === 'changing'), 200);
  cluster.losses.clear();
  return cluster;
}

test('[V4] a prepared block whose body nobody gives is passed over, though a liar shows it in every view', (t) => {
  const cluster = forgotten();
  const honest = cluster.stations.slice(1);
  t.true(honest.every(({ durable, height }) => height === 0 && !durable.bodies.has(a.digest)));
  cluster.submit('y');
  const certificate = prepared(a.digest, [0, 1, 2]);
  let ticks = 0;
  for (; ticks < 3_000 && honest.some(({ height }) => height === 0); ticks++) {
    cluster.tick(honest);
    for (const { replica } of honest) {
      const { mode = 'normal', view = 0 } = replica?.status() ?? {};
      if (mode !== 'changing') continue;
      for (const to of honest) cluster.arrive(liar, to, viewChange(liar, view, { prepared: certificate }));
    }
    cluster.settle();
  }
  t.true(ticks < 1_000, `a block after ${ticks} ticks`);
});

test('[V4] it is taken after all where no other quorum comes in time: perhaps nobody could be reached', (t) => {
  const shows = { prepared: prepared(a.digest, [0, 2, 3]) };
  const openings = (...others: number[]) => {
    const lone = new Lone(1);
    lone.hear(viewChange(0, 1, shows), viewChange(2, 1));
    t.is(lone.mode, 'normal 1', 'it asks for the body, in vain');
    lone.tick(12);
    const isOpening = (line: string) => line.includes('NewView');
    const asked = others.map((by) => viewChange(by, 5, by === 0 ? shows : {}));
    return [lone.hear(...asked), lone.tick(4)].map((lines) => lines.filter(isOpening));
  };
  t.deepEqual(openings(0, 2), [[], ['-> all: NewView view 5: of 0 1 2']]);
  t.deepEqual(openings(0, 2, 3), [['-> all: NewView view 5: of 1 2 3'], []]);
});
