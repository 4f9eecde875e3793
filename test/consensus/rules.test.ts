// One test a rule of docs/consensus.md: the normal case, what is durable before it is sent, and limits. One replica is
// spoken to in the name of all others; the others are in view-rules.test.ts and restart-rules.test.ts.
import test from 'ava';
import { Core } from '../../node/consensus/core.ts';
import type { Verified } from '../../node/consensus/events.ts';
import type { Message, ViewChange } from '../../node/consensus/messages.ts';
import { onPrePrepare } from '../../node/consensus/normal-case.ts';
import { Electorate } from '../../node/consensus/quorum.ts';
import { bodiesMax, firstRecord } from '../../node/consensus/record.ts';
import { VoteSigner } from '../../node/consensus/signer.ts';
import { onViewChange } from '../../node/consensus/view-change.ts';
import { Votes } from '../../node/consensus/votes.ts';
import { InvariantError } from '../../node/ledger/assert.ts';
import { chainId, genesis, signAs } from './_chain.ts';
import { Cluster, shortTimings } from './_cluster.ts';
import { blockOf, certificate, newView, notice, prePrepare, prepared, status, viewChange, vote } from './_forge.ts';
import { Lone } from './_lone.ts';

const a = blockOf('a');
const b = blockOf('b');
const after = (made: typeof a, label: string) => blockOf(label, 0, made.digest, 2);

test('[Q1] any two quorums share f+1 validators and the honest ones are a quorum, for 4 to 100 validators', (t) => {
  for (let n = 4; n <= 100; n++) {
    const { faulty, quorum } = new Electorate(n);
    t.is(faulty, Math.floor((n - 1) / 3));
    t.true(2 * quorum - n >= faulty + 1, `${n}: quorums share an honest validator`);
    t.false(2 * (quorum - 1) - n >= faulty + 1, `${n}: one less would not do`);
    t.true(n - faulty >= quorum, `${n}: the honest ones are a quorum`);
  }
  t.deepEqual(
    [4, 5, 6, 7, 10].map((n) => new Electorate(n).quorum),
    [3, 4, 4, 5, 7],
  );
});

test('[Q2] the primary of view v is validator v mod n, and the view goes on across heights', (t) => {
  const electorate = new Electorate(5);
  t.deepEqual(
    [0, 1, 4, 5, 12].map((view) => electorate.primaryOf(view)),
    [0, 1, 4, 0, 2],
  );
  const cluster = new Cluster(5).start();
  cluster.station(0).crash();
  for (const item of ['a', 'b', 'c']) {
    cluster.submit(item);
    cluster.run(15);
  }
  t.deepEqual(
    cluster.station(1).durable.chain.map(({ certificate }) => certificate.view),
    [1, 1, 1],
  );
});

test('[P1] a PrePrepare is accepted from the primary, in the own view, at the next height', (t) => {
  t.deepEqual(new Lone(1).hear(prePrepare(a)), ['-> all: Prepare view 0 height 1 0:a']);
  t.deepEqual(new Lone(1).hear(prePrepare(a, {}, 2)), [], 'not from another');
  t.deepEqual(new Lone(3).hear(prePrepare(a, { view: 1 })), [], 'not of a later view');
  t.deepEqual(new Lone(1).hear(prePrepare(after(a, 'b'), { height: 2 })), [], 'not of a later height');
  const changing = new Lone(2);
  changing.work('x');
  changing.tick(13);
  t.deepEqual(changing.hear(prePrepare(a), prePrepare(blockOf('a', 1), { view: 1 })), [], 'not while changing');
});

test('[P1] where a commit certificate is at hand, a proposal of another block is passed over', (t) => {
  const lone = new Lone(3, { silentStart: true });
  lone.hear(notice(a.digest));
  t.deepEqual(lone.hear(prePrepare(b)), []);
  t.is(lone.mode, 'normal 0', 'it is no cause for a view change');
  t.true(
    lone.greet().every((line) => !line.includes('Prepare')),
    'and no vote follows',
  );
});

test('[P1] a second digest, and one that is not the fixed block, is a cause for a view change', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a));
  t.deepEqual(lone.hear(prePrepare(a)), [], 'the same again is nothing');
  t.deepEqual(lone.hear(prePrepare(b)), ['-> all: ViewChange view 1: committed 0']);
  const other = new Lone(3);
  const has = { prepared: prepared(a.digest, [0, 1, 2]) };
  other.hear(newView(1, [viewChange(0, 1, has), viewChange(1, 1), viewChange(2, 1)]));
  t.deepEqual(other.hear(prePrepare(blockOf('b', 1), { view: 1 })), ['-> all: ViewChange view 2: committed 0']);
});

test('[P2] a prepared certificate needs a quorum for one digest, the PrePrepare being the primary’s Prepare', (t) => {
  const lone = new Lone(3);
  t.deepEqual(lone.hear(prePrepare(a)), ['-> all: Prepare view 0 height 1 0:a']);
  t.deepEqual(lone.hear(vote('prepare', 0, a.digest)), [], 'a Prepare by the primary counts for nothing');
  t.deepEqual(lone.hear(vote('prepare', 1, b.digest)), [], 'nor one for another digest');
  t.deepEqual(lone.hear(vote('prepare', 2, a.digest)), ['-> all: Commit view 0 height 1 0:a']);
});

test('[P2] an invalid block is a cause for a view change', (t) => {
  const lone = new Lone(3);
  lone.cluster.markBad('a');
  t.deepEqual(lone.hear(prePrepare(a)), ['-> all: ViewChange view 1: committed 0']);
});

test('[P2] after more than f failed views it is the timer that ends a view with an invalid block', (t) => {
  const lone = new Lone(3);
  lone.cluster.markBad('a');
  t.deepEqual(lone.hear(prePrepare(a)), ['-> all: ViewChange view 1: committed 0']);
  lone.hear(newView(1, [viewChange(0, 1), viewChange(1, 1), viewChange(2, 1)]));
  t.deepEqual(lone.hear(prePrepare(a, { view: 1 })), ['-> all: ViewChange view 2: committed 0']);
  lone.hear(newView(2, [viewChange(0, 2), viewChange(1, 2), viewChange(2, 2)]));
  t.deepEqual(lone.hear(prePrepare(a, { view: 2 })), [], 'two views have failed, and one validator may lie');
  lone.tick(100);
  t.true(lone.sent().some((each) => each.type === 'view-change' && each.view === 3));
});

test('[P2] a body that was found valid stays, though its block came too late in another view', (t) => {
  const lone = new Lone(3);
  const { cluster, station } = lone;
  cluster.arrive(0, station, prePrepare(a));
  for (let i = 0; i < 12; i++) station.step({ type: 'tick' });
  t.is(lone.mode, 'changing 1', 'before the verdict');
  lone.hear(newView(1, [viewChange(0, 1), viewChange(1, 1), viewChange(2, 1)]));
  station.isClockWrong = true;
  t.deepEqual(lone.hear(prePrepare(a, { view: 1 })), ['-> all: ViewChange view 2: committed 0']);
  const has = { prepared: prepared(a.digest, [0, 1, 2]) };
  lone.hear(newView(2, [viewChange(0, 2, has), viewChange(1, 2), viewChange(2, 2)]));
  t.deepEqual(lone.hear(prePrepare(a, { view: 2 })), ['-> all: Prepare view 2 height 1 0:a']);
});

test('[P2] a body that was forged beside a good header is refused, and the right one taken later', (t) => {
  const lone = new Lone(3);
  const forged = { ...a, block: { ...a.block, transactions: b.block.transactions } };
  t.deepEqual(lone.hear(prePrepare(forged)), ['-> all: ViewChange view 1: committed 0']);
  const has = { prepared: prepared(a.digest, [0, 1, 2]) };
  lone.hear(newView(1, [viewChange(0, 1, has), viewChange(1, 1, has), viewChange(2, 1)]));
  t.deepEqual(lone.hear(prePrepare(a, { view: 1 })), ['-> all: Prepare view 1 height 1 0:a']);
});

test('[P3] Commit follows a prepared certificate of the current view for a block found valid here', (t) => {
  const lone = new Lone(3);
  lone.hear(vote('prepare', 1, a.digest), vote('prepare', 2, a.digest));
  t.deepEqual(
    lone.sent().filter((each) => each.type === 'commit'),
    [],
    'not before the block is here',
  );
  t.deepEqual(lone.hear(prePrepare(a)), ['-> all: Prepare view 0 height 1 0:a', '-> all: Commit view 0 height 1 0:a']);
  const bad = new Lone(3);
  bad.cluster.markBad('a', [3]);
  t.deepEqual(
    bad.hear(vote('prepare', 1, a.digest), vote('prepare', 2, a.digest), prePrepare(a)),
    ['-> all: ViewChange view 1: committed 0'],
    'whatever a quorum says',
  );
});

test('[P4] a commit certificate is exactly a quorum of Commits of one view, and counts in any view and mode', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a));
  lone.work('x');
  t.deepEqual(lone.tick(13).slice(0, 1), ['-> all: Prepare view 0 height 1 0:a']);
  t.is(lone.station.replica?.status().mode, 'changing');
  lone.hear(vote('commit', 0, a.digest), vote('commit', 1, a.digest, { view: 1 }), vote('commit', 2, a.digest));
  t.is(lone.station.height, 0, 'Commits of two views are no certificate');
  const lines = lone.hear(notice(a.digest));
  t.deepEqual(lines, ['commits height 1 0:a (view 0, signed by 0 1 2)']);
  t.is(lone.station.replica?.status().mode, 'changing', 'a certificate of a lower view brings back to no view');
});

test('[P4] a certificate decides once its block is executed, whichever comes first', (t) => {
  const lone = new Lone(3);
  t.deepEqual(lone.hear(notice(a.digest)), ['fetches from height 1, of 0 1 2']);
  t.deepEqual(lone.hear(prePrepare(a)).slice(-1), ['commits height 1 0:a (view 0, signed by 0 1 2)']);
});

test('[P4] the certificate inside a ViewChange counts like any other', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a));
  const shown = { committed: { height: 1, digest: a.digest, certificate: certificate(a.digest, [0, 1, 2]) } };
  t.deepEqual(lone.hear(viewChange(1, 1, shown)), ['commits height 1 0:a (view 0, signed by 0 1 2)']);
});

test('[P5] the primary proposes as soon as work waits and the block before is committed', (t) => {
  const lone = new Lone(0);
  t.deepEqual(lone.tick(20), [], 'nothing waits, nothing is proposed');
  t.deepEqual(lone.work('a'), ['-> all: PrePrepare view 0 height 1 0:a']);
  t.deepEqual(lone.work('b', 'c'), [], 'one height at a time');
  lone.hear(vote('prepare', 1, a.digest), vote('prepare', 2, a.digest));
  const lines = lone.hear(vote('commit', 1, a.digest), vote('commit', 2, a.digest));
  t.deepEqual(lines, [
    'commits height 1 0:a (view 0, signed by 0 1 2)',
    '-> all: PrePrepare view 0 height 2 0:b+c', // what waited goes in one batch
  ]);
});

test('[P6] the first Prepare of a sender stands', (t) => {
  const lone = new Lone(6, { validators: 7 });
  lone.hear(vote('prepare', 1, b.digest), vote('prepare', 1, a.digest), prePrepare(a));
  lone.hear(vote('prepare', 2, a.digest), vote('prepare', 3, a.digest));
  t.is(lone.station.durable.record.commit, undefined, 'validator 1 has prepared b for good');
  t.deepEqual(lone.hear(vote('prepare', 4, a.digest)), ['-> all: Commit view 0 height 1 0:a']);
});

test('[P6] of Commits the one of the highest view is kept', (t) => {
  const votes = new Votes();
  const [old, late] = [vote('commit', 1, a.digest), vote('commit', 1, a.digest, { view: 2 })];
  votes.addCommit(late);
  votes.addCommit(old);
  t.is(votes.commitsLike(late).length, 1);
  t.is(votes.commitsLike(old).length, 0);
});

test('[P6] what comes early is looked at again after the commit and in the view it is for', (t) => {
  const next = after(a, 'b');
  const lone = new Lone(3);
  lone.hear(prePrepare(next, { height: 2 }), vote('prepare', 1, next.digest, { height: 2 }), prePrepare(a));
  t.deepEqual(lone.hear(notice(a.digest)), [
    'commits height 1 0:a (view 0, signed by 0 1 2)',
    '-> all: Prepare view 0 height 2 0:b',
    '-> all: Commit view 0 height 2 0:b',
  ]);
  const other = new Lone(3);
  t.deepEqual(other.hear(prePrepare(blockOf('a', 1), { view: 1 })), []);
  t.deepEqual(other.hear(newView(1, [viewChange(0, 1), viewChange(1, 1), viewChange(2, 1)])), [
    '-> all: Prepare view 1 height 1 1:a',
  ]);
});

test('[P6] far heights and heights that are over are dropped', (t) => {
  const lone = new Lone(3);
  const far = blockOf('c', 0, b.digest, 3);
  lone.hear(prePrepare(far, { height: 3 }), vote('commit', 0, far.digest, { height: 3 }));
  lone.hear(prePrepare(a), notice(a.digest));
  const next = after(a, 'b');
  lone.hear(prePrepare(next, { height: 2 }), notice(next.digest, { height: 2 }));
  t.is(lone.station.height, 2);
  t.is(lone.station.durable.record.accepted, undefined, 'the proposal of height 3 was not kept at height 1');
});

/** Effects of the station as they follow each other, told by type, with the kind of what is sent. */
function effectsOf(lone: Lone, act: () => void): string[] {
  const seen: string[] = [];
  const note = lone.cluster.note.bind(lone.cluster);
  lone.cluster.note = (station, effect) => {
    note(station, effect);
    if (effect.type === 'broadcast') seen.push(effect.message.type);
    else if (effect.type === 'persist' || effect.type === 'commit') seen.push(effect.type);
  };
  act();
  return seen;
}

// Each send is checked against the durable part by the cluster's witness as well, in this and in every other test.
test('[D1] the vote, the header and the body are durable before PrePrepare and Prepare are sent', (t) => {
  const primary = new Lone(0);
  t.deepEqual(
    effectsOf(primary, () => primary.work('a')),
    ['persist', 'pre-prepare'],
  );
  t.is(primary.station.durable.record.accepted?.digest, a.digest);
  t.deepEqual([...primary.station.durable.bodies.keys()], [a.digest]);
  const backup = new Lone(1);
  t.deepEqual(
    effectsOf(backup, () => backup.hear(prePrepare(a))),
    ['persist', 'prepare'],
  );
  t.is(backup.station.durable.record.prepare?.digest, a.digest);
  t.deepEqual([...backup.station.durable.bodies.keys()], [a.digest]);
});

test('[D2] the prepared certificate with its signatures is durable before Commit is sent', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a));
  t.deepEqual(
    effectsOf(lone, () => lone.hear(vote('prepare', 1, a.digest))),
    ['persist', 'commit'],
  );
  const stored = lone.station.durable.record.prepared;
  t.deepEqual([stored?.prePrepare.validator, ...(stored?.prepares ?? []).map((each) => each.validator)], [0, 1, 3]);
});

test('[D3] the new view, its mode and the exact bytes are durable before ViewChange and NewView are sent', (t) => {
  const lone = new Lone(1);
  lone.work('x');
  t.deepEqual(
    effectsOf(lone, () => lone.tick(12)),
    ['persist', 'view-change'],
  );
  const { view, mode, viewChange: stored } = lone.station.durable.record;
  t.deepEqual([view, mode], [1, 'changing']);
  t.true(lone.sent().includes(stored as Message));
  const opens = () => lone.hear(viewChange(0, 1), viewChange(2, 1));
  t.deepEqual(effectsOf(lone, opens), ['persist', 'new-view', 'persist', 'pre-prepare']);
  t.is(lone.station.durable.record.mode, 'normal');
  t.true(lone.sent().includes(lone.station.durable.record.newView as Message));
});

test('[D4] a commit moves the vote record’s height in the same transaction, that of a fetched block too', (t) => {
  const cluster = new Cluster(4).start();
  cluster.station(3).crash();
  cluster.submit('a');
  cluster.settle();
  t.is(cluster.station(0).durable.record.height, 2);
  cluster.station(3).start();
  cluster.run(10);
  t.is(cluster.station(3).durable.record.height, 2);
  t.deepEqual(cluster.station(3).durable.record.bodies, []);
});

test('[D5] the signer refuses a second digest at one place and any vote below the highest view it signed in', (t) => {
  const signer = () => new VoteSigner(chainId, firstRecord(), signAs(1));
  const at = (view: number, height: number, { digest } = a) => ({ epoch: 0, view, height, digest });
  for (const kind of ['pre-prepare', 'prepare', 'commit', 'view-change', 'new-view'] as const) {
    const twice = signer();
    t.deepEqual(twice.sign(kind, at(1, 1)), twice.sign(kind, at(1, 1)), 'the same again is the same bytes');
    t.throws(() => twice.sign(kind, at(1, 1, b)), { instanceOf: InvariantError });
    const lower = signer();
    lower.sign('view-change', at(2, 0));
    t.throws(() => lower.sign(kind, at(1, 1)), { instanceOf: InvariantError }, `${kind} below the view`);
  }
  const back = signer();
  back.sign('prepare', at(0, 5));
  t.throws(() => back.sign('prepare', at(0, 4)), { instanceOf: InvariantError }, 'heights go forward');
  const record = {
    ...firstRecord(),
    accepted: { view: 0, digest: a.digest, validator: 0, signature: new Uint8Array(64) },
  };
  const restarted = new VoteSigner(chainId, record, signAs(0));
  t.throws(
    () => restarted.sign('pre-prepare', at(0, 1, b)),
    { instanceOf: InvariantError },
    'a restart forgets nothing',
  );
});

test('[L1] votes, early messages, ViewChanges, statuses and bodies kept are bounded by n', (t) => {
  const core = new Core({
    self: 3,
    validators: 4,
    chainId,
    timings: shortTimings,
    head: genesis,
    record: firstRecord(),
    bodies: new Map(),
    sign: signAs(3),
  });
  for (let view = 1; view < 200; view++) {
    const made = blockOf(`block-${view}`, view % 4);
    core.view = view;
    onViewChange(core, viewChange(view % 3, view) as Verified<ViewChange>);
    onPrePrepare(core, prePrepare(made, { view }) as Verified<ReturnType<typeof prePrepare>>);
    onPrePrepare(core, prePrepare(made, { view: view + 4 }) as Verified<ReturnType<typeof prePrepare>>);
    core.persist();
    core.leaveView();
  }
  t.is(core.viewChanges.size, 3);
  t.true(core.bodies.size <= bodiesMax + 1, 'those of the last views, and of the block under judgement');
  t.true(core.votes.takeEarly().length <= 3 * 3);
  for (let height = 1; height <= 200; height++)
    core.advance(certificate(a.digest, [0, 1, 2], { height }), undefined, false);
  t.is(core.digestAt(136), undefined, 'digests of the last 64 heights');
  t.is(core.digestAt(137), a.digest);
  const lone = new Lone(3);
  for (let view = 1; view < 50; view++) lone.hear(status(1, { view }));
  t.is(lone.station.replica?.status().bestHeight, 0);
});
