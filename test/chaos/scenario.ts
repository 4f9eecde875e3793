// One scenario from its start to its verdict: a new cluster under load, faults, everything healed, all heights level,
// the log judged. What a scenario breaks for good it names, so that the rest is held to everything.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Prng, prng } from '../_prng.ts';
import { Cluster, type ClusterPlan, type SettingsOf } from './cluster.ts';
import { History } from './history.ts';
import { judge, type Verdict } from './judge.ts';
import { Load, type LoadPlan } from './load.ts';
import { pause, until, type Validator } from './validator.ts';

/** After the last fault is healed all heights must meet within this; the scenarios' own bounds are tighter. */
const levelTimeoutMs = 60_000;
const healedTimeoutMs = 45_000;

export interface Scenario {
  readonly name: string;
  readonly says: string;
  readonly needs?: readonly Need[];
  readonly settings?: SettingsOf;
  readonly parameters?: ClusterPlan['parameters'];
  /** Validators to be, beside those that there are. */
  readonly spares?: number;
  readonly load?: Partial<LoadPlan>;
  /** Where it costs much: no more validators than so many. */
  readonly validatorsMax?: number;
  /** Ends with whoever may not take part any more. */
  run(stage: Stage): Promise<readonly Validator[] | undefined>;
}

export type Need = 'shim' | 'tmpfs';

/** What a scenario works with. */
export class Stage {
  readonly cluster: Cluster;
  readonly history: History;
  readonly load: Load;
  readonly random: Prng;
  readonly note: (text: string) => void;

  constructor(cluster: Cluster, history: History, load: Load, random: Prng, note: (text: string) => void) {
    this.cluster = cluster;
    this.history = history;
    this.load = load;
    this.random = random;
    this.note = note;
  }

  get all(): readonly Validator[] {
    return this.cluster.validators;
  }

  others(...victims: readonly Validator[]): Validator[] {
    return this.all.filter((validator) => !victims.includes(validator));
  }

  /** `count` validators of chance. */
  some(count: number): Validator[] {
    const left = [...this.all];
    return Array.from({ length: count }, () => left.splice(this.random.int(left.length), 1)).flat();
  }

  indexes(of: readonly Validator[]): number[] {
    return of.map(({ index }) => index);
  }

  /** Blocks go on, here and now. */
  async goesOn(of: readonly Validator[] = this.all, timeoutMs = 45_000): Promise<void> {
    await this.cluster.progress(of, 2, timeoutMs);
  }

  wait(ms: number): Promise<void> {
    return pause(ms);
  }

  /** Files of a validator are changed behind its back: what it showed before is forgotten. */
  replaced(...validators: readonly Validator[]): void {
    for (const { index } of validators) this.history.add({ type: 'replaced', node: index, at: this.history.now() });
  }
}

export interface RunPlan {
  readonly seed: number;
  readonly validators: number;
  readonly library: string | undefined;
  readonly note: (text: string) => void;
  /** Where history, logs and archive of a failed run are kept. */
  readonly keep: string | undefined;
}

export interface RunReport extends Verdict {
  readonly seconds: number;
  readonly counts: History['counts'];
}

export async function runScenario(scenario: Scenario, plan: RunPlan): Promise<RunReport> {
  const began = performance.now();
  const random = prng(plan.seed);
  const needsShim = scenario.needs?.includes('shim') ?? false;
  const cluster = await Cluster.make({
    validators: plan.validators,
    random: prng(plan.seed + 1),
    ...(needsShim && plan.library !== undefined ? { library: plan.library } : {}),
    ...(scenario.settings === undefined ? {} : { settings: scenario.settings }),
    ...(scenario.parameters === undefined ? {} : { parameters: scenario.parameters }),
    spares: scenario.spares ?? 0,
  });
  const history = new History();
  const load = new Load(cluster, history, {
    ...{ workers: 4, seed: plan.seed, patienceMs: 30_000, restMs: 10 },
    ...scenario.load,
  });
  let verdict: Verdict = { problems: [], height: 0, transactions: 0 };
  try {
    await cluster.start();
    load.start();
    const stage = new Stage(cluster, history, load, random, plan.note);
    await stage.goesOn(stage.all, 30_000);
    const lost = (await scenario.run(stage)) ?? [];
    await heal(stage, lost);
    await load.stop();
    const whole = stage.others(...lost);
    await cluster.level(whole, levelTimeoutMs);
    verdict = await judge(cluster, { history, load }, whole);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    verdict = { ...verdict, problems: [...verdict.problems, reason] };
  } finally {
    await load.stop();
    if (verdict.problems.length > 0 && plan.keep !== undefined)
      keepAll(join(plan.keep, scenario.name), cluster, history);
    await cluster.remove();
  }
  return { ...verdict, seconds: (performance.now() - began) / 1_000, counts: { ...history.counts } };
}

/** No fault is left; everybody runs, blocks go on, and who was behind comes up to where the others were. */
async function heal(stage: Stage, lost: readonly Validator[]): Promise<void> {
  const { cluster } = stage;
  cluster.links.heal();
  const whole = stage.others(...lost);
  for (const validator of whole) {
    validator.shim?.clear();
    if (validator.isPaused) validator.resume();
  }
  await cluster.start(whole);
  await stage.goesOn(whole, healedTimeoutMs);
  const height = await cluster.height(whole);
  await until(
    `all have come to height ${height}`,
    async () => (await cluster.statuses(whole)).filter((status) => status.height >= height).length === whole.length,
    healedTimeoutMs,
  );
  for (const status of await cluster.statuses(whole))
    if (status.mode === 'silenced') throw new Error(`${status.validator} is silenced: ${status.reason}`);
}

function keepAll(folder: string, cluster: Cluster, history: History): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'history.jsonl'), history.toText());
  cpSync(cluster.folder, join(folder, 'cluster'), { recursive: true });
}
