// `npm run sim`: seeds one after another, each a whole cluster with faults, until a number of runs or minutes is over.
// A seed that fails is made smaller and printed with one line that runs it again.
import './coverage.ts';
import './signer.ts';
import { commitOf, keep, readKept } from './kept.ts';
import { measureOutages, measureThroughput } from './measure.ts';
import { parseOptions, type SimulationOptions } from './options.ts';
import { beChild, childFlag, Pool } from './pool.ts';
import { readProbes } from './probes.ts';
import { type ReportOptions, type RunReport, reportOf, Totals } from './report.ts';

const print = (line: string) => process.stdout.write(`${line}\n`);
const words = process.argv.slice(2);
const asked = read(words.filter((word) => word !== childFlag));
const how: ReportOptions = {
  limits: asked.limits,
  print: asked.trace ? (line) => process.stdout.write(line) : undefined,
  minimised: !asked.first,
  probes: asked.probes ? readProbes().filter(({ by }) => by === undefined) : [],
};
if (words.includes(childFlag)) beChild((seed) => reportOf(seed, how));
else if (asked.measures.length > 0) process.exitCode = (await measure(asked.measures)) ? 0 : 1;
else process.exitCode = (await soak(asked)) === 0 ? 0 : 1;

/** True when the goals are reached. */
async function measure(what: SimulationOptions['measures']): Promise<boolean> {
  const throughput = !what.includes('throughput') || (await measureThroughput(print));
  const outages = !what.includes('outages') || (await measureOutages(print));
  return throughput && outages;
}

/** Answers how many runs failed. */
async function soak({ seed, runs, minutes, cpuSeconds, jobs, keeps, first: isFirstEnough }: SimulationOptions) {
  const commit = keeps ? commitOf() : '';
  const first = seed ?? Math.floor(Math.random() * 2 ** 32);
  const runsMax = runs ?? (minutes === undefined && cpuSeconds === undefined ? 1 : Number.POSITIVE_INFINITY);
  const cpuMax = cpuSeconds ?? Number.POSITIVE_INFINITY;
  const endsAt = performance.now() + (minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  const totals = new Totals();
  let given = 0;
  const next = () => {
    const isOver = given >= runsMax || totals.cpuSeconds >= cpuMax || performance.now() >= endsAt;
    return isOver || (isFirstEnough && totals.failed > 0) ? undefined : first + given++;
  };
  const take = (report: RunReport) => {
    totals.add(report);
    for (const line of report.lines) print(line);
  };
  print(`first seed ${first}`);
  if (jobs > 1) await new Pool(jobs, words).run(next, take);
  else for (let one = next(); one !== undefined; one = next()) take(await reportOf(one, how));
  for (const line of totals.probes.size > 0 ? totals.probeLines() : []) print(line);
  print(totals.line());
  if (keeps) {
    keep(first, commit, totals);
    print(`kept: ${readKept().reduce((sum, each) => sum + each.runs, 0)} runs that count in test/sim/runs.txt`);
  }
  return totals.failed;
}

function read(args: readonly string[]): SimulationOptions {
  try {
    return parseOptions(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(2);
  }
}
