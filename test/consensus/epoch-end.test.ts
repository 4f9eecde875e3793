// The step in which a replica commits the last block of its epoch: what it must be able to do afterwards, and what it
// must not do any more.
import test from 'ava';
import type { Effect, Event, NextEpoch, Verified } from '../../node/consensus/events.ts';
import type { Message } from '../../node/consensus/messages.ts';
import { firstRecord } from '../../node/consensus/record.ts';
import { Replica } from '../../node/consensus/replica.ts';
import { chainId, genesis, signAs } from './_chain.ts';
import { shortTimings } from './_cluster.ts';
import { blockOf, committed, prePrepare, status, viewChange, vote } from './_forge.ts';
import { effectWords } from './_words.ts';

const a = blockOf('a');
const next: NextEpoch = { validators: 4, self: 3, rekeyed: false };

function replicaOf(awaits?: number, sign = signAs(3)) {
  const parts = { self: 3, validators: 4, chainId, timings: shortTimings, head: genesis, bodies: new Map(), sign };
  const replica = new Replica({ ...parts, record: firstRecord(), awaits });
  const take = (effects: readonly Effect[]): string[] =>
    effects.flatMap((effect) => {
      const words = effectWords(effect);
      const lines = words === undefined ? [] : [words];
      if (effect.type !== 'validate') return lines;
      const { epoch, view, height, digest } = effect;
      return [...lines, ...take(replica.step({ type: 'verdict', epoch, view, height, digest, valid: true, next }))];
    });
  const step = (event: Event) => take(replica.step(event));
  const hear = (...messages: Message[]) =>
    messages.flatMap((message) => step({ type: 'message', message: message as Verified<Message> }));
  const tick = (ticks: number) => Array.from({ length: ticks }, () => step({ type: 'tick' })).flat();
  take(replica.start());
  return { replica, step, hear, tick };
}

for (const isAhead of [false, true])
  test(`[C2, E7] who finds its voice and ends its epoch in one step can fetch in the next one (${isAhead})`, (t) => {
    const one = replicaOf();
    // It listens. The epoch's last block and its Commits arrive; then validator 0 is in the next epoch already, ahead.
    one.hear(prePrepare(a), ...[0, 1, 2].map((by) => vote('commit', by, a.digest)));
    if (isAhead) one.hear(status(0, { epoch: 1, height: 2 }));
    // Statuses of 1 and 2 that were sent before they committed it give the voice.
    t.deepEqual(one.hear(status(1), status(2)), ['commits height 1 0:a (view 0, signed by 0 1 2)']);
    t.like(one.replica.status(), { epoch: 1, height: 1, voice: 'voting' });
    // The others are at height 9 of the new epoch.
    for (const by of [0, 1, 2]) one.hear(status(by, { epoch: 1, height: 9 }));
    const lines = one.tick(200);
    t.true(
      lines.some((line) => line.startsWith('fetches from height 2')),
      'it fetches what it misses',
    );
  });

test('[R4, C2] who awaited the last block of an epoch can fetch in the next one', (t) => {
  const one = replicaOf(1);
  one.hear(status(1), status(2));
  t.is(one.replica.status().voice, 'following');
  one.hear(status(0, { epoch: 1, height: 2 }));
  one.hear(prePrepare(a), ...[0, 1, 2].map((by) => vote('commit', by, a.digest)));
  t.like(one.replica.status(), { epoch: 1, height: 1, voice: 'listening' });
  const lines = one.hear(...[0, 1, 2].map((by) => status(by, { epoch: 1, height: 9 })));
  t.like(one.replica.status(), { epoch: 1, height: 1, voice: 'voting' });
  t.true(
    [...lines, ...one.tick(200)].some((line) => line.startsWith('fetches from height 2')),
    'it fetches what it misses',
  );
});

test('[E3] nothing is signed in an epoch after the block that ends it', (t) => {
  let signed = 0;
  const one = replicaOf(undefined, (message) => {
    signed += 1;
    return signAs(3)(message);
  });
  one.hear(status(0), status(1), prePrepare(a), viewChange(0, 1));
  const before = signed;
  one.hear(viewChange(1, 1, { committed: committed(a.digest, [0, 1, 2]) }));
  t.is(one.replica.status().epoch, 1);
  t.is(signed, before);
});

test('[E3] who would open the next view of an epoch that ends with a ViewChange signs no NewView', (t) => {
  let signed = 0;
  const one = replicaOf(undefined, (message) => {
    signed += 1;
    return signAs(3)(message);
  });
  one.hear(status(0), status(1), prePrepare(a), viewChange(0, 3), viewChange(1, 7));
  t.is(one.replica.status().view, 3, 'it asks for the view that it leads');
  const before = signed;
  one.hear(viewChange(2, 3, { committed: committed(a.digest, [0, 1, 2]) }));
  t.is(one.replica.status().epoch, 1);
  t.is(signed, before);
});
