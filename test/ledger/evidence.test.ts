// Which pairs of signed statements are evidence, which an honest validator may sign, and what is wrong with evidence
// that proves nothing.
import test from 'ava';
import {
  contradict,
  type Evidence,
  evidenceOf,
  evidenceProblem,
  evidenceSchema,
  type Place,
  type Statement,
  type VoteEvidence,
} from '../../node/ledger/evidence.ts';
import { type Digest, digestOf, sha256 } from '../../node/ledger/hash.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import type { VoteKind } from '../../node/ledger/vote.ts';
import { chainId, genesis, signedBy } from './_example-chain.ts';

const digests = new Map(['a', 'b'].map((name) => [name, digestOf(sha256(new TextEncoder().encode(name)))]));

/** 'prepare 2/5 a' is a Prepare of view 2 at height 5. */
function place(text: string): Place {
  const [, kind = '', view, height, name = ''] = /^(\S+) (\d+)\/(\d+) (\w)$/.exec(text) ?? [];
  return { kind: kind as VoteKind, view: Number(view), height: Number(height), digest: digests.get(name) as Digest };
}

const guilty: readonly (readonly [string, string, why: string])[] = [
  ['pre-prepare 2/5 a', 'pre-prepare 2/5 b', 'two proposals'],
  ['prepare 2/5 a', 'prepare 2/5 b', 'two Prepares'],
  ['commit 2/5 a', 'commit 2/5 b', 'two Commits'],
  ['pre-prepare 2/5 a', 'prepare 2/5 b', 'a primary that prepares another block than its own'],
  ['pre-prepare 2/5 a', 'commit 2/5 b', 'a primary that commits to another block than its own'],
  ['prepare 2/5 a', 'commit 2/5 b', 'a Commit for what it did not prepare'],
  ['view-change 3/4 a', 'view-change 3/4 b', 'two ViewChanges for one view'],
  ['view-change 3/4 a', 'view-change 3/5 b', 'two ViewChanges for one view, of two heights'],
  ['new-view 3/4 a', 'new-view 3/4 b', 'two NewViews for one view'],
  ['new-view 3/4 a', 'new-view 3/5 b', 'two NewViews for one view, of two heights'],
  ['prepare 2/6 a', 'view-change 3/4 a', 'a vote in a view that it had left, at a height that was not open before'],
  ['commit 0/9 a', 'view-change 3/4 a', 'the same, some views later'],
  ['view-change 3/5 a', 'prepare 3/5 a', 'a vote at a height that its ViewChange for this view says is committed'],
  ['view-change 3/5 a', 'pre-prepare 3/2 a', 'the same, further below'],
  ['view-change 3/5 a', 'view-change 4/4 b', 'heights that go back from view to view'],
  ['prepare 2/6 a', 'prepare 3/5 b', 'a vote in a lower view at a higher height'],
  ['pre-prepare 2/6 a', 'commit 3/5 b', 'the same of two kinds'],
  ['view-change 3/5 a', 'prepare 4/5 b', 'a vote in a later view at a height that is committed'],
];

const innocent: readonly (readonly [string, string, why: string])[] = [
  ['prepare 2/5 a', 'prepare 2/5 a', 'the same message again'],
  ['pre-prepare 2/5 a', 'prepare 2/5 a', 'both words of a proposal: wrong, but no contradiction'],
  ['prepare 2/5 a', 'commit 2/5 a', 'a Prepare and its Commit'],
  ['prepare 2/5 a', 'prepare 2/6 b', 'the next height of one view'],
  ['commit 2/5 a', 'prepare 2/6 b', 'the next height of one view, of two kinds'],
  ['prepare 2/5 a', 'prepare 3/5 b', 'another block in a later view: the first was not committed'],
  ['commit 2/5 a', 'commit 3/5 b', 'the same after a Commit that no quorum joined'],
  ['prepare 2/5 a', 'view-change 3/4 b', 'a ViewChange while a block is open'],
  ['prepare 2/5 a', 'view-change 3/5 b', 'a ViewChange after the block is committed'],
  ['view-change 3/4 a', 'prepare 3/5 b', 'a vote in the view that it asked for'],
  ['view-change 3/4 a', 'pre-prepare 3/9 b', 'the same, some heights later'],
  ['view-change 3/4 a', 'view-change 4/4 b', 'a view that failed'],
  ['view-change 3/4 a', 'view-change 5/6 b', 'a later view at a later height'],
  ['view-change 3/4 a', 'new-view 3/4 b', 'a primary that opens the view it asked for'],
  ['view-change 3/4 a', 'new-view 3/7 b', 'a primary that is behind the others in its NewView'],
  ['new-view 3/7 a', 'prepare 3/5 b', 'a NewView names the height of others'],
  ['new-view 3/7 a', 'view-change 4/5 b', 'the same'],
  ['new-view 3/7 a', 'pre-prepare 5/5 b', 'the same'],
];

test('[A1] what no honest validator signs together contradicts, whichever is named first', (t) => {
  for (const [one, other, why] of guilty) {
    t.true(contradict(place(one), place(other)), why);
    t.true(contradict(place(other), place(one)), `${why}, the other way round`);
  }
});

test('[A1] what an honest validator may sign together is no contradiction', (t) => {
  for (const [one, other, why] of innocent) {
    t.false(contradict(place(one), place(other)), why);
    t.false(contradict(place(other), place(one)), `${why}, the other way round`);
  }
});

function statement(text: string, validator = 3, epoch = 0): Statement {
  const at = place(text);
  return { ...at, signature: signedBy(validator, at.kind, { epoch, ...at }).signature };
}

function evidence(one = 'prepare 2/5 a', other = 'prepare 2/5 b'): VoteEvidence {
  return evidenceOf(0, 3, statement(one), statement(other));
}

const problem = (each: Evidence) => evidenceProblem(each, chainId, genesis.validators);

test('[A2] evidence holds for each contradiction, and has one form whichever statement came first', (t) => {
  for (const [one, other, why] of guilty) {
    t.is(problem(evidence(one, other)), undefined, why);
    t.deepEqual(encodeAs(evidenceSchema, evidence(one, other)), encodeAs(evidenceSchema, evidence(other, one)), why);
    t.deepEqual(decodeAs(evidenceSchema, encodeAs(evidenceSchema, evidence(one, other))), evidence(one, other));
  }
});

test('[A2] evidence that proves nothing is refused', (t) => {
  const good = evidence();
  const [first, second] = [good.first, good.second];
  for (const [one, other, why] of innocent)
    t.is(problem(evidence(one, other)), 'an honest validator may sign both', why);
  const bad: readonly (readonly [Evidence, RegExp, string])[] = [
    [{ ...good, first: second, second: first }, /not in order/, 'in the other order'],
    [{ ...good, validator: 2 }, /validator-3 does not verify/, 'against another validator'],
    [{ ...good, validator: 4 }, /no validator 4/, 'against nobody'],
    [{ ...good, epoch: 1 }, /does not verify/, 'of another epoch'],
    [{ ...good, first: { ...first, signature: second.signature } }, /does not verify/, 'one signature twice'],
    [{ ...good, second: { ...second, view: 3, height: 4 } }, /does not verify/, 'a field that was not signed'],
    [{ ...good, second: { ...second, kind: 'commit' } }, /does not verify/, 'a kind that was not signed'],
    [evidenceOf(0, 3, statement('prepare 2/5 a'), statement('prepare 2/5 b', 2)), /does not verify/, 'two signers'],
    [evidenceOf(0, 3, statement('prepare 2/5 a'), statement('prepare 2/5 b', 3, 1)), /not verify/, 'two epochs'],
  ];
  for (const [each, why, name] of bad) t.regex(problem(each) ?? '', why, name);
  t.regex(evidenceProblem(good, sha256(chainId), genesis.validators) ?? '', /does not verify/, 'of another chain');
});
