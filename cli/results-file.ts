// What became of each line of a file, beside it: line, reference, outcome, text, height, index. Lines that never were
// payments are in it too, with outcome `bad`.
import { stringify } from 'csv-stringify/sync';
import { accepted } from '../node/ledger/entry.ts';
import { writeFileDurably } from './files.ts';
import { outcomeText } from './format.ts';
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

export function writeResults(path: string, results: readonly LineResult[]): void {
  const columns = ['line', 'reference', 'outcome', 'text', 'height', 'index'];
  // A purpose or reference that begins with '=' would run in a spreadsheet: it is escaped.
  writeFileDurably(path, stringify([...results], { header: true, columns, escape_formulas: true }));
}
