// Makes a failing run smaller: fault classes are left out one by one, then the safety phase is shortened, as long as
// the run still fails, in whatever way. The seed stays what it is.
import type { FaultClass, PlanLimits } from './plan.ts';
import { type RunResult, runSeed } from './run.ts';

export interface Minimised {
  readonly limits: PlanLimits;
  readonly result: RunResult;
}

export async function minimise(failed: RunResult, limits: PlanLimits): Promise<Minimised> {
  const { seed } = failed.plan;
  let best: Minimised = { limits: { ...limits, faults: [...failed.plan.faults] }, result: failed };
  const tryWith = async (change: PlanLimits) => {
    const smaller = { ...best.limits, ...change };
    const result = await runSeed(seed, smaller);
    if (result.violation === undefined) return false;
    best = { limits: smaller, result };
    return true;
  };
  for (const fault of failed.plan.faults) {
    await tryWith({ faults: (best.limits.faults ?? []).filter((each: FaultClass) => each !== fault) });
  }
  for (const habit of failed.plan.habits) {
    const habits = [...best.result.plan.habits].filter((each) => each !== habit);
    if (best.result.plan.byzantine.length > 0 && habits.length > 0) await tryWith({ habits });
  }
  for (const seconds of [5, 10, 20, 40, 60, 90]) {
    if (seconds >= best.result.plan.safetySeconds || (await tryWith({ safetySeconds: seconds, blocksMin: 0 }))) break;
  }
  return best;
}

/** The options that make `npm run sim` run exactly this. */
export function optionsOf(seed: number, { validators, faults, habits, safetySeconds, isDense }: PlanLimits): string {
  const options = [`--seed ${seed}`];
  if (validators !== undefined) options.push(`--validators ${validators}`);
  if (faults !== undefined) options.push(`--faults ${faults.length === 0 ? 'none' : faults.join(',')}`);
  if (habits !== undefined) options.push(`--habits ${habits.join(',')}`);
  if (safetySeconds !== undefined) options.push(`--seconds ${safetySeconds}`);
  if (isDense === true) options.push('--dense');
  return options.join(' ');
}
