// A file of payments, whatever its kind: its lines, its bad lines, and its hash, by which a second run knows it again.
// One reference may stand in a file once only: it is the name under which the ledger pays a line no more than once.
import { extname } from 'node:path';
import { sha256, toHex } from '../node/ledger/hash.ts';
import { CliError } from './exit-codes.ts';
import { readInput } from './files.ts';
import type { BadLine, PaymentLine } from './payment-line.ts';

export interface PaymentsFile {
  readonly kind: 'csv' | 'xml';
  /** Of the file's bytes, in hex. */
  readonly hash: string;
  readonly lines: readonly PaymentLine[];
  readonly bad: readonly BadLine[];
}

const fileBytesMax = 64 * 1_048_576;

export async function readPaymentsFile(path: string): Promise<PaymentsFile> {
  const bytes = readInput(path);
  if (bytes.length > fileBytesMax)
    throw new CliError('usage', `${path} is over ${fileBytesMax / 1_048_576} MiB`, 'Split it.');
  const text = decodeText(path, bytes);
  const extension = extname(path).toLowerCase();
  const kind = extension === '.xml' ? 'xml' : 'csv';
  if (extension !== '.xml' && extension !== '.csv')
    throw new CliError('usage', `${path} ends neither with .csv nor with .xml`, 'Name a CSV or a pain.001 file.');
  const read = kind === 'xml' ? (await import('./pain001.ts')).readPain001 : (await import('./csv.ts')).readPaymentsCsv;
  const { lines, bad } = read(path, text);
  return { kind, hash: toHex(sha256(bytes)), ...withoutRepeats(lines, bad) };
}

/** UTF-8 alone, and strictly: a byte that is none would end up in a purpose, changed. */
export function decodeText(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CliError('usage', `${path} is not UTF-8 text`, 'Save it as UTF-8.');
  }
}

function withoutRepeats(
  lines: readonly PaymentLine[],
  bad: readonly BadLine[],
): { readonly lines: PaymentLine[]; readonly bad: BadLine[] } {
  const first = new Map<string, number>();
  const kept: PaymentLine[] = [];
  const repeated: BadLine[] = [];
  for (const line of lines) {
    const before = first.get(line.reference);
    if (before === undefined) {
      first.set(line.reference, line.line);
      kept.push(line);
    } else {
      const reason = `reference "${line.reference}" stands in line ${before} already`;
      repeated.push({ line: line.line, reference: line.reference, reason });
    }
  }
  return { lines: kept, bad: [...bad, ...repeated].sort((a, b) => a.line - b.line) };
}
