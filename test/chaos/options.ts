// The words with which chaos is asked for.
import { parseArgs } from 'node:util';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';

/** How often each figure is measured. */
export type FigurePlan = { readonly [part in FigurePart]: number };
export type FigurePart = (typeof figureParts)[number];
export const figureParts = [
  'primary-kills',
  'restarts',
  'outages-10',
  'outages-60',
  'stops-10',
  'total-kills',
] as const;

export interface ChaosOptions {
  readonly seed: number | undefined;
  readonly minutes: number | undefined;
  readonly validators: number | undefined;
  readonly only: readonly Scenario[] | undefined;
  /** Of a run of scenarios: where failed ones are kept. Of figures: where samples are added up. */
  readonly keep: string | undefined;
  readonly isListing: boolean;
  readonly figures: FigurePlan | undefined;
}

/** An outage counts once for links that are cut and once for links that fall silent. */
const full: FigurePlan = {
  'primary-kills': 50,
  restarts: 50,
  'outages-10': 5,
  'outages-60': 2,
  'stops-10': 3,
  'total-kills': 200,
};

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
    only: values.figures ? undefined : values.only?.split(',').map(scenarioNamed),
    keep: values.keep,
    isListing: values.list,
    figures: values.figures ? scaled(scale, values.only?.split(',').map(partNamed) ?? figureParts) : undefined,
  };
}

/** A part of the full counts, for a look that takes minutes; at least one of each part that is wanted. */
function scaled(scale: number, wanted: readonly FigurePart[]): FigurePlan {
  const of = (part: FigurePart) => (wanted.includes(part) ? Math.max(1, Math.round(full[part] * scale)) : 0);
  return Object.fromEntries(figureParts.map((part) => [part, of(part)])) as FigurePlan;
}

function partNamed(name: string): FigurePart {
  const found = figureParts.find((part) => part === name);
  if (found === undefined) throw new Error(`--only ${name}: with --figures one of ${figureParts.join(', ')}`);
  return found;
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
