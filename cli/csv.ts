// CSV (RFC 4180) with named columns: payments and accounts. Every bad line is named with its reason; a file whose
// quoting or columns are wrong is refused whole, since no line of it can be trusted.
import { CsvError, parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { CliError } from './exit-codes.ts';
import { type BadLine, type PaymentLine, readPayment } from './payment-line.ts';

export interface CsvRow<Column extends string> {
  readonly line: number;
  readonly fields: { readonly [column in Column]: string };
}

export interface CsvTable<Column extends string> {
  readonly rows: readonly CsvRow<Column>[];
  readonly bad: readonly BadLine[];
}

const fieldLengthMax = 1_024;

/** Columns may stand in any order, but all of them must be there, once, and no other. */
export function readCsv<const Column extends string>(
  path: string,
  text: string,
  columns: readonly Column[],
): CsvTable<Column> {
  const [head, ...records] = parseRecords(path, text);
  if (head === undefined) throw new CliError('usage', `${path} is empty`, `The first line names ${columns.join(',')}.`);
  const names = head.record;
  const wanted = new Set<string>(columns);
  const unknown = names.filter((name, i) => !wanted.has(name) || names.indexOf(name) !== i);
  const missing = columns.filter((column) => !names.includes(column));
  if (unknown.length > 0 || missing.length > 0) {
    const parts = [
      ...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []),
      ...(unknown.length > 0 ? [`unknown or repeated: ${unknown.map((name) => `"${name}"`).join(', ')}`] : []),
    ];
    throw new CliError('usage', `${path}, line 1: columns ${parts.join('; ')}`, `It must name ${columns.join(',')}.`);
  }
  const rows: CsvRow<Column>[] = [];
  const bad: BadLine[] = [];
  for (const { record, line } of records) {
    const reason = record.length === names.length ? tooLong(record) : `${record.length} fields, not ${names.length}`;
    if (reason === undefined) rows.push({ line, fields: fieldsOf(columns, names, record) });
    else bad.push({ line, reference: undefined, reason });
  }
  return { rows, bad };
}

function fieldsOf<Column extends string>(
  columns: readonly Column[],
  names: readonly string[],
  record: readonly string[],
) {
  const pairs = columns.map((column) => [column, record[names.indexOf(column)] ?? '']);
  return Object.fromEntries(pairs) as { [column in Column]: string };
}

function tooLong(record: readonly string[]): string | undefined {
  return record.some((field) => field.length > fieldLengthMax)
    ? `a field over ${fieldLengthMax} characters`
    : undefined;
}

interface ParsedRecord {
  readonly record: string[];
  readonly info: { readonly lines: number };
}

function parseRecords(path: string, text: string): { readonly record: string[]; readonly line: number }[] {
  const options = { bom: true, info: true, relax_column_count: true, skip_empty_lines: true } as const;
  try {
    const parsed: unknown = parse(text, options); // with `info`, which its types do not know
    return (parsed as readonly ParsedRecord[]).map(({ record, info }) => ({ record, line: info.lines }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new CliError('usage', `${path} is no CSV: ${error.message}`, 'Correct the quoting of that line.');
  }
}

const paymentColumns = ['reference', 'date', 'from', 'to', 'amount', 'currency', 'purpose'] as const;

export function readPaymentsCsv(
  path: string,
  text: string,
): { readonly lines: readonly PaymentLine[]; readonly bad: readonly BadLine[] } {
  const { rows, bad } = readCsv(path, text, paymentColumns);
  const lines: PaymentLine[] = [];
  const refused: BadLine[] = [...bad];
  for (const { line, fields } of rows) {
    const payment = readPayment(fields);
    if (typeof payment === 'string') refused.push({ line, reference: fields.reference, reason: payment });
    else lines.push({ line, ...payment });
  }
  return { lines, bad: refused };
}

/** A cell that begins so is run as a formula; one that begins with the quote is told apart from a quoted one. */
const formulaStart = /^[=+\-@\t\r\n'\uff1d\uff0b\uff0d\uff20]/;

/**
 * Rows under their columns. In those that hold texts a quote stands before what a spreadsheet would run; amounts begin
 * with a minus, too, and stay numbers. Taking one quote from the beginning of a text that has one gives it back.
 */
export function formatCsv<const Column extends string>(
  columns: readonly Column[],
  rows: readonly { readonly [column in Column]: string }[],
  texts: readonly NoInfer<Column>[],
): string {
  const cell = (column: Column, value: string) =>
    texts.includes(column) && formulaStart.test(value) ? `'${value}` : value;
  return stringify([columns, ...rows.map((row) => columns.map((column) => cell(column, row[column])))]);
}
