// `npm run sim`: seeds one after another, each a whole cluster with faults, until a number of runs or minutes is over. A
// seed that fails is printed with one line that runs it again.
import './signer.ts';
import { parseArgs } from 'node:util';
import { type FaultClass, faultClasses } from './plan.ts';
import { liveWithinSeconds, type RunResult, runSeed } from './run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    runs: { type: 'string' },
    minutes: { type: 'string' },
    validators: { type: 'string' },
    faults: { type: 'string' },
    seconds: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});

const print = (line: string) => process.stdout.write(`${line}\n`);
const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
const faults = values.faults
  ?.split(',')
  .filter((each): each is FaultClass => faultClasses.includes(each as FaultClass));
const limits = { validators: number(values.validators), faults, safetySeconds: number(values.seconds) };
const first = number(values.seed) ?? Math.floor(Math.random() * 2 ** 32);
const runsMax = number(values.runs) ?? (values.minutes === undefined ? 1 : Number.POSITIVE_INFINITY);
const endsAt = performance.now() + (number(values.minutes) ?? Number.POSITIVE_INFINITY) * 60_000;

print(`first seed ${first}`);
const totals = { runs: 0, blocks: 0, virtual: 0, real: 0, failed: 0, healed: 0 };
for (let seed = first; totals.runs < runsMax && performance.now() < endsAt; seed++) {
  const result = await runSeed(seed, limits, values.trace ? (line) => process.stdout.write(line) : undefined);
  totals.runs += 1;
  totals.blocks += result.blocks;
  totals.virtual += result.virtualSeconds;
  totals.real += result.cpuSeconds;
  totals.healed = Math.max(totals.healed, result.healedSeconds / liveWithinSeconds(result.plan));
  if (result.violation !== undefined) totals.failed += 1;
  print(lineOf(result));
}
print(
  `${totals.runs} runs, ${totals.failed} failed, ${totals.blocks} blocks, ${totals.virtual.toFixed(0)} s simulated in ` +
    `${totals.real.toFixed(1)} s: ${(totals.virtual / totals.real).toFixed(0)} times real time; ` +
    `slowest healing ${(100 * totals.healed).toFixed(0)} % of the bound`,
);
process.exitCode = totals.failed === 0 ? 0 : 1;

function lineOf({
  plan,
  violation,
  trace,
  blocks,
  transactions,
  virtualSeconds,
  cpuSeconds,
  healedSeconds,
}: RunResult) {
  const facts =
    `seed ${plan.seed} n=${plan.validators} trace ${trace} ${blocks} blocks ${transactions} transactions ` +
    `${virtualSeconds.toFixed(0)} s in ${cpuSeconds.toFixed(2)} s, healed in ${healedSeconds.toFixed(1)} s, ` +
    `${[...plan.faults].join(',')}`;
  return violation === undefined
    ? facts
    : `${facts}\nFAILED: ${violation}\n  npm run sim -- --seed ${plan.seed} --runs 1`;
}
