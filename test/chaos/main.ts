// `npm run chaos`: scenarios one after another, each with a cluster of its own, until each ran once or the minutes are
// over. The seed decides their order, sizes and victims; the processes decide the rest, so a failure may need several
// runs to come again. `--figures` measures instead.
import { prng } from '../_prng.ts';
import { measure } from './figures.ts';
import { endOnSignals } from './leftovers.ts';
import { type ChaosOptions, parseOptions } from './options.ts';
import { type Need, type RunReport, runScenario, type Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { buildShims } from './shim.ts';
import { smallDiskAbsent } from './small-disk.ts';

const print = (line: string) => process.stdout.write(`${line}\n`);
endOnSignals();
const options = asked();
if (options.isListing) for (const { name, says } of scenarios) print(`${name.padEnd(18)} ${says}`);
else if (options.figures !== undefined) await measure(options.figures, print, options.keep);
else process.exitCode = (await runAll(options)) ? 0 : 1;
process.exit();

async function runAll({ seed: given, minutes, validators, only, keep }: ChaosOptions): Promise<boolean> {
  const seed = given ?? Math.floor(Math.random() * 2 ** 31);
  print(`seed ${seed}`);
  const random = prng(seed);
  const shim = buildShims();
  const absent: { readonly [N in Need]: string | undefined } = {
    shim: 'absent' in shim ? shim.absent : undefined,
    tmpfs: smallDiskAbsent(),
  };
  const library = 'library' in shim ? shim.library : undefined;
  const endsAt = performance.now() + (minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  const failed: string[] = [];
  const skipped = new Set<string>();
  let runs = 0;
  do {
    for (const scenario of shuffled(only ?? scenarios, random.int)) {
      // One scenario alone takes the seed itself, so that the line below a failure repeats it.
      const own = only?.length === 1 && runs === 0 ? seed : random.next();
      const count = Math.min(validators ?? 4 + random.int(4), scenario.validatorsMax ?? 7);
      if (performance.now() > endsAt) break;
      const why = scenario.needs?.map((need) => absent[need]).find((reason) => reason !== undefined);
      if (why !== undefined) {
        if (!skipped.has(scenario.name)) print(`${scenario.name}: skipped, ${why}`);
        skipped.add(scenario.name);
        continue;
      }
      const note = (text: string) => print(`  ${text}`);
      const report = await runScenario(scenario, { seed: own, validators: count, library, note, keep });
      runs += 1;
      print(lineOf(scenario, count, report));
      for (const problem of report.problems) print(`  FAILED: ${problem}`);
      if (report.problems.length === 0) continue;
      failed.push(scenario.name);
      print(`  npm run chaos -- --seed ${own} --validators ${count} --only ${scenario.name}`);
    }
  } while (minutes !== undefined && performance.now() < endsAt);
  print(`${runs} runs, ${failed.length} failed${failed.length === 0 ? '' : `: ${failed.join(', ')}`}`);
  return failed.length === 0;
}

function lineOf({ name }: Scenario, validators: number, { problems, seconds, counts, height }: RunReport): string {
  const { ok, refused, rejected, unknown, read } = counts;
  const verdict = problems.length === 0 ? 'ok    ' : 'FAILED';
  return (
    `${verdict} ${name} n=${validators}, ${seconds.toFixed(0)} s: ${height} blocks, ` +
    `${ok} ok, ${refused} refused, ${rejected} rejected, ${unknown} unknown, ${read} reads`
  );
}

function shuffled<T>(items: readonly T[], int: (below: number) => number): T[] {
  const left = [...items];
  return items.flatMap(() => left.splice(int(left.length), 1));
}

function asked(): ChaosOptions {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(2);
  }
}
