// A short run of the real thing: four processes, the primary killed, a link cut, everything healed and judged. The long
// versions are behind `npm run chaos`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parseOptions } from './options.ts';
import { Samples } from './samples.ts';
import { runScenario, type Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';

const short: Scenario = {
  name: 'short',
  says: 'the primary is killed, a link is cut',
  async run(stage) {
    const victim = await stage.cluster.primary();
    await victim.kill();
    await stage.goesOn(stage.others(victim));
    victim.start();
    const [a = 0, b = 0] = stage.indexes(stage.others(victim));
    stage.cluster.links.both(a, b, { flow: 'hold' });
    await stage.goesOn();
    return undefined;
  },
};

test('four processes lose their primary and a link, and keep every promise', async (t) => {
  const plan = { seed: 1, validators: 4, library: undefined, note: (text: string) => t.log(text), keep: undefined };
  const report = await runScenario(short, plan);
  t.deepEqual(report.problems, []);
  t.true(report.counts.ok > 0);
  t.log(`${report.seconds.toFixed(0)} s, ${report.height} blocks, ${report.counts.ok} ok`);
});

test('samples of several runs add up in one table', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'daybook-samples-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const first = new Samples(folder);
  for (let i = 1; i <= 99; i++) first.add('restart', i * 10);
  const second = new Samples(folder);
  second.add('restart', 5_000);
  const [, , , row] = second.table({ restart: '<= 3 s' });
  t.is(row, '| restart | 100 | 0.50 s | 0.99 s | 5.00 s | <= 3 s |');
  t.is(new Samples().table({}).length, 3);
});

test('options name their scenarios, and refuse what does not exist', (t) => {
  t.deepEqual(
    parseOptions(['--seed', '3', '--only', 'kill-all,delay']).only?.map(({ name }) => name),
    ['kill-all', 'delay'],
  );
  t.throws(() => parseOptions(['--only', 'earthquake']), { message: /earthquake.*kill-all/ });
  t.throws(() => parseOptions(['--validators', '3']));
  const { figures } = parseOptions(['--figures', '--only', 'restarts,total-kills', '--scale', '0.1']);
  t.like(figures, { restarts: 5, 'total-kills': 20, 'primary-kills': 0, 'outages-60': 0 });
  t.throws(() => parseOptions(['--figures', '--only', 'delay']), { message: /delay.*primary-kills/ });
  t.is(new Set(scenarios.map(({ name }) => name)).size, scenarios.length);
});
