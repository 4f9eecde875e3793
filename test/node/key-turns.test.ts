// Under which of its keys a validator speaks while it hears no quorum: those who need each other must meet, whenever
// each began, and whoever is known by a key of no epoch here must come to it.
import test from 'ava';
import { type HeldKeys, KeyTurns } from '../../node/key-turns.ts';

const ticksOfATurn = 90;

interface Speaker {
  readonly turns: KeyTurns;
  readonly held: HeldKeys;
}

const speaker = (id: string, held: HeldKeys): Speaker => ({ turns: new KeyTurns(id), held });
const keyOf = ({ turns, held }: Speaker) => turns.keyOf(held) ?? '';
const tick = ({ turns, held }: Speaker, isConnected = false, validators = 4) =>
  turns.tick(
    () => held,
    validators,
    () => isConnected,
  );

test('[E8] with one key there is no other turn', (t) => {
  const one = speaker('a', { named: ['own'], others: [] });
  for (let i = 0; i < 10_000; i++) t.false(tick(one, i % 2 === 0));
  t.is(keyOf(one), 'own');
});

test('[E8] the former key and the present one take turns, from 60 ticks to 89', (t) => {
  const one = speaker('a', { named: ['former', 'own'], others: [] });
  const [seen, lengths]: [string[], number[]] = [[keyOf(one)], []];
  for (let last = 0, i = 1; i <= 2_000; i++) {
    if (!tick(one, true)) continue;
    seen.push(keyOf(one));
    lengths.push(i - last);
    last = i;
  }
  t.deepEqual(seen.slice(0, 4), ['former', 'own', 'former', 'own']);
  t.true(lengths.every((each) => each >= 60 && each < ticksOfATurn));
  t.true(new Set(lengths).size > 5);
});

test('[E8] two that need each other under unlike keys do not stay in step', (t) => {
  for (let pair = 0; pair < 200; pair++) {
    // One is an epoch ahead: the other admits its former key alone, and is admitted under its own alone.
    const ahead = speaker(`a ${pair}`, { named: ['former', 'own'], others: [] });
    const behind = speaker(`b ${pair}`, { named: ['former', 'own'], others: [] });
    let together = 0;
    let ticks = 0;
    for (; together < 20 && ticks < 40 * ticksOfATurn; ticks++) {
      tick(ahead);
      tick(behind);
      together = keyOf(ahead) === 'former' && keyOf(behind) === 'own' ? together + 1 : 0;
    }
    t.true(together === 20, `pair ${pair} never meets for a second`);
  }
});

test('[E8] any two that are alone meet, whenever each began', (t) => {
  for (let offset = 0; offset < 300; offset += 7) {
    const pair = ['a', 'b'].map((id) => speaker(id, { named: ['own'], others: ['next'] }));
    for (let i = 0; i < offset; i++) tick(pair[0] as Speaker);
    let [together, ticks] = [0, 0];
    for (; together < 40; ticks++) {
      for (const each of pair) tick(each);
      together = pair.every((each) => keyOf(each) === 'own') ? together + 1 : 0;
      if (ticks > 3 * ticksOfATurn) return t.fail(`not within ${ticks} ticks with an offset of ${offset}`);
    }
  }
  t.pass();
});

for (const n of [4, 100])
  test(`[E8] a quorum of ${n} that holds further keys is there at once most of the time`, (t) => {
    const quorum = Array.from({ length: Math.floor((2 * n) / 3) + 1 }, (_, i) =>
      speaker(`v ${i}`, { named: ['own'], others: ['next', 'after'] }),
    );
    // Nobody else knows the further keys.
    const inside = (each: Speaker) => tick(each, keyOf(each) === 'own', n);
    for (const [i, each] of quorum.entries()) for (let k = 0; k < (i * 37) % 5_000; k++) inside(each);
    let [there, all] = [0, 0];
    for (let i = 0; i < 40_000; i++) {
      for (const each of quorum) inside(each);
      all += 1;
      if (quorum.every((each) => keyOf(each) === 'own')) there += 1;
    }
    t.true(there / all > 0.7, `${there} of ${all} ticks`);
  });

test('[E8] who is known by a key of no epoch here comes to it, and stays while it is of use', (t) => {
  const one = speaker('a', { named: ['former', 'own'], others: ['next', 'after'] });
  let ticks = 0;
  while (keyOf(one) !== 'after' && ticks < 20 * ticksOfATurn) {
    tick(one);
    ticks += 1;
  }
  t.true(ticks <= 11 * ticksOfATurn, `${ticks} ticks`);
  for (let i = 0; i < 7 * 60; i++) tick(one, true);
  t.is(keyOf(one), 'after');
  // A liar that stays connected under it does not keep it there.
  for (let i = 0; i < 2 * ticksOfATurn; i++) tick(one, true);
  t.is(keyOf(one), 'former');
});

test('[E8] a liar that is connected delays the turn of another key, and does not prevent it', (t) => {
  const one = speaker('a', { named: ['own'], others: ['next'] });
  let ticks = 0;
  while (keyOf(one) === 'own' && ticks < 20 * ticksOfATurn) {
    tick(one, true);
    ticks += 1;
  }
  t.true(ticks > 16 * 60 && ticks < 17 * ticksOfATurn, `${ticks} ticks`);
});

test('[E8] another epoch leaves the key that has brought it there', (t) => {
  const turns = new KeyTurns('a');
  const before = { named: ['own'], others: ['next'] };
  for (let i = 0; turns.keyOf(before) !== 'next' && i < 1_000; i++)
    turns.tick(
      () => before,
      4,
      () => false,
    );
  turns.renew();
  t.is(turns.keyOf(before), 'next');
  turns.renew();
  t.is(turns.keyOf({ named: ['own', 'next'], others: [] }), 'next');
  turns.settle('next');
  t.is(turns.keyOf({ named: ['next', 'later'], others: [] }), 'next');
  t.is(turns.keyOf({ named: ['later'], others: [] }), 'later', 'a key that is held no more has no turn');
});

test('[E8] where no epoch names a key of its own, those that it holds take turns', (t) => {
  const one = speaker('a', { named: [], others: ['first', 'second'] });
  const seen = new Set<string>();
  for (let i = 0; i < 1_000; i++) {
    tick(one);
    seen.add(keyOf(one));
  }
  t.deepEqual([...seen].sort(), ['first', 'second']);
  t.is(new KeyTurns('a').keyOf({ named: [], others: [] }), undefined);
});
