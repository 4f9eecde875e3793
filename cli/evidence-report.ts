// A report of `audit evidence` as a file: the JSON that it printed, signed or not.
import { fromBase64 } from '../node/ledger/base64.ts';
import { evidenceReportMessage } from '../node/ledger/evidence-report.ts';
import { fromHex } from '../node/ledger/hash.ts';
import { verify } from '../node/ledger/signature.ts';
import { fileAdvice } from './client.ts';
import { CliError } from './exit-codes.ts';
import { isObject, readInput } from './files.ts';

export interface ReportFile {
  /** The bytes that are judged, and that the signature is over. */
  readonly report: Uint8Array;
  /** The key that signed it, in hex; whose it is, the file says and nothing proves. */
  readonly signedBy: string | undefined;
}

export function readReport(file: string): ReportFile {
  const value = parsed(readInput(file).toString('utf8'));
  const report = isObject(value) && typeof value['report'] === 'string' ? fromBase64(value['report']) : undefined;
  if (!isObject(value) || report === undefined)
    throw new CliError('verification', `${file} is no report of \`daybook audit evidence --json\``, fileAdvice);
  if (value['signature'] === undefined) return { report, signedBy: undefined };
  const { signature, signedBy } = value;
  const publicKey = isObject(signedBy) && typeof signedBy['publicKey'] === 'string' ? signedBy['publicKey'] : '';
  const bytes = typeof signature === 'string' ? fromBase64(signature) : undefined;
  const key = fromHex(publicKey);
  if (bytes === undefined || key === undefined || !verify(evidenceReportMessage(report), bytes, key))
    throw new CliError('verification', `${file}: the signature is not that of the key beside it`, fileAdvice);
  return { report, signedBy: publicKey };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
