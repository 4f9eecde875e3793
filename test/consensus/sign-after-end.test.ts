import test from 'ava';
import type { Effect, Event, NextEpoch, Verified } from '../../node/consensus/events.ts';
import type { Message } from '../../node/consensus/messages.ts';
import { firstRecord } from '../../node/consensus/record.ts';
import { Replica } from '../../node/consensus/replica.ts';
import { chainId, genesis, signAs } from './_chain.ts';
import { shortTimings } from './_cluster.ts';
import { blockOf, committed, prePrepare, status, viewChange } from './_forge.ts';

const a = blockOf('a');
const next: NextEpoch = { validators: 4, self: 3, rekeyed: false };

test('[E3] nothing is signed in an epoch after the block that ends it', (t) => {
  let signed = 0;
  const sign = (message: Uint8Array) => {
    signed += 1;
    return signAs(3)(message);
  };
  const parts = { self: 3, validators: 4, chainId, timings: shortTimings, head: genesis, bodies: new Map(), sign };
  const replica = new Replica({ ...parts, record: firstRecord() });
  const take = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      if (effect.type !== 'validate') continue;
      const { epoch, view, height, digest } = effect;
      step({ type: 'verdict', epoch, view, height, digest, valid: true, next });
    }
  };
  const step = (event: Event) => take(replica.step(event));
  const hear = (...messages: Message[]) => {
    for (const message of messages) step({ type: 'message', message: message as Verified<Message> });
  };
  take(replica.start());
  hear(status(0), status(1), prePrepare(a), viewChange(0, 1));
  const before = signed;
  hear(viewChange(1, 1, { committed: committed(a.digest, [0, 1, 2]) }));
  t.is(replica.status().epoch, 1);
  t.is(signed, before);
});
