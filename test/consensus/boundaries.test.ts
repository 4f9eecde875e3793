// A validator is stopped between any two effects of a height and of a view change, and comes back from what was durable
// then: it contradicts nothing that it signed (the witness watches), and everything that was submitted is committed.
import test from 'ava';
import { Cluster } from './_cluster.ts';

const validators = 4;
/** More than any of them performs. */
const boundariesMax = 400;

interface Story {
  readonly title: string;
  /** What happens while the validator is watched. */
  tell(cluster: Cluster): void;
  readonly items: readonly string[];
}

const stories: readonly Story[] = [
  {
    title: 'one height',
    tell: (cluster) => {
      cluster.submit('a');
      cluster.run(3);
    },
    items: ['a'],
  },
  {
    title: 'one view change that carries a prepared block over',
    tell: (cluster) => {
      // Prepared everywhere, committed nowhere; then everybody asks for the next view.
      cluster.losses.set('commits', (_, __, { type }) => type === 'commit');
      cluster.submit('a');
      cluster.settle();
      cluster.losses.delete('commits');
      for (let tick = 0; tick < 13; tick++) cluster.tick();
      cluster.settle();
      cluster.run(3);
    },
    items: ['a'],
  },
  {
    title: 'one view change and the height after it',
    tell: (cluster) => {
      cluster.losses.set('primary', (from) => from === 0);
      cluster.submit('a');
      cluster.run(16);
      cluster.losses.delete('primary');
      cluster.submit('b');
      cluster.run(3);
    },
    items: ['a', 'b'],
  },
];

/** Effects that the validator performs in the story, when nothing stops it. */
function boundaries({ tell }: Story, index: number): { before: number; after: number } {
  const cluster = new Cluster(validators).start();
  const before = cluster.station(index).performed;
  tell(cluster);
  return { before, after: cluster.station(index).performed };
}

function survives({ tell, items }: Story, index: number, crashBefore: number, isAlone: boolean): boolean {
  const cluster = new Cluster(validators).start();
  cluster.station(index).crashBefore = crashBefore;
  tell(cluster);
  const station = cluster.station(index);
  station.crashBefore = Number.POSITIVE_INFINITY;
  // Alone, or with everybody else: a power cut.
  for (const each of cluster.stations) if (each === station || !isAlone) if (each.isUp) each.crash();
  for (const each of cluster.stations) if (!each.isUp) each.start();
  cluster.run(1);
  cluster.submit('last');
  for (const item of items) cluster.submit(item); // as clients do without an answer
  const isDone = cluster.runUntil(() => cluster.hasAll([...items, 'last']), 300) !== undefined;
  return isDone && cluster.honest.every((each) => each.silence === undefined && each.incident === undefined);
}

for (const story of stories) {
  for (const isAlone of [true, false]) {
    const who = isAlone ? 'a validator' : 'a validator, and then all others,';
    test(`${who} stopped at every effect boundary of ${story.title} resumes without a contradiction`, (t) => {
      let tried = 0;
      for (let index = 0; index < validators; index++) {
        const { before, after } = boundaries(story, index);
        t.true(after - before > 5 && after - before < boundariesMax, `validator ${index} performs effects`);
        for (let boundary = before; boundary <= after; boundary++, tried++)
          t.true(survives(story, index, boundary, isAlone), `validator ${index} stopped before effect ${boundary}`);
      }
      t.log(`${tried} boundaries`);
    });
  }
}
