import test from 'ava';
import { Timeline } from './timeline.ts';

test('what follows from a promise happens before time goes on', async (t) => {
  const timeline = new Timeline();
  const seen: string[] = [];
  timeline.at(1, () => {
    timeline.unsettle();
    let chain = Promise.resolve();
    for (let i = 0; i < 20; i++) chain = chain.then(() => void seen.push(`${timeline.now}`));
  });
  timeline.at(2, () => void seen.push('next'));
  await timeline.run(3);
  t.deepEqual(seen, [...Array.from({ length: 20 }, () => '1'), 'next']);
});

// Node notices there, and nowhere else, a rejection that nobody handles and a parent that has gone.
test('the event loop comes round within a run', async (t) => {
  const timeline = new Timeline();
  let isRound = false;
  let events = 0;
  setImmediate(() => {
    isRound = true;
  });
  const next = () => {
    timeline.unsettle();
    events += 1;
    if (!isRound && events < 1_000) timeline.after(1, next);
  };
  next();
  await timeline.run(10_000);
  t.true(isRound);
});
