// Runs one target: changes good inputs, keeps those that led somewhere new, and reports the first that is not handled.
// What is new is told by how the target answered: a refusal with other words, or another way of accepting. That needs
// no instrument, since every refusal here names its field and its reason.
import { isDeepStrictEqual } from 'node:util';
import type { Prng } from '../_prng.ts';
import { type InputKind, mutate } from './mutate.ts';

export interface OpenTarget {
  readonly seeds: readonly Uint8Array[];
  /**
   * How the input was answered, in words. It throws when the input was not handled: an error of a type that nobody
   * promised, a property that does not hold.
   */
  run(input: Uint8Array): string | Promise<string>;
  close?(): Promise<void>;
}

export interface Target {
  readonly name: string;
  readonly kind: InputKind;
  readonly words?: readonly string[];
  readonly lengthMax?: number;
  /** Answers come over a network or a whole cluster: their time is not the decoder's. */
  readonly isSlow?: boolean;
  open(): Promise<OpenTarget>;
}

export interface Finding {
  readonly target: string;
  readonly seed: number;
  readonly input: Uint8Array;
  readonly problem: string;
}

export interface Outcome {
  readonly runs: number;
  readonly seconds: number;
  readonly answers: number;
  readonly finding: Finding | undefined;
}

export interface Budget {
  readonly runs?: number;
  readonly seconds?: number;
  /** Sees each input before it is run. */
  readonly before?: (input: Uint8Array) => void;
}

const lengthMax = 262_144;
/** Of this process's CPU, so that a busy machine counts for nothing; looked at again before it is believed. */
const cpuMsMax = 60;
const cpuMsPerKibMax = 2;
const memoryGrowthMax = 600_000_000;
const keptMax = 2_000;

export async function fuzz(target: Target, seed: number, random: Prng, budget: Budget): Promise<Outcome> {
  const open = await target.open();
  const kept = [...open.seeds];
  const answers = new Set<string>();
  const started = performance.now();
  const secondsNow = () => (performance.now() - started) / 1000;
  const memory = process.memoryUsage.rss();
  const options = { random, kind: target.kind, lengthMax: target.lengthMax ?? lengthMax, words: target.words ?? [] };
  let runs = 0;
  let finding: Finding | undefined;
  try {
    for (const each of open.seeds) answers.add(shapeOf(await open.run(each)));
    while (
      runs < (budget.runs ?? Number.POSITIVE_INFINITY) &&
      secondsNow() < (budget.seconds ?? Number.POSITIVE_INFINITY)
    ) {
      const input = mutate(kept, options);
      budget.before?.(input);
      const answer = await attempt(open, input, target);
      runs += 1;
      const grown = runs % 512 === 0 && process.memoryUsage.rss() - memory > memoryGrowthMax;
      const problem = answer.problem ?? (grown ? 'memory grew by more than 600 MB' : undefined);
      if (problem !== undefined) {
        const small = await minimise(open, input, target, problem);
        finding = { target: target.name, seed, input: small, problem };
        break;
      }
      const shape = shapeOf(answer.words ?? '');
      if (answers.has(shape) || kept.length >= keptMax || input.length > 16_384) continue;
      answers.add(shape);
      kept.push(input);
    }
  } finally {
    await open.close?.();
  }
  return { runs, seconds: secondsNow(), answers: answers.size, finding };
}

interface Attempt {
  readonly words?: string;
  readonly problem?: string;
}

export async function attempt(open: OpenTarget, input: Uint8Array, target: Target): Promise<Attempt> {
  const first = await timed(open, input);
  if (first.problem !== undefined || target.isSlow === true || first.cpuMs <= cpuLimitMs(input)) return first;
  // Compilation and collection fall on whoever is running: only what is slow again is slow.
  let best = first.cpuMs;
  for (let i = 0; i < 3; i++) best = Math.min(best, (await timed(open, input)).cpuMs);
  return best <= cpuLimitMs(input) ? first : { problem: `${input.length} bytes took ${best.toFixed(0)} ms of CPU` };
}

function cpuLimitMs(input: Uint8Array): number {
  return cpuMsMax + (cpuMsPerKibMax * input.length) / 1024;
}

async function timed(open: OpenTarget, input: Uint8Array): Promise<Attempt & { cpuMs: number }> {
  const before = process.cpuUsage();
  const spent = () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  try {
    // Its own copy: a target must not change what it was given, and this shows it.
    const given = Uint8Array.from(input);
    const running = open.run(given);
    const words = typeof running === 'string' ? running : await running;
    if (!isDeepStrictEqual(given, Uint8Array.from(input))) return { problem: 'it changed its input', cpuMs: spent() };
    return { words, cpuMs: spent() };
  } catch (error) {
    return { problem: error instanceof Error ? (error.stack ?? error.message) : String(error), cpuMs: spent() };
  }
}

/** An answer without what differs from input to input. */
function shapeOf(words: string): string {
  return words
    .replace(/"[^"]*"/g, '""')
    .replace(/[0-9a-f]{16,}/g, 'h')
    .replace(/\d+/g, '0')
    .slice(0, 200);
}

const triesMax = 600;
/** Of a target that keeps a state, each try begins anew. */
const freshTriesMax = 60;

/** Smaller as long as the same first line is said; pieces are left out, largest first. */
async function minimise(open: OpenTarget, input: Uint8Array, target: Target, problem: string): Promise<Uint8Array> {
  const sign = (text: string) => shapeOf(text.split('\n')[0] ?? '');
  const isSame = async (smaller: Uint8Array) => {
    const again = await (target.isSlow === true ? attemptAnew(smaller, target) : attempt(open, smaller, target));
    return again.problem !== undefined && sign(again.problem) === sign(problem);
  };
  let best = input;
  let left = target.isSlow === true ? freshTriesMax : triesMax;
  for (let size = Math.ceil(best.length / 2); size >= 1 && left > 0; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.length && left > 0; left--) {
      const smaller = new Uint8Array(Buffer.concat([best.subarray(0, at), best.subarray(at + size)]));
      if (await isSame(smaller)) best = smaller;
      else at += size;
    }
  }
  return best;
}

async function attemptAnew(input: Uint8Array, target: Target): Promise<Attempt> {
  const open = await target.open();
  try {
    return await attempt(open, input, target);
  } finally {
    await open.close?.();
  }
}

/** Runs `work`; an error of one of these types is a refusal, anything else is thrown on. */
export function refusing(work: () => string, ...types: readonly (abstract new (...args: never[]) => Error)[]): string {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && types.some((type) => error instanceof type)) return `${error.name}: ${error.message}`;
    throw error;
  }
}
