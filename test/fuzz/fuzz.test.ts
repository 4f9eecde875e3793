// A short run of every fuzz target with a fixed seed, and everything that longer runs (`npm run fuzz`) have found.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { prng } from '../_prng.ts';
import { attempt, fuzz } from './engine.ts';
import { parseFound } from './found.ts';
import { mutate } from './mutate.ts';
import { targets } from './targets.ts';

const seed = 1;
const runs = 150;
/** Each input costs a socket, a file or a round of consensus. */
const slowRuns = 40;
const foundFolder = join(import.meta.dirname, '../../../test/fuzz/found');

for (const target of targets) {
  test.serial(`any bytes are answered and refused with reason: ${target.name}`, async (t) => {
    const budget = { runs: target.isSlow === true ? slowRuns : runs };
    const { finding, answers } = await fuzz(target, seed, prng(seed), budget);
    t.is(finding && `${finding.problem}\n${Buffer.from(finding.input).toString('base64')}`, undefined);
    t.true(answers > 0);
  });
}

for (const file of existsSync(foundFolder) ? readdirSync(foundFolder).sort() : []) {
  const { target: name, story, input } = parseFound(readFileSync(join(foundFolder, file), 'utf8'));
  test.serial(`found by fuzzing: ${name}: ${story}`, async (t) => {
    const target = targets.find((each) => each.name === name);
    if (target === undefined) return t.fail(`no target ${name}`);
    const open = await target.open();
    t.teardown(async () => open.close?.());
    t.is((await attempt(open, input, target)).problem, undefined);
  });
}

test('the fuzzer reaches every kind of wrong, and the same from the same seed', (t) => {
  const good = Uint8Array.from(Buffer.from('830143810118', 'hex'));
  const make = () => {
    const options = { random: prng(seed), kind: 'cbor', lengthMax: 10_000 } as const;
    return Array.from({ length: 3_000 }, () => Buffer.from(mutate([good], options)).toString('hex'));
  };
  const made = make();
  t.deepEqual(make(), made);
  const has = (pattern: RegExp) =>
    t.true(
      made.some((each) => pattern.test(each)),
      String(pattern),
    );
  has(/^83/);
  has(/^9b/); // a length of eight bytes
  has(/f97e00|f6|a0/); // strangers
  has(/(81){100}/); // nested deep
  has(/1bffffffffffffffff/);
  t.true(new Set(made).size > 1_500);
});

test('what is wrong with a target is found and made small', async (t) => {
  const faulty = {
    name: 'faulty',
    kind: 'bytes',
    open: async () => ({
      seeds: [new Uint8Array(200).fill(7)],
      run(input: Uint8Array) {
        if (input.includes(0xff)) throw new RangeError('a bug');
        return 'fine';
      },
    }),
  } as const;
  const { finding } = await fuzz(faulty, seed, prng(seed), { runs: 5_000 });
  t.regex(finding?.problem ?? '', /a bug/);
  t.deepEqual([...(finding?.input ?? [])], [0xff]);
});
