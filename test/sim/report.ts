// What is told of a run, and what many runs come to. Plain values, so that a report may come from another process.
import { liveWithinSeconds, type Slowest } from './liveness.ts';
import { minimise, optionsOf } from './minimise.ts';
import type { PlanLimits } from './plan.ts';
import { countProbes, type Probe, type ProbeCounts } from './probes.ts';
import { type RunResult, runSeed } from './run.ts';

export interface RunReport {
  readonly seed: number;
  readonly lines: readonly string[];
  readonly failed: boolean;
  /** It had a liveness phase, and the blocks that a run needs to count. */
  readonly whole: boolean;
  readonly blocks: number;
  readonly virtualSeconds: number;
  readonly cpuSeconds: number;
  /** Part of its bound that the liveness phase took. */
  readonly healing: number;
  readonly slowest: Slowest;
  /** Validators that stand accused on the ledger at the end. */
  readonly accused: number;
  readonly probes: ProbeCounts;
}

export interface ReportOptions {
  readonly limits: PlanLimits;
  readonly print?: ((line: string) => void) | undefined;
  readonly minimised: boolean;
  readonly probes: readonly Probe[];
}

export async function reportOf(seed: number, options: ReportOptions): Promise<RunReport> {
  const { limits, minimised, probes } = options;
  const result = await runSeed(seed, limits, options.print);
  const { plan, violation, blocks, virtualSeconds, cpuSeconds, healedSeconds, whole, slowest } = result;
  const accused = result.accused.length;
  const counts = probes.length === 0 ? {} : countProbes(probes);
  const lines = [lineOf(result)];
  if (violation !== undefined) {
    lines.push(`FAILED: ${violation}`, `  npm run sim -- ${optionsOf(seed, limits)}`);
    if (minimised) {
      const smaller = await minimise(result, limits);
      lines.push(`smaller: ${smaller.result.violation}`, `  npm run sim -- ${optionsOf(seed, smaller.limits)}`);
    }
  }
  // Whoever takes its keys in turn has bounds of its own.
  const healing = plan.faults.has('untold') ? 0 : healedSeconds / liveWithinSeconds(plan);
  const failed = violation !== undefined;
  return { seed, lines, failed, whole, blocks, virtualSeconds, cpuSeconds, healing, slowest, accused, probes: counts };
}

function lineOf({
  plan,
  trace,
  blocks,
  transactions,
  virtualSeconds,
  cpuSeconds,
  healedSeconds,
  accused,
  overrun,
  epochs,
  installs,
  prunings,
}: RunResult) {
  return (
    `seed ${plan.seed} n=${plan.validators} trace ${trace} ${blocks} blocks ${transactions} transactions ` +
    `${virtualSeconds.toFixed(0)} s in ${cpuSeconds.toFixed(2)} s, healed in ${healedSeconds.toFixed(1)} s` +
    `${plan.realSignatures ? ', real signatures' : ''}, faults ${[...plan.faults].join(',') || 'none'}` +
    (overrun === undefined ? '' : `, ${overrun}`) +
    (plan.byzantine.length > 0 ? `, validators ${plan.byzantine.join(',')} lie: ${[...plan.habits].join(',')}` : '') +
    (epochs > 1 ? `, ${epochs} epochs` : '') +
    (plan.snapshots === undefined ? '' : `, ${installs} snapshots taken, ${prunings} prunings`) +
    (accused.length > 0 ? `, accused: ${accused.join(',')}` : '')
  );
}

export class Totals {
  runs = 0;
  /** Runs that count: the others add no blocks and no time to what is kept. */
  whole = 0;
  failed = 0;
  blocks = 0;
  virtualSeconds = 0;
  cpuSeconds = 0;
  healing = 0;
  readonly slowest = { wait: 0, heal: 0 };
  accused = 0;
  readonly probes = new Map<string, { count: number; runs: number }>();

  add(report: RunReport): void {
    this.runs += 1;
    if (report.whole) this.whole += 1;
    if (report.failed) this.failed += 1;
    this.blocks += report.blocks;
    this.virtualSeconds += report.virtualSeconds;
    this.cpuSeconds += report.cpuSeconds;
    this.accused += report.accused;
    this.healing = Math.max(this.healing, report.healing);
    this.slowest.wait = Math.max(this.slowest.wait, report.slowest.wait);
    this.slowest.heal = Math.max(this.slowest.heal, report.slowest.heal);
    for (const [name, count] of Object.entries(report.probes)) {
      const known = this.probes.get(name) ?? { count: 0, runs: 0 };
      this.probes.set(name, { count: known.count + count, runs: known.runs + (count > 0 ? 1 : 0) });
    }
  }

  line(): string {
    return (
      `${this.runs} runs, ${this.failed} failed, ${this.runs - this.whole} that do not count, ` +
      `${this.blocks} blocks, ` +
      `${this.virtualSeconds.toFixed(0)} s simulated in ${this.cpuSeconds.toFixed(1)} s of one core: ` +
      `${(this.virtualSeconds / this.cpuSeconds).toFixed(0)} times real time; ` +
      `${this.accused} validators accused; ` +
      `of their bounds took healing ${(100 * this.healing).toFixed(0)} %, ` +
      `its first block ${(100 * this.slowest.heal).toFixed(0)} %, ` +
      `a known transaction ${(100 * this.slowest.wait).toFixed(0)} %`
    );
  }

  /** The least taken first. */
  probeLines(): string[] {
    const rows = [...this.probes].sort(([, a], [, b]) => a.runs - b.runs || a.count - b.count);
    const reached = rows.filter(([, { count }]) => count > 0).length;
    const lines = rows.map(([name, { count, runs }]) => `${name.padEnd(44)} ${runs} runs, ${count} times`);
    return [...lines, `${reached} of ${rows.length} rare paths taken`];
  }
}
