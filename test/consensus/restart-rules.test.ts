// One test a rule of docs/consensus.md: restart and amnesia, statuses and catching up.
import test from 'ava';
import { resume } from '../../node/consensus/catch-up.ts';
import { Core } from '../../node/consensus/core.ts';
import type { Verified } from '../../node/consensus/events.ts';
import type { NewView } from '../../node/consensus/messages.ts';
import { chainId, genesis, signAs } from './_chain.ts';
import { Cluster, shortTimings } from './_cluster.ts';
import {
  blockOf,
  certificate,
  committed,
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
test('[R1] a restart repeats the stored bytes and signs nothing anew', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a), vote('prepare', 1, a.digest), vote('prepare', 2, a.digest));
  const before = lone.sent().filter((each) => each.type !== 'status');
  t.deepEqual(
    before.map((each) => each.type),
    ['prepare', 'commit'],
  );
  t.deepEqual(lone.restart(), []);
  t.deepEqual(lone.greet(), ['-> all: Prepare view 0 height 1 0:a', '-> all: Commit view 0 height 1 0:a']);
  t.deepEqual(
    lone.sent().filter((each) => each.type !== 'status'),
    before,
  );
  t.deepEqual(lone.hear(vote('commit', 0, a.digest), vote('commit', 1, a.digest)), [
    'commits height 1 0:a (view 0, signed by 0 1 3)', // its own Commit from before counts
  ]);
});

test('[R1] a restart in mode changing stays there and repeats its ViewChange', (t) => {
  const lone = new Lone(3);
  lone.work('x');
  lone.tick(12);
  lone.restart();
  t.is(lone.mode, 'changing 1');
  t.deepEqual(lone.greet(), ['-> all: ViewChange view 1: committed 0']);
});

test('[R1] bodies of blocks that were prepared in earlier views are there after a restart', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a), vote('prepare', 1, a.digest));
  lone.tick(12);
  lone.restart();
  t.deepEqual(lone.greet(), ['-> all: ViewChange view 1: committed 0, prepared 0:a in view 0']);
  t.deepEqual(lone.hear(notice(a.digest)), ['commits height 1 0:a (view 0, signed by 0 1 2)'], 'nothing is fetched');
});

test('[R1] a restarted primary proposes its stored block again, whatever its clock says now', (t) => {
  const lone = new Lone(0);
  lone.work('a');
  lone.station.isClockWrong = true;
  lone.restart();
  t.deepEqual(lone.greet(), ['-> all: PrePrepare view 0 height 1 0:a']);
});

test('[R1] a body that was damaged and is gone keeps nobody from starting', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a));
  const { record } = lone.station.durable;
  const parts = { self: 3, validators: 4, chainId, timings: shortTimings, head: genesis, sign: signAs(3) };
  const core = new Core({ ...parts, record, bodies: new Map() });
  resume(core, undefined);
  t.deepEqual(core.takeEffects(), [], 'the block is fetched once it is decided');
});

test('[R2] before it votes, commits or enters a view a replica hears the statuses of a quorum', (t) => {
  const lone = new Lone(3, { silentStart: true });
  t.deepEqual(lone.hear(prePrepare(a), notice(a.digest), opening(1)), []);
  t.deepEqual(lone.hear(status(0)), []);
  t.deepEqual(lone.hear(status(1)), [
    'commits height 1 0:a (view 0, signed by 0 1 2)', // nothing was prepared: the certificate came first
  ]);
});

test('[R2] a status shows its receiver the highest message that the sender holds from its key', (t) => {
  const lone = new Lone(3);
  lone.hear(vote('commit', 1, a.digest), vote('prepare', 1, a.digest));
  lone.sent();
  lone.tick(6);
  const heard = lone.sent().flatMap((each) => (each.type === 'status' && each.heard !== undefined ? [each.heard] : []));
  t.deepEqual(
    heard.map(({ validator, kind, view, height }) => ({ validator, kind, view, height })),
    [{ validator: 1, kind: 'commit', view: 0, height: 1 }],
  );
});

test('[R3] a replica whose record does not cover a message of its key is silent for good, and still follows', (t) => {
  const lone = new Lone(3, { silentStart: true });
  const { signature, ...position } = vote('commit', 3, b.digest);
  const heard = { kind: 'commit' as const, epoch: 0, view: 0, height: 1, digest: b.digest, validator: 3, signature };
  t.is(position.validator, 3);
  const lines = lone.hear(status(0, { heard }));
  t.regex(lines.join('\n'), /^is silent: validator 0 holds a message of this key/);
  t.deepEqual(lone.hear(status(1), status(2), prePrepare(a)), []);
  t.deepEqual(lone.hear(notice(a.digest)), ['commits height 1 0:a (view 0, signed by 0 1 2)']);
  lone.restart();
  t.deepEqual(lone.greet(), [], 'what it forgot may still be replayed');
  lone.work('x');
  t.deepEqual(lone.tick(100), []);
  t.is(lone.station.replica?.status().voice, 'silenced');
});

test('[R3] a certificate that holds a vote of its key, which its record does not cover, silences it too', (t) => {
  const committing = new Lone(3);
  const shown = committing.hear({ type: 'committed', certificate: certificate(a.digest, [0, 1, 3]) });
  t.regex(shown.join('\n'), /^is silent: a certificate holds a commit of this key \(height 1\)/);
  const preparing = new Lone(3);
  const has = { prepared: prepared(a.digest, [0, 1, 3]) };
  t.regex(preparing.hear(viewChange(1, 1, has)).join('\n'), /^is silent: a certificate holds a prepare of this key/);
  const listening = new Lone(3, { silentStart: true });
  const base = { committed: committed(a.digest, [0, 1, 3]) };
  t.regex(listening.hear(opening(1, base)).join('\n'), /^is silent: a certificate holds a commit of this key/);
  const opened = new Lone(1, { silentStart: true });
  t.regex(
    opened.step({ type: 'message', message: opening(1) as Verified<NewView> }).join('\n'),
    /^is silent: a certificate holds a new-view of this key/,
    'its own NewView, which others repeat',
  );
  const honest = new Lone(3);
  honest.hear(prePrepare(a), vote('prepare', 1, a.digest), vote('commit', 0, a.digest));
  t.deepEqual(honest.hear({ type: 'committed', certificate: certificate(a.digest, [0, 1, 3]) }), [
    'commits height 1 0:a (view 0, signed by 0 1 3)', // this one it did sign
  ]);
});

test('[C1] statuses go to each other validator at an interval', (t) => {
  const lone = new Lone(3);
  lone.tick(13);
  const sent = lone.cluster.wire.filter(({ message }) => message.type === 'status').map(({ to }) => to.index);
  t.deepEqual(sent, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
});

test('[C2] a replica that is behind for a while fetches, and waits before it asks again in vain', (t) => {
  const lone = new Lone(3);
  lone.hear(status(1, { height: 4 }));
  t.deepEqual(lone.tick(2), [], 'a commit is usually on its way');
  t.deepEqual(lone.tick(1), ['fetches from height 1, of 1']);
  t.deepEqual(lone.tick(2), []);
  t.deepEqual(lone.tick(1), ['fetches from height 1, of 1']);
  t.is(lone.station.replica?.status().bestHeight, 0, 'one of them may lie about its height');
  lone.hear(status(2, { height: 9 }));
  t.is(lone.station.replica?.status().bestHeight, 4);
});

test('[C2] one that says it is ahead and never answers keeps nobody from a block that is certified', (t) => {
  const { station, cluster } = new Lone(3);
  const fetches = () => cluster.tasks.flatMap(({ errand }) => (errand.type === 'fetch' ? [errand.from.join(' ')] : []));
  const tick = (ticks: number) => {
    for (let i = 0; i < ticks; i++) station.step({ type: 'tick' });
  };
  cluster.arrive(1, station, status(1, { height: 9 }));
  tick(6);
  t.deepEqual(fetches(), ['1']);
  cluster.arrive(0, station, notice(a.digest));
  t.deepEqual(fetches(), ['1', '0 2']);
  tick(6);
  t.deepEqual(fetches(), ['1', '0 2'], 'an honest one is asked: it will answer');
  cluster.finish(1);
  tick(3);
  t.deepEqual(fetches(), ['1', '0 2'], 'in vain, so once more');
  cluster.finish(0);
  cluster.finish(0);
  tick(3);
  t.deepEqual(fetches(), ['0 1 2'], 'all over');
});

test('[C2] after a start it does not wait, and catches up over many blocks', (t) => {
  const cluster = new Cluster(4).start();
  cluster.station(3).crash();
  for (let i = 0; i < 20; i++) {
    cluster.submit(`item-${i}`);
    cluster.settle();
  }
  cluster.station(3).start();
  t.is(
    cluster.runUntil(() => cluster.station(3).height === 20, 20),
    6,
  );
});

test('[C3] a vote for a committed height is answered with its certificate', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a), notice(a.digest));
  lone.sent();
  lone.hear(vote('commit', 1, a.digest));
  t.deepEqual(
    lone.sent().map((each) => each.type),
    ['committed'],
  );
});

test('[C4] while something is undecided the stored messages are repeated at an interval', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a), vote('prepare', 1, a.digest), vote('prepare', 2, a.digest));
  t.deepEqual(lone.tick(4), ['-> all: Prepare view 0 height 1 0:a', '-> all: Commit view 0 height 1 0:a']);
  const primary = new Lone(0);
  primary.work('a');
  t.deepEqual(primary.tick(4), ['-> all: PrePrepare view 0 height 1 0:a']);
});

test('[C4] who is behind in views is sent what lets it come, once an interval', (t) => {
  const lone = new Lone(3);
  lone.work('x');
  lone.tick(12);
  const [first, ...more] = lone.hear(...Array.from({ length: 50 }, () => status(0)));
  t.deepEqual([first, more], ['-> 0: ViewChange view 1: committed 0', []]);
  lone.hear(opening(1));
  lone.tick(6);
  t.deepEqual(lone.hear(status(0, { view: 1, mode: 'changing' }), status(1, { view: 1 })), [
    '-> 0: NewView view 1: of 0 1 2',
  ]);
});
