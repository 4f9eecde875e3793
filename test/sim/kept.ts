// The soaks that count, one line each, in test/sim/runs.txt: which seeds, on which commit, and what came of them.
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../_source.ts';
import type { Totals } from './report.ts';

const file = join(root, 'test/sim/runs.txt');

export interface Kept {
  readonly first: number;
  readonly last: number;
  readonly commit: string;
  readonly runs: number;
  readonly short: number;
  readonly failed: number;
  readonly blocks: number;
  readonly virtualSeconds: number;
  readonly coreSeconds: number;
}

/** Throws an Error on a line that is not of the form. */
export function parseKept(text: string): Kept[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const found =
      /^(\d+)-(\d+) (\w+) (\d+) runs (\d+) short (\d+) failed (\d+) blocks (\d+) s virtual (\d+) s of a core$/.exec(
        line,
      );
    if (found === null) throw new Error(`test/sim/runs.txt: not of the form of the others: ${line}`);
    const [first, last, , ...numbers] = found.slice(1).map(Number) as number[];
    const [runs = 0, short = 0, failed = 0, blocks = 0, virtualSeconds = 0, coreSeconds = 0] = numbers;
    const commit = found[3] ?? '';
    return { first: first ?? 0, last: last ?? 0, commit, runs, short, failed, blocks, virtualSeconds, coreSeconds };
  });
}

export function readKept(): Kept[] {
  return parseKept(readFileSync(file, 'utf8'));
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
}

/** The commit that the sources are of. Throws an Error when they have been changed since. */
export function commitOf(): string {
  const folders = ['node', 'contracts', 'genesis', 'test', ':!test/sim/runs.txt'];
  if (git('status', '--porcelain', '--', ...folders) !== '')
    throw new Error('these sources are of no commit: commit them first, or leave out --keep');
  return git('rev-parse', '--short=10', 'HEAD');
}

/** Of seeds without a gap. */
export function keep(first: number, commit: string, totals: Totals): void {
  const { runs, whole, failed, blocks, virtualSeconds, cpuSeconds } = totals;
  const range = `${first}-${first + runs - 1} ${commit} ${whole} runs ${runs - whole - failed} short ${failed} failed`;
  const sums = `${blocks} blocks ${Math.round(virtualSeconds)} s virtual ${Math.round(cpuSeconds)} s of a core`;
  appendFileSync(file, `${range} ${sums}\n`);
}
