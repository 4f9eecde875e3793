// What a command says: data on stdout, in text or as JSON; everything else on stderr. Colours only on a terminal that
// wants them (no-color.org).
import { CliError, exitCodes } from './exit-codes.ts';
import { printable } from './printable.ts';

export interface Output {
  readonly json: boolean;
  /** The command's result; `text` is called where JSON was not asked for. */
  data(value: unknown, text: () => string): void;
  /** Progress and remarks. */
  note(text: string): void;
  readonly isTerminal: boolean;
}

/** Amounts are bigint and become text: a JSON number would lose digits. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? item.toString() : item), indent);
}

export function terminalOutput(json: boolean): Output {
  const isTerminal = process.stderr.isTTY === true && process.stdin.isTTY === true;
  return {
    json,
    isTerminal,
    data: (value, text) => {
      process.stdout.write(`${json ? toJson(value) : printable(text())}\n`);
    },
    note: (text) => {
      process.stderr.write(`${printable(text)}\n`);
    },
  };
}

/** Bytes that are no text go to a file or a program: a terminal would obey some of them. `instead` says how. */
export function refuseTerminal({ isTTY }: { readonly isTTY?: boolean }, what: string, instead: string): void {
  if (isTTY === true) throw new CliError('usage', `${what} are bytes, and this is a terminal`, instead);
}

/** Writes an error the way the command's other output is, and gives the exit code. */
export function reportError(error: unknown, json: boolean): number {
  const known = error instanceof CliError;
  const message = error instanceof Error ? error.message : String(error);
  const exitCode = known ? error.exitCode : exitCodes.failed;
  if (json) {
    const facts = known ? { code: error.code, next: error.next } : {};
    process.stderr.write(`${toJson({ error: { exitCode, message, ...facts } })}\n`);
  } else {
    process.stderr.write(`${paint('red', 'error:', process.stderr)} ${printable(message)}\n`);
    if (known && error.next !== undefined) process.stderr.write(`${printable(error.next)}\n`);
    if (!known && error instanceof Error && process.env['DAYBOOK_DEBUG'] !== undefined)
      process.stderr.write(`${error.stack}\n`);
  }
  return exitCode;
}

const codes = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

export function paint(colour: keyof typeof codes, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  const isWanted = stream.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
  return isWanted ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;
}

/** Columns padded to their widest cell; numbers to the right. Two spaces between, nothing else. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    widths
      .map((width, column) => {
        const cell = row[column] ?? '';
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [paint('bold', line(head)), ...rows.map(line)].join('\n');
}
