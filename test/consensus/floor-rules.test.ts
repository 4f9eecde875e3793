// [T5] and [T6]: a primary that is slower than it must be is replaced, and a network that is slow as a whole is left
// in peace.
import test from 'ava';
import { Floor } from '../../node/consensus/floor.ts';
import { Cluster } from './_cluster.ts';

const timeout = 12;
/** Just under the timeout, with the primary's repeats in between. */
const delay = timeout - 4;

class Slowed {
  readonly cluster: Cluster;
  #height = 0;
  #waited = 0;
  #items = 0;

  /** `isSlow` says whose proposals arrive late. */
  constructor(validators: number, isSlow: (primary: number) => boolean) {
    this.cluster = new Cluster(validators).start();
    this.cluster.losses.set('late', (from, _to, { type }) => {
      return type === 'pre-prepare' && isSlow(from) && this.#waited < delay;
    });
  }

  get view(): number {
    return Math.max(...this.cluster.stations.map((each) => each.replica?.status().view ?? 0));
  }

  get height(): number {
    return Math.max(...this.cluster.stations.map((each) => each.height));
  }

  /** Something waits all the time. */
  tick(): void {
    this.cluster.submit(`i${++this.#items}`);
    this.cluster.run(1);
    this.#waited = this.height === this.#height ? this.#waited + 1 : 0;
    this.#height = this.height;
  }
}

for (const validators of [4, 7]) {
  test(`[T5] one of ${validators} that lets every proposal wait is replaced within three timeouts`, (t) => {
    const slowed = new Slowed(validators, (primary) => primary === 0);
    let ticks = 0;
    for (; slowed.view === 0; ticks++) slowed.tick();
    t.true(ticks <= 3 * timeout, `${ticks} ticks`);
    const { height } = slowed;
    t.true(height >= 1, 'it did serve');
    for (let i = 0; i < 30; i++) slowed.tick();
    t.is(slowed.view, 1);
    t.true(slowed.height >= height + 29, 'the next one serves as fast as it can');
  });

  test(`[T6] where all of ${validators} are slow the floor drops, and views stay`, (t) => {
    const slowed = new Slowed(validators, () => true);
    for (let i = 0; i < 15 * timeout; i++) slowed.tick();
    const { view } = slowed;
    t.true(view <= validators, `view ${view}`);
    for (let i = 0; i < 15 * timeout; i++) slowed.tick();
    t.is(slowed.view, view, 'once some have shown that it goes no faster, nobody is replaced');
  });
}

test("[T5] waiting for votes is not the primary's fault, and an idle network owes nothing", (t) => {
  const floor = new Floor(1);
  floor.viewEntered(0);
  const cycle = (owed: number, open: number) => {
    let isOver = false;
    for (let i = 0; i < owed; i++) isOver = floor.count('proposal', timeout) || isOver;
    for (let i = 0; i < open; i++) isOver = floor.count('votes', timeout) || isOver;
    floor.committed();
    return isOver;
  };
  for (let i = 0; i < 1_000; i++) t.false(cycle(9, 4), 'twice the time of the votes is allowed');
  t.false(cycle(2 * timeout, 0));
  for (let i = 0; i < 16 * 2 * timeout; i++) floor.count('nothing', timeout);
  t.false(cycle(2 * timeout, 0), 'an accident is forgotten in idle time');
  t.true(cycle(2, 0));
});

test('[T5] a wait that is over before the next tick counts for nothing, however many ticks meet one', (t) => {
  const floor = new Floor(1);
  floor.viewEntered(0);
  for (let i = 0; i < 1_000; i++) {
    t.false(floor.count('proposal', timeout));
    floor.committed();
  }
  let ticks = 0;
  for (let isOver = false; !isOver; ticks++) {
    isOver = floor.count('proposal', timeout);
    if (ticks % 2 === 1) floor.committed();
  }
  t.is(ticks, 2 * 2 * timeout, 'of two ticks in one wait one counts');
});

test('[T6] f primaries that are fast do not set the mark for the others', (t) => {
  const floor = new Floor(1);
  const serve = (primary: number, owed: number) => {
    floor.viewEntered(primary);
    let isOver = false;
    for (let block = 0; block < 100 && !isOver; block++) {
      for (let i = 0; i < owed && !isOver; i++) isOver = floor.count('proposal', timeout);
      if (!isOver) floor.committed();
    }
    floor.viewLeft();
    return isOver;
  };
  t.false(serve(0, 0), 'it lies, and proposes next to nothing at once');
  t.true(serve(1, 5), 'nobody is known who takes so long');
  t.false(serve(2, 8), 'under twice what validator 1 took');
  t.false(serve(0, 0));
  t.false(serve(1, 9));
  t.true(serve(2, 25));
});
