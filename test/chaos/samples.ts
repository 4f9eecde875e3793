// Measured times by what they are of, and the table of them. Samples of several runs add up in a file of JSON lines.
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const fileName = 'figures.jsonl';

export class Samples {
  readonly #byName = new Map<string, number[]>();
  readonly #file: string | undefined;

  /** `folder` holds the samples of runs before, if there were any. */
  constructor(folder?: string) {
    if (folder === undefined) return;
    mkdirSync(folder, { recursive: true });
    this.#file = join(folder, fileName);
    for (const [what, value] of readSamples(this.#file)) this.#put(what, value);
  }

  add(what: string, value: number): void {
    this.#put(what, value);
    if (this.#file !== undefined) appendFileSync(this.#file, `${JSON.stringify([what, value])}\n`);
  }

  of(what: string): readonly number[] {
    return this.#byName.get(what) ?? [];
  }

  /** Milliseconds in, seconds out. `goals` by what is measured. */
  table(goals: { readonly [what: string]: string }): string[] {
    const seconds = (value: number | undefined) => (value === undefined ? '-' : `${(value / 1_000).toFixed(2)} s`);
    const lines = [...this.#byName].map(([what, samples]) => {
      const sorted = [...samples].sort((a, b) => a - b);
      const at = (part: number) => sorted[Math.ceil(part * sorted.length) - 1];
      const shown = [at(0.5), at(0.99), sorted.at(-1)].map(seconds).join(' | ');
      return `| ${what} | ${samples.length} | ${shown} | ${goals[what] ?? ''} |`;
    });
    return ['', '| what | times | p50 | p99 | worst | goal |', '| --- | --- | --- | --- | --- | --- |', ...lines];
  }

  #put(what: string, value: number): void {
    this.#byName.set(what, [...this.of(what), value]);
  }
}

function readSamples(file: string): [string, number][] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as [string, number]);
}
