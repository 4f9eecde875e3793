// `npm run sim`: seeds one after another, each a whole cluster with faults, until a number of runs or minutes is over.
// A seed that fails is made smaller and printed with one line that runs it again.
import './signer.ts';
import { minimise, optionsOf } from './minimise.ts';
import { parseOptions, type SimulationOptions } from './options.ts';
import { liveWithinSeconds, type RunResult, runSeed } from './run.ts';

const print = (line: string) => process.stdout.write(`${line}\n`);
const { seed, runs, minutes, cpuSeconds, trace, first: isFirstEnough, limits } = asked();
const first = seed ?? Math.floor(Math.random() * 2 ** 32);
const runsMax = runs ?? (minutes === undefined && cpuSeconds === undefined ? 1 : Number.POSITIVE_INFINITY);
const cpuMax = cpuSeconds ?? Number.POSITIVE_INFINITY;
const endsAt = performance.now() + (minutes ?? Number.POSITIVE_INFINITY) * 60_000;
const totals = { runs: 0, blocks: 0, virtual: 0, cpu: 0, failed: 0, healing: 0 };

print(`first seed ${first}`);
for (let next = first; totals.runs < runsMax && totals.cpu < cpuMax && performance.now() < endsAt; next++) {
  const result = await runSeed(next, limits, trace ? (line) => process.stdout.write(line) : undefined);
  count(result);
  print(lineOf(result));
  if (result.violation === undefined) continue;
  print(`FAILED: ${result.violation}\n  npm run sim -- ${optionsOf(next, limits)}`);
  if (isFirstEnough) break;
  const smaller = await minimise(result, limits);
  print(`smaller: ${smaller.result.violation}\n  npm run sim -- ${optionsOf(next, smaller.limits)}`);
}
print(
  `${totals.runs} runs, ${totals.failed} failed, ${totals.blocks} blocks, ` +
    `${totals.virtual.toFixed(0)} s simulated in ${totals.cpu.toFixed(1)} s of one core: ` +
    `${(totals.virtual / totals.cpu).toFixed(0)} times real time; ` +
    `slowest healing ${(100 * totals.healing).toFixed(0)} % of the bound`,
);
process.exitCode = totals.failed === 0 ? 0 : 1;

function count({ plan, violation, blocks, virtualSeconds, cpuSeconds, healedSeconds }: RunResult): void {
  totals.runs += 1;
  totals.blocks += blocks;
  totals.virtual += virtualSeconds;
  totals.cpu += cpuSeconds;
  totals.healing = Math.max(totals.healing, healedSeconds / liveWithinSeconds(plan));
  if (violation !== undefined) totals.failed += 1;
}

function lineOf({ plan, trace: hash, blocks, transactions, virtualSeconds, cpuSeconds, healedSeconds }: RunResult) {
  return (
    `seed ${plan.seed} n=${plan.validators} trace ${hash} ${blocks} blocks ${transactions} transactions ` +
    `${virtualSeconds.toFixed(0)} s in ${cpuSeconds.toFixed(2)} s, healed in ${healedSeconds.toFixed(1)} s` +
    `${plan.realSignatures ? ', real signatures' : ''}, faults ${[...plan.faults].join(',') || 'none'}` +
    (plan.byzantine.length > 0 ? `, validators ${plan.byzantine.join(',')} lie: ${[...plan.habits].join(',')}` : '')
  );
}

function asked(): SimulationOptions {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(2);
  }
}
