// What became of each line of a file, beside it: line, reference, outcome, text, height, index. Lines that never were
// payments are in it too, with outcome `bad`.
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { accepted } from '../node/ledger/entry.ts';
import { formatCsv } from './csv.ts';
import { CliError } from './exit-codes.ts';
import { writeFileDurably } from './files.ts';
import { outcomeText } from './format.ts';
import type { HomePaths } from './home.ts';
import type { BadLine } from './payment-line.ts';
import type { SubmittedPayment } from './payments.ts';

export interface LineResult {
  readonly line: number;
  readonly reference: string;
  readonly outcome: string;
  readonly text: string;
  readonly height: number | undefined;
  readonly index: number | undefined;
}

export function lineResults(payments: readonly SubmittedPayment[], bad: readonly BadLine[]): LineResult[] {
  const done = payments.map(({ line, reference, outcome, height, index, already }): LineResult => {
    const before = outcome === accepted ? 'already paid' : 'refused before: ';
    const text = outcome === accepted && already ? before : `${already ? before : ''}${outcomeText(outcome)}`;
    return { line, reference, outcome, text, height, index };
  });
  const left = bad.map(({ line, reference = '', reason }): LineResult => {
    return { line, reference, outcome: 'bad', text: reason, height: undefined, index: undefined };
  });
  return [...done, ...left].sort((a, b) => a.line - b.line);
}

/** Beside the file of payments; in the home where that folder takes no file, a read-only share for one. */
export function defaultResults(file: string, paths: HomePaths): string {
  const beside = `${file}.results.csv`;
  if (resultsProblem(beside) === undefined) return beside;
  const folder = join(paths.folder, 'results');
  mkdirSync(folder, { recursive: true });
  return join(folder, basename(beside));
}

/** Asked before anything is sent: who has paid must not learn then that there is no place for the results. */
export function checkResults(path: string): void {
  const problem = resultsProblem(path);
  if (problem === undefined) return;
  throw new CliError(
    'usage',
    `no results can be written to ${path}: ${problem}`,
    'Nothing was sent. Name another --results.',
  );
}

function resultsProblem(path: string): string | undefined {
  const folder = dirname(path);
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return 'it is a folder';
    accessSync(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return code === 'ENOENT' ? `there is no folder ${folder}` : `${folder} takes no file (${code})`;
  }
}

export function writeResults(path: string, results: readonly LineResult[]): void {
  const rows = results.map(({ line, height, index, ...texts }) => {
    return { line: `${line}`, ...texts, height: `${height ?? ''}`, index: `${index ?? ''}` };
  });
  const columns = ['line', 'reference', 'outcome', 'text', 'height', 'index'] as const;
  writeFileDurably(path, formatCsv(columns, rows, ['reference', 'text']));
}
