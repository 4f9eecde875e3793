// One test a rule of docs/consensus.md: changes of the validator set. The replica alone, its driver's duties by hand.
import test from 'ava';
import type { Effect, Event, NextEpoch, Verified } from '../../node/consensus/events.ts';
import type { Message } from '../../node/consensus/messages.ts';
import { firstRecord, type VoteRecord } from '../../node/consensus/record.ts';
import { Replica } from '../../node/consensus/replica.ts';
import { viewChangeProblem } from '../../node/network/message-checks.ts';
import { chainId, genesis, jurisdictionOf, signAs } from './_chain.ts';
import { shortTimings } from './_cluster.ts';
import { blockOf, certificate, committed, notice, prePrepare, status, viewChange, vote } from './_forge.ts';
import { effectWords } from './_words.ts';

const a = blockOf('a');
const b = blockOf('b', 0, a.digest, 2);
const same: NextEpoch = { validators: 5, self: 3, rekeyed: false };

/** Finds every block good; what ends an epoch is said by `ends`. */
class One {
  readonly replica: Replica;
  readonly effects: Effect[] = [];
  ends: NextEpoch | undefined = same;

  constructor(options: { self?: number; record?: VoteRecord; greeted?: boolean } = {}) {
    const { self = 3, record = firstRecord(), greeted = true } = options;
    const sign = signAs(3);
    const parts = { self, validators: 4, chainId, timings: shortTimings, head: genesis, bodies: new Map(), sign };
    this.replica = new Replica({ ...parts, record });
    this.#take(this.replica.start());
    if (greeted) this.hear(status(0), status(1));
  }

  get record(): VoteRecord | undefined {
    return this.effects
      .flatMap((each) => (each.type === 'commit' || each.type === 'persist' ? [each.record] : []))
      .at(-1);
  }

  get voice(): string {
    return this.replica.status().voice;
  }

  /** Lines of what it does, statuses left out. */
  hear(...messages: readonly Message[]): string[] {
    return messages.flatMap((message) => this.step({ type: 'message', message: message as Verified<Message> }));
  }

  step(event: Event): string[] {
    return this.#take(this.replica.step(event));
  }

  tick(ticks: number): string[] {
    return Array.from({ length: ticks }, () => this.step({ type: 'tick' })).flat();
  }

  #take(effects: readonly Effect[]): string[] {
    const lines: string[] = [];
    for (const effect of effects) {
      this.effects.push(effect);
      const words = effectWords(effect);
      if (words !== undefined) lines.push(words);
      if (effect.type !== 'validate') continue;
      const { epoch, view, height, digest } = effect;
      lines.push(...this.step({ type: 'verdict', epoch, view, height, digest, valid: true, next: this.ends }));
    }
    return lines;
  }

  /** The last block of epoch 0, by votes. */
  end(): string[] {
    return this.hear(prePrepare(a), ...[0, 1, 2].map((by) => vote('commit', by, a.digest)));
  }
}

test('[E1] after the block that names another set comes view 0 of the next epoch, whose votes are counted', (t) => {
  const one = new One();
  t.deepEqual(one.end(), ['-> all: Prepare view 0 height 1 0:a', 'commits height 1 0:a (view 0, signed by 0 1 2)']);
  t.like(one.replica.status(), { epoch: 1, view: 0, mode: 'normal', height: 1, voice: 'voting' });
  one.ends = undefined;
  const at = { epoch: 1, height: 2 };
  t.deepEqual(one.hear(prePrepare(b, at, 0)), ['-> all: Prepare view 0 height 2 0:b']);
  const commits = [0, 1, 2, 4].map((by) => vote('commit', by, b.digest, at));
  t.deepEqual(one.hear(...commits.slice(0, 3)), [], 'four of five are a quorum');
  t.deepEqual(one.hear(...commits.slice(3)), ['commits height 2 0:b (view 0, signed by 0 1 2 4)']);
});

test('[E3] the commit of the last block begins an empty record, and nothing goes over into the next epoch', (t) => {
  const one = new One();
  one.hear(viewChange(0, 3), vote('commit', 1, b.digest, { height: 2 }), prePrepare(b, { height: 2 }));
  one.end();
  t.deepEqual(one.record, firstRecord(2, 1));
  t.deepEqual(one.hear({ ...viewChange(1, 3), epoch: 1 }), [], 'one of this epoch alone makes nobody join');
  const commit = one.effects.findIndex(({ type }) => type === 'commit');
  const after = one.effects.slice(commit + 1).map((each) => effectWords(each));
  t.deepEqual(
    after.filter((each) => each !== undefined),
    [],
    'an early proposal of the old epoch is no proposal',
  );
});

test('[T1, E3] what waits over the end of an epoch drives the timers of the next one', (t) => {
  for (const round of [{ oldest: 'x' }, { oldest: undefined, accused: 'y' }]) {
    const one = new One();
    one.step({ type: 'work', waiting: true, ...round });
    one.end();
    one.hear({ ...status(0), epoch: 1 } as Message, { ...status(1), epoch: 1 } as Message);
    t.is(one.replica.status().epoch, 1);
    t.true(one.tick(13).some((line) => line.includes('-> all: ViewChange view 1')));
  }
});

test('[A4, E3] evidence that the end of an epoch brings is not lost with the epoch', (t) => {
  const one = new One();
  one.hear(prePrepare(a), vote('commit', 1, b.digest));
  const lines = one.hear(notice(a.digest));
  t.is(one.replica.status().epoch, 1);
  t.is(lines.filter((line) => line.startsWith('has evidence against 1')).length, 1, lines.join('\n'));
});

test('[E3] a last block that was only prepared is carried over by a view change, and ends the epoch then', (t) => {
  const one = new One();
  one.hear(prePrepare(a), vote('prepare', 1, a.digest), vote('prepare', 2, a.digest));
  const asked = one.tick(13).filter((line) => line.includes('ViewChange'));
  t.deepEqual(asked, ['-> all: ViewChange view 1: committed 0, prepared 0:a in view 0']);
  t.is(one.replica.status().epoch, 0);
  t.deepEqual(one.hear(notice(a.digest, { view: 1 })), ['commits height 1 0:a (view 1, signed by 0 1 2)']);
  t.like(one.replica.status(), { epoch: 1, view: 0, mode: 'normal' });
});

test('[E4] the base of an epoch needs no certificate in a ViewChange, and nothing reaches below it', (t) => {
  const one = new One();
  one.end();
  one.step({ type: 'work', waiting: true, oldest: 'x' });
  t.true(one.tick(12).includes('-> all: ViewChange view 1: committed 1'));
  const own = one.effects.map((each) => (each.type === 'broadcast' ? each.message : undefined)).at(-1);
  const under = { ...jurisdictionOf(4), epoch: 1, base: { height: 1, digest: a.digest } };
  t.true(own?.type === 'view-change' && own.committed.certificate === undefined);
  t.is(own?.type === 'view-change' ? viewChangeProblem(own, under) : 'none', undefined);
  const proved = { ...viewChange(1, 1, { committed: committed(a.digest, [0, 1, 2]) }), epoch: 1 };
  t.regex(viewChangeProblem(proved, under) ?? '', /a certificate for height 1/);
  t.regex(viewChangeProblem({ ...viewChange(1, 1), epoch: 1 }, under) ?? '', /of an epoch before/);
});

test('[E5] a message of another epoch is never counted; a status of a later one makes a replica ask', (t) => {
  const one = new One();
  t.deepEqual(one.hear(prePrepare(a, { epoch: 1 }), viewChange(1, 5), { ...viewChange(2, 5), epoch: 1 }), []);
  t.is(one.hear(status(2, { epoch: 3, height: 9 })).length, 0);
  t.true(one.tick(4).includes('fetches from height 1, of 2'));
  t.is(one.replica.status().bestHeight, 0, 'one alone is not believed');
  one.hear(status(1, { epoch: 3, height: 7 }));
  t.is(one.replica.status().bestHeight, 7);
});

test('[E6] who is shown the end of its epoch before it has a voice follows, and listens in the next one', (t) => {
  const one = new One({ greeted: false });
  const shown = { ...notice(b.digest, { height: 2 }), header: new Uint8Array(1) };
  one.hear(status(1, { height: 2, epoch: 1 }));
  t.deepEqual(one.tick(4), [], 'a word is not enough');
  one.hear(shown);
  t.is(one.voice, 'observing');
  t.true(one.tick(4).some((line) => line.startsWith('fetches from height 1')));
  const fetched = (digest: typeof a.digest, height: number, next?: NextEpoch) =>
    one.step({ type: 'fetched', certificate: certificate(digest, [0, 1, 2], { height }), next });
  fetched(a.digest, 1);
  t.is(one.voice, 'observing');
  fetched(b.digest, 2, same);
  t.like(one.replica.status(), { epoch: 1, height: 2, voice: 'listening' });
});

test('[E7] who votes goes on at once under the same key; a silenced one comes back under a rotated key alone', (t) => {
  const heard = { ...vote('commit', 3, b.digest, { height: 7 }), kind: 'commit' as const };
  const voices = [
    [false, false, 'voting'],
    [false, true, 'listening'],
    [true, false, 'silenced'],
    [true, true, 'listening'],
  ] as const;
  for (const [isSilenced, rekeyed, voice] of voices) {
    const one = new One();
    one.ends = { ...same, rekeyed };
    if (isSilenced) one.hear(status(0, { heard }));
    one.end();
    t.is(one.voice, voice);
    t.is(one.record?.silenced !== undefined, voice === 'silenced', 'and its record says so');
  }
});

test('[E8] who has no vote is told statuses, fetches and commits, and says nothing', (t) => {
  const one = new One({ self: -1, greeted: false });
  one.hear(status(0, { height: 1 }), status(1, { height: 1 }), status(2, { height: 1 }));
  t.is(one.voice, 'observing');
  t.true(one.tick(4).includes('fetches from height 1, of 0 1 2'));
  one.step({ type: 'fetched', certificate: certificate(a.digest, [0, 1, 2]), next: same });
  t.is(one.voice, 'listening', 'its first epoch with a vote');
  t.false(one.effects.some(({ type }) => ['send', 'broadcast', 'announce'].includes(type)));
  const voter = new One();
  voter.tick(1);
  t.true(voter.effects.some(({ type }) => type === 'announce'));
  voter.ends = { ...same, self: -1 };
  voter.end();
  t.is(voter.voice, 'observing', 'removed');
  t.false(voter.replica.status().settled);
  voter.hear(...[0, 1, 2, 4].map((by) => status(by, { epoch: 1, height: 1 })));
  t.true(voter.replica.status().settled, 'a quorum of the new set has what it left with');
});
