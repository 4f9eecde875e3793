// The words with which a run is asked for: on the command line and in seeds.txt alike.
import { parseArgs } from 'node:util';
import { habits, lateHabits, ownHabits } from './habits.ts';
import { type FaultClass, faultClasses, lateFaultClasses, ownFaultClasses, type PlanLimits } from './plan.ts';

export interface SimulationOptions {
  readonly seed: number | undefined;
  readonly runs: number | undefined;
  readonly minutes: number | undefined;
  /** Of this process, however busy the machine is. */
  readonly cpuSeconds: number | undefined;
  readonly trace: boolean;
  /** Ends with the first seed that fails, which is not made smaller. */
  readonly first: boolean;
  /** Processes. */
  readonly jobs: number;
  /** Adds a line to runs.txt. */
  readonly keeps: boolean;
  /** Counts rare paths. */
  readonly probes: boolean;
  /** In place of runs: what one liar costs, and how soon the first block follows an outage. */
  readonly measures: readonly ('throughput' | 'outages')[];
  readonly limits: PlanLimits;
}

/** Throws an Error that says which word is wrong. */
export function parseOptions(args: readonly string[]): SimulationOptions {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    seed: text,
    runs: text,
    minutes: text,
    cpu: text,
    jobs: text,
    validators: text,
    faults: text,
    habits: text,
    seconds: text,
  };
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...options,
      trace: flag,
      first: flag,
      keep: flag,
      probes: flag,
      dense: flag,
      throughput: flag,
      outages: flag,
    },
  });
  const safetySeconds = numberOf('seconds', values.seconds);
  return {
    seed: numberOf('seed', values.seed),
    runs: numberOf('runs', values.runs),
    minutes: numberOf('minutes', values.minutes),
    cpuSeconds: numberOf('cpu', values.cpu),
    trace: values.trace,
    first: values.first,
    jobs: numberOf('jobs', values.jobs) ?? 1,
    keeps: values.keep,
    probes: values.probes,
    measures: (['throughput', 'outages'] as const).filter((name) => values[name]),
    limits: {
      validators: numberOf('validators', values.validators),
      faults: values.faults === undefined ? undefined : faultsOf(values.faults),
      habits: values.habits?.split(',').map((name) => oneOf('habits', name, [...habits, ...lateHabits, ...ownHabits])),
      safetySeconds,
      blocksMin: safetySeconds === undefined ? undefined : 0,
      isDense: values.dense ? true : undefined,
    },
  };
}

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} ${text} is no number`);
  return value;
}

function faultsOf(text: string): FaultClass[] {
  if (text === 'none') return [];
  return text
    .split(',')
    .map((name) => oneOf('faults', name, [...faultClasses, ...lateFaultClasses, ...ownFaultClasses]));
}

function oneOf<T extends string>(option: string, name: string, names: readonly T[]): T {
  const found = names.find((each) => each === name);
  if (found === undefined) throw new Error(`--${option} ${name}: one of ${names.join(', ')}`);
  return found;
}

/** Everything again that ever failed: options, a bar, and the story. Lines that begin with # are remarks. */
export function parseSeeds(text: string): { readonly options: SimulationOptions; readonly story: string }[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [options = '', ...story] = line.split('|');
      return { options: parseOptions(options.trim().split(/\s+/)), story: story.join('|').trim() };
    });
}
