import test from 'ava';
import { viewChangePosition } from '../../node/consensus/messages.ts';
import { blockOf, committed, status, viewChange } from './_forge.ts';
import { Lone } from './_lone.ts';

const a = blockOf('a');

test('[R3] a ViewChange of its key for its view, with another content than its own, silences a replica', (t) => {
  const lone = new Lone(3);
  lone.work('x');
  lone.tick(12); // asks for view 1 with nothing committed
  t.is(lone.mode, 'changing 1');
  // Another process under this key asked for view 1 after it had committed a block.
  const other = viewChange(3, 1, { committed: committed(a.digest, [0, 1, 2]) });
  const { signature, validator } = other;
  const heard = { kind: 'view-change' as const, ...viewChangePosition(other), validator, signature };
  const lines = lone.hear(status(0, { heard }));
  t.regex(lines.join('\n'), /is silent/);
});
