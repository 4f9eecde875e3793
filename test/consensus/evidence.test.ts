// What a replica finds in the signatures that it is shown: contradictions, wherever the two halves come from, and
// nothing else.
import test from 'ava';
import type { Verified } from '../../node/consensus/events.ts';
import { Watch } from '../../node/consensus/evidence.ts';
import type { Message } from '../../node/consensus/messages.ts';
import {
  blockOf,
  certificate,
  committed,
  newView,
  notice,
  opening,
  prePrepare,
  prepared,
  status,
  viewChange,
  vote,
} from './_forge.ts';
import { Lone } from './_lone.ts';

const a = blockOf('a');
const b = blockOf('b');

/** What a backup has found after all of this. */
function foundIn(...messages: readonly Message[]): readonly string[] {
  const lone = new Lone(3);
  lone.hear(...messages);
  return lone.evidence;
}

const two = (kind: string) => [`has evidence against 1: ${kind} view 0 height 1 0:a, ${kind} view 0 height 1 0:b`];
const ordered = (lines: readonly string[]) =>
  lines.map((line) => line.replace(/(\S+ view 0 height 1 0:b), (\S+ view 0 height 1 0:a)$/, '$2, $1'));

test('[A4] two votes of one validator are evidence, however the second one is shown', (t) => {
  const first = vote('commit', 1, a.digest);
  const shown: readonly Message[] = [
    vote('commit', 1, b.digest),
    notice(b.digest),
    viewChange(2, 1, { committed: committed(b.digest, [0, 1, 2]) }),
    newView(
      1,
      [0, 1, 2].map((by) => viewChange(by, 1, { committed: committed(b.digest, [0, 1, 2]) })),
    ),
  ];
  for (const second of shown) {
    const found = foundIn(first, second).filter((line) => line.includes('against 1'));
    t.deepEqual(ordered(found), two('Commit'), second.type);
  }
  const prepares = [vote('prepare', 1, a.digest), viewChange(2, 1, { prepared: prepared(b.digest, [0, 1, 2]) })];
  t.deepEqual(ordered(foundIn(...prepares)), two('Prepare'));
});

test('[A4] votes that a replica has no other use for are looked at too: of a height or a view that it left', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a), vote('commit', 2, a.digest), notice(a.digest));
  t.is(lone.station.height, 1);
  lone.hear(vote('commit', 2, b.digest));
  t.deepEqual(lone.evidence.length, 1, 'of the height that was just committed');
  const left = new Lone(3);
  left.hear(prePrepare(a), opening(1));
  t.is(left.mode, 'normal 1');
  left.hear(prePrepare(b));
  t.deepEqual(left.evidence.length, 1, 'of the view that was just left');
});

test('[A4] a fetched block and a last commit show Commits too', (t) => {
  for (const type of ['fetched', 'shown'] as const) {
    const lone = new Lone(3);
    lone.hear(prePrepare(a), vote('commit', 1, b.digest));
    lone.step({ type, certificate: certificate(a.digest, [0, 1, 2]) });
    t.is(lone.evidence.length, 1, type);
  }
});

test('[A4] one validator is accused once, and each by its own words', (t) => {
  const lone = new Lone(3);
  for (const by of [1, 2]) lone.hear(vote('commit', by, a.digest), vote('commit', by, b.digest));
  lone.hear(vote('prepare', 1, a.digest), vote('prepare', 1, b.digest), viewChange(1, 1), notice(b.digest));
  t.deepEqual(
    lone.evidence.map((line) => line.slice(0, 22)),
    ['has evidence against 1', 'has evidence against 2'],
  );
});

test('[A4] what is repeated, and what an honest validator does when views change, is no evidence', (t) => {
  const honest = [
    prePrepare(a),
    prePrepare(a),
    vote('prepare', 1, a.digest),
    vote('commit', 1, a.digest),
    vote('commit', 1, a.digest),
    viewChange(1, 1, { prepared: prepared(a.digest, [0, 1, 2]) }),
    opening(1, { prepared: prepared(a.digest, [0, 1, 2]) }),
    opening(1, { prepared: prepared(a.digest, [0, 1, 2]) }),
    prePrepare(a, { view: 1 }),
    vote('prepare', 2, a.digest, { view: 1 }),
    vote('commit', 2, a.digest, { view: 1 }),
    notice(a.digest, { view: 1 }),
    status(1, { height: 1 }),
    vote('prepare', 2, b.digest, { view: 1, height: 2 }),
  ];
  t.deepEqual(foundIn(...honest), []);
});

test('[A4] its own key is for others to watch', (t) => {
  t.deepEqual(foundIn(notice(a.digest), vote('commit', 1, a.digest)), []);
  const lone = new Lone(2);
  lone.hear(prePrepare(a), notice(a.digest), viewChange(1, 1, { committed: committed(b.digest, [0, 1, 2]) }));
  t.false(lone.evidence.some((line) => line.includes('against 2')));
});

test('[L1] few statements are kept of a validator: an old one is forgotten, a recent one is not', (t) => {
  const seen = (between: number) => {
    const watch = new Watch(3, 0);
    const hear = (height: number, digest = a.digest) => {
      const message = vote('commit', 1, digest, { height }) as Verified<Message & { type: 'commit' }>;
      watch.message(message);
    };
    for (let height = 1; height <= 1 + between; height++) hear(height);
    hear(1, b.digest);
    return watch.take().length;
  };
  t.is(seen(31), 1);
  t.is(seen(32), 0);
});
