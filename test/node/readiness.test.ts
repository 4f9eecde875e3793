// What operators and clients read of a validator that is not ready, in the order in which the reasons are looked at.
import test from 'ava';
import type { ReplicaStatus } from '../../node/consensus/replica.ts';
import { clientRefusalOf, type Standing, unreadinessOf } from '../../node/readiness.ts';

const replica: ReplicaStatus = {
  ...{ epoch: 0, view: 3, mode: 'normal', primary: 3, height: 10, voice: 'voting', settled: true, bestHeight: 14 },
};
const ready: Standing = {
  ...{ replica, isSeated: true, connected: 3, quorum: 3, silence: undefined, awaits: undefined, isReadOnly: false },
};
const voiced = (voice: ReplicaStatus['voice'], more: Partial<Standing> = {}): Standing => {
  return { ...ready, ...more, replica: { ...replica, voice } };
};

test('a validator is ready with a quorum in reach, a voice, and at most four blocks to catch up', (t) => {
  t.is(unreadinessOf(ready), undefined);
});

for (const [standing, reason] of [
  [{ ...ready, isSeated: false, connected: 1 }, /^this node has no vote/],
  [voiced('silenced', { connected: 2 }), /^connected to 1 other validators; a quorum is 3/],
  [voiced('silenced', { silence: 'it forgot' }), /^this validator votes no more in this epoch: it forgot\. .*rotate/],
  [voiced('listening'), /^waiting until a quorum knows of this start/],
  // [E6] It has a vote and no voice, however near the end of its epoch is.
  [voiced('observing'), /^this epoch is over: it only follows until/],
  [voiced('following', { awaits: 12 }), /it votes again after block 12$/],
  [{ ...ready, isReadOnly: true, replica: { ...replica, bestHeight: 15 } }, /^catching up: height 10 of 15$/],
  [{ ...ready, isReadOnly: true }, /^read-only/],
] as const)
  test(`not ready, and says so: ${reason.source}`, (t) => {
    t.regex(unreadinessOf(standing) ?? '', reason);
  });

test('clients are refused on a full disk, before a voice, and where there is no vote', (t) => {
  const able = { voice: 'voting', isSeated: true, isReadOnly: false } as const;
  t.is(clientRefusalOf(able), undefined);
  t.is(clientRefusalOf({ ...able, voice: 'silenced' }), undefined, 'who is silenced passes on');
  t.is(clientRefusalOf({ voice: 'listening', isSeated: false, isReadOnly: true })?.code, 'read-only');
  t.regex(clientRefusalOf({ ...able, voice: 'listening', isSeated: false })?.detail ?? '', /not heard a quorum/);
  t.regex(clientRefusalOf({ ...able, isSeated: false })?.detail ?? '', /no validator now/);
});
