// One test a rule of docs/consensus.md: changing the view, and the timers that cause it.
import test from 'ava';
import { chooseFrom } from '../../node/consensus/choice.ts';
import { nameOf } from './_chain.ts';
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
test('[V1] after its ViewChange a replica sends no vote of a view below', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a));
  lone.tick(12);
  t.is(lone.mode, 'changing 1');
  t.deepEqual(
    lone.hear(vote('prepare', 1, a.digest), vote('prepare', 2, a.digest)),
    [],
    'the prepared certificate comes too late',
  );
  t.deepEqual([...new Set(lone.tick(40))], ['-> all: ViewChange view 1: committed 0']);
});

test('[V2] a ViewChange holds the last commit certificate and the prepared certificate of the highest view', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a), vote('prepare', 1, a.digest), vote('prepare', 2, a.digest));
  t.deepEqual(lone.tick(12).slice(-1), ['-> all: ViewChange view 1: committed 0, prepared 0:a in view 0']);
  lone.hear(opening(1, { prepared: prepared(a.digest, [0, 1, 2]) }));
  lone.hear(
    prePrepare(a, { view: 1 }),
    vote('prepare', 0, a.digest, { view: 1 }),
    vote('prepare', 2, a.digest, { view: 1 }),
  );
  t.deepEqual(lone.tick(24).slice(-1), ['-> all: ViewChange view 2: committed 0, prepared 0:a in view 1']);
  lone.hear(notice(a.digest, { view: 2 }));
  lone.work('x');
  t.deepEqual(lone.tick(12).slice(-1), ['-> all: ViewChange view 3: committed 1']);
});

test('[V3] an invalid part rejects the whole ViewChange, and of a sender that of the highest view is kept', (t) => {
  const good = { prepared: prepared(a.digest, [0, 1, 2]) };
  const short = { prepared: prepared(a.digest, [0, 2]) };
  const uncertified = { committed: { height: 1, digest: a.digest, certificate: certificate(a.digest, [0, 2]) } };
  for (const bad of [short, uncertified]) {
    const lone = new Lone(1);
    lone.work('x');
    lone.tick(12);
    t.deepEqual(lone.hear(viewChange(0, 1, bad), viewChange(2, 1, good)), [], 'two of three');
    t.deepEqual(lone.hear(viewChange(3, 1)).slice(0, 1), ['-> all: NewView view 1: of 1 2 3']);
  }
  const lone = new Lone(1);
  lone.work('x');
  lone.tick(12);
  lone.hear(viewChange(0, 5), viewChange(0, 1));
  t.deepEqual(lone.hear(viewChange(2, 1)), [], 'validator 0 asks for view 5 and no longer for view 1');
});

test('[V4] the primary of the new view opens it with exactly a quorum of ViewChanges, its own among them', (t) => {
  const lone = new Lone(1);
  t.deepEqual(lone.hear(viewChange(3, 1)), []);
  t.deepEqual(lone.hear(viewChange(2, 1)), [
    '-> all: ViewChange view 1: committed 0', // joins
    '-> all: NewView view 1: of 1 2 3',
  ]);
  t.deepEqual(lone.hear(viewChange(0, 1)), [], 'once');
  const other = new Lone(2);
  t.deepEqual(other.hear(viewChange(0, 1), viewChange(3, 1)), ['-> all: ViewChange view 1: committed 0']);
});

test('[V5] the highest commit is the base, and the highest prepared certificate after it fixes the next block', (t) => {
  const base = committed(a.digest, [0, 1, 2]);
  const next = blockOf('b', 0, a.digest, 2);
  const later = blockOf('c', 1, a.digest, 2);
  const choice = chooseFrom([
    viewChange(0, 4, { prepared: prepared(b.digest, [0, 1, 2], { view: 0 }) }),
    viewChange(1, 4, { committed: base, prepared: prepared(next.digest, [0, 1, 2], { view: 0, height: 2 }) }),
    viewChange(2, 4, { committed: base, prepared: prepared(later.digest, [1, 2, 3], { view: 1, height: 2 }) }),
  ]);
  t.true('base' in choice);
  if ('base' in choice) t.deepEqual([choice.base.height, nameOf(choice.fixed?.digest ?? a.digest)], [1, '1:c']);
  const empty = chooseFrom([viewChange(0, 4), viewChange(1, 4), viewChange(2, 4)]);
  t.true('base' in empty && empty.fixed === undefined && empty.base.height === 0);
  const split = chooseFrom([
    viewChange(1, 4, { committed: base }),
    viewChange(2, 4, { committed: committed(b.digest, [1, 2, 3]) }),
  ]);
  t.true('reason' in split, 'two certified blocks of one height are no choice');
});

test('[V6] a NewView is entered above the own view, and for the own view while changing, and repeated', (t) => {
  const lone = new Lone(3);
  lone.hear(opening(2));
  t.is(lone.mode, 'normal 2');
  lone.hear(opening(1));
  t.is(lone.mode, 'normal 2', 'never back');
  lone.work('x');
  lone.tick(24);
  t.is(lone.mode, 'changing 3');
  t.deepEqual(lone.hear(opening(2)), []);
  const own = new Lone(2);
  own.work('x');
  own.tick(12);
  own.hear(opening(1));
  t.is(own.mode, 'normal 1');
  t.deepEqual(own.hear(status(0)), ['-> 0: NewView view 1: of 0 1 2']);
});

test('[V6] a replica past base enters the view, and one behind base fetches', (t) => {
  const past = new Lone(3);
  past.hear(prePrepare(a), notice(a.digest));
  past.hear(opening(1, { prepared: prepared(a.digest, [0, 1, 2]) }));
  t.is(past.mode, 'normal 1');
  past.sent();
  past.hear(vote('prepare', 2, a.digest, { view: 1 }));
  t.deepEqual(
    past.sent().map((each) => each.type),
    ['committed'],
    'a vote for what it has is answered',
  );
  const behind = new Lone(3);
  const lines = behind.hear(opening(1, { committed: committed(a.digest, [0, 1, 2]) }));
  t.is(behind.mode, 'normal 1');
  t.deepEqual(lines, ['fetches from height 1, of 0 1 2']);
  t.deepEqual(behind.hear(prePrepare(blockOf('b', 1), { view: 1 })), [], 'nothing at or below base is voted on');
});

test('[V6] the certificate of a NewView’s base counts, though nobody serves the block', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a));
  const lines = lone.hear(opening(1, { committed: committed(a.digest, [0, 1, 2]) }));
  t.deepEqual(lines, ['commits height 1 0:a (view 0, signed by 0 1 2)']);
  const unsure = new Lone(3);
  unsure.hear(prePrepare(a));
  unsure.restart(); // it vouched for the block in an earlier life
  unsure.greet();
  t.deepEqual(unsure.hear(opening(1, { committed: committed(a.digest, [0, 1, 2]) })).slice(-1), lines);
});

test('[V7] the primary proposes the fixed block again, unchanged, without a look at clocks', (t) => {
  const lone = new Lone(1);
  lone.hear(prePrepare(a));
  lone.station.isClockWrong = true;
  const has = { prepared: prepared(a.digest, [0, 2, 3]) };
  t.deepEqual(lone.hear(viewChange(2, 1, has), viewChange(3, 1)), [
    '-> all: ViewChange view 1: committed 0',
    '-> all: NewView view 1: of 1 2 3',
    '-> all: PrePrepare view 1 height 1 0:a',
  ]);
  const backup = new Lone(3);
  backup.station.isClockWrong = true;
  backup.hear(opening(1, { prepared: prepared(a.digest, [0, 1, 2]) }));
  t.deepEqual(backup.hear(prePrepare(a, { view: 1 })), ['-> all: Prepare view 1 height 1 0:a']);
  const fresh = new Lone(3);
  fresh.station.isClockWrong = true;
  t.deepEqual(fresh.hear(prePrepare(a)), ['-> all: ViewChange view 1: committed 0'], 'a first proposal is looked at');
});

test('[V7] a body that the new primary lacks is fetched from the certificate’s signers, again and again', (t) => {
  const lone = new Lone(1);
  const has = { prepared: prepared(a.digest, [0, 2, 3]) };
  const lines = lone.hear(viewChange(2, 1, has), viewChange(3, 1));
  t.deepEqual(lines.slice(-1), ['fetches the body of 0:a, of 0 2 3']);
  t.deepEqual(lone.tick(3), [], 'not with every tick');
  t.deepEqual(lone.tick(1), ['fetches the body of 0:a, of 0 2 3']);
  lone.step({ type: 'body', height: 1, digest: a.digest, block: a.block });
  t.is(lone.station.durable.record.accepted, undefined, 'an answer that nobody waits for is nothing');
});

test('[V8] a NewView that contradicts the own committed chain is refused: the replica asks for the view after', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a), notice(a.digest));
  const lines = lone.hear(opening(1, { prepared: prepared(b.digest, [0, 1, 2]) }));
  t.deepEqual(lines, ['-> all: ViewChange view 2: committed 1']);
});

test('[V8] two commit certificates for different blocks of one height: it stops', (t) => {
  for (const isExecuted of [true, false]) {
    const lone = new Lone(3);
    if (isExecuted) lone.hear(prePrepare(a));
    lone.hear(notice(a.digest));
    t.deepEqual(lone.hear(notice(b.digest)), [
      'is silent: two blocks are certified at height 1',
      'stops: two blocks are certified at height 1',
    ]);
  }
  const fetching = new Lone(3);
  fetching.hear(notice(a.digest));
  t.deepEqual(
    fetching.step({ type: 'fetched', certificate: certificate(b.digest, [0, 1, 2]) }).slice(-1),
    ['stops: two blocks are certified at height 1'],
    'fetched ones too',
  );
  const lone = new Lone(3);
  const has = (digest: typeof a.digest) => ({ committed: committed(digest, [0, 1, 2]) });
  const lines = lone.hear(
    newView(1, [viewChange(0, 1, has(a.digest)), viewChange(1, 1, has(b.digest)), viewChange(2, 1)]),
  );
  t.deepEqual(lines.slice(-1), ['stops: two blocks are certified at height 1']);
  const committing = new Lone(3);
  committing.hear(prePrepare(a), notice(a.digest));
  t.deepEqual(
    committing.hear(opening(1, has(b.digest))).slice(-1),
    ['stops: two blocks are certified at height 1'],
    'a base that is another block than the one here',
  );
});

test('[V8] two prepared certificates of one view for different blocks: it stops', (t) => {
  const lone = new Lone(3);
  const has = (digest: typeof a.digest) => ({ prepared: prepared(digest, [0, 1, 2]) });
  const lines = lone.hear(
    newView(1, [viewChange(0, 1, has(a.digest)), viewChange(1, 1, has(b.digest)), viewChange(2, 1)]),
  );
  t.deepEqual(lines.slice(-1), ['stops: two blocks are prepared at height 1 in view 0']);
});

test('[T1] a fixed block drives the timer, though nothing waits and its primary does not propose it', (t) => {
  const lone = new Lone(3);
  const shown = viewChange(0, 1, { prepared: prepared(a.digest, [0, 1, 2]) });
  lone.hear(newView(1, [shown, viewChange(1, 1), viewChange(2, 1)]));
  t.is(lone.mode, 'normal 1');
  lone.tick(12);
  t.is(lone.mode, 'changing 2');
});

test('[V9] a commit certificate of a higher view, or of the one being changed to, lets a replica enter it', (t) => {
  const lone = new Lone(3);
  lone.hear(prePrepare(a), notice(a.digest, { view: 2 }));
  t.is(lone.mode, 'normal 2');
  t.is(lone.station.durable.record.view, 2, 'durably');
  const own = new Lone(3);
  own.hear(prePrepare(a));
  own.tick(12);
  t.is(own.mode, 'changing 1');
  own.hear(notice(a.digest, { view: 1 }));
  t.is(own.mode, 'normal 1');
  const next = blockOf('b', 1, a.digest, 2);
  t.deepEqual(own.hear(prePrepare(next, { view: 1, height: 2 })), ['-> all: Prepare view 1 height 2 1:b']);
});

test('[V10] a replica joins the (f+1)-th highest view among other validators’ ViewChanges', (t) => {
  const lone = new Lone(6, { validators: 7 });
  t.deepEqual(lone.hear(viewChange(0, 9), viewChange(1, 5)), [], 'f of them may lie');
  t.deepEqual(lone.hear(viewChange(2, 3)), ['-> all: ViewChange view 3: committed 0']);
  t.deepEqual(lone.hear(viewChange(3, 4)), ['-> all: ViewChange view 4: committed 0']);
});

test('[V10] ViewChanges that came before the replica votes are joined once it does', (t) => {
  const lone = new Lone(3, { silentStart: true });
  t.deepEqual(lone.hear(viewChange(1, 1), viewChange(2, 1)), []);
  t.deepEqual(lone.greet(), ['-> all: ViewChange view 1: committed 0']);
});

test('[T1] the progress timer runs while work waits or a block is open, and starts anew with a commit', (t) => {
  const lone = new Lone(3);
  t.deepEqual(lone.tick(500), [], 'an idle network runs no timers');
  lone.work('a');
  t.deepEqual(lone.tick(11), []);
  lone.hear(prePrepare(a), notice(a.digest));
  lone.work('b');
  t.deepEqual(lone.tick(11), []);
  t.deepEqual(lone.tick(1), ['-> all: ViewChange view 1: committed 1']);
  const open = new Lone(3);
  open.hear(prePrepare(a));
  t.deepEqual(open.tick(12).slice(-1), ['-> all: ViewChange view 1: committed 0'], 'an open block is work too');
});

test('[T2] the timer of the view being changed to starts when a quorum asks for it or for a higher one', (t) => {
  const lone = new Lone(3);
  lone.work('x');
  lone.tick(12);
  lone.hear(viewChange(2, 1));
  lone.tick(500);
  t.is(lone.mode, 'changing 1', 'two of three: f lying ones cannot hurry it on');
  lone.hear(viewChange(0, 7));
  lone.tick(11);
  t.is(lone.mode, 'changing 1');
  lone.tick(1);
  t.is(lone.mode, 'changing 2');
});

test('[T3] f failed views cost B each, then timeouts double up to 8 B, and are B again after a commit', (t) => {
  const lone = new Lone(6, { validators: 7 });
  lone.work('x');
  lone.hear(prePrepare(a));
  const timeouts = [1, 2, 3, 4, 5, 6, 7].map((view) => {
    let ticks = 0;
    for (; lone.mode !== `changing ${view}`; ticks++) lone.tick();
    lone.hear(...[0, 1, 2, 3].map((by) => viewChange(by, view)));
    return ticks;
  });
  t.deepEqual(timeouts, [12, 12, 12, 24, 48, 96, 96]);
  lone.hear({ type: 'committed', certificate: certificate(a.digest, [0, 1, 2, 3, 4], { view: 7 }) });
  lone.tick(11);
  t.is(lone.mode, 'normal 7');
  lone.tick();
  t.is(lone.mode, 'changing 8');
});

test('[T4] the oldest waiting transaction has a timer that commits of others do not restart', (t) => {
  const lone = new Lone(3, { timings: { proposalTimeoutTicks: 12, oldestTimeoutTicks: 20 } });
  lone.work('censored');
  lone.tick(10);
  lone.hear(prePrepare(a), notice(a.digest));
  lone.tick(9);
  t.is(lone.mode, 'normal 0', 'the primary serves others');
  lone.tick(1);
  t.is(lone.mode, 'changing 1');
});
