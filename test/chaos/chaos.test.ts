// A short run of the real thing: four processes, the primary killed, a link cut, everything healed and judged. The long
// versions are behind `npm run chaos`.
import test from 'ava';
import { parseOptions } from './options.ts';
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

test('options name their scenarios, and refuse what does not exist', (t) => {
  t.deepEqual(
    parseOptions(['--seed', '3', '--only', 'kill-all,delay']).only?.map(({ name }) => name),
    ['kill-all', 'delay'],
  );
  t.throws(() => parseOptions(['--only', 'earthquake']), { message: /earthquake.*kill-all/ });
  t.throws(() => parseOptions(['--validators', '3']));
  t.is(new Set(scenarios.map(({ name }) => name)).size, scenarios.length);
});
