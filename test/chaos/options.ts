// The words with which chaos is asked for.
import { parseArgs } from 'node:util';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';

export interface FigurePlan {
  readonly primaryKills: number;
  readonly restarts: number;
  readonly shortOutages: number;
  readonly longOutages: number;
  readonly totalKills: number;
}

export interface ChaosOptions {
  readonly seed: number | undefined;
  readonly minutes: number | undefined;
  readonly validators: number | undefined;
  readonly only: readonly Scenario[] | undefined;
  readonly keep: string | undefined;
  readonly isListing: boolean;
  readonly figures: FigurePlan | undefined;
}

const full: FigurePlan = { primaryKills: 60, restarts: 60, shortOutages: 6, longOutages: 3, totalKills: 200 };

/** Throws an Error that says which word is wrong. */
export function parseOptions(args: readonly string[]): ChaosOptions {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: text,
      minutes: text,
      validators: text,
      only: text,
      keep: text,
      scale: text,
      list: flag,
      figures: flag,
    },
  });
  const validators = numberOf('validators', values.validators);
  if (validators !== undefined && (validators < 4 || validators > 7)) throw new Error('--validators is 4 to 7');
  const scale = numberOf('scale', values.scale) ?? 1;
  return {
    seed: numberOf('seed', values.seed),
    minutes: numberOf('minutes', values.minutes),
    validators,
    only: values.only?.split(',').map(scenarioNamed),
    keep: values.keep,
    isListing: values.list,
    figures: values.figures ? scaled(scale) : undefined,
  };
}

/** A part of the full counts, for a look that takes minutes; at least one of each. */
function scaled(scale: number): FigurePlan {
  const of = (count: number) => Math.max(1, Math.round(count * scale));
  return {
    primaryKills: of(full.primaryKills),
    restarts: of(full.restarts),
    shortOutages: of(full.shortOutages),
    longOutages: Math.round(full.longOutages * scale),
    totalKills: of(full.totalKills),
  };
}

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} ${text} is no number`);
  return value;
}

function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`--only ${name}: one of ${scenarios.map((each) => each.name).join(', ')}`);
  return found;
}
