// Pays the lines of a file. Exit code 0: all were accepted; 5: the ledger refused some, or some were bad and left out
// (they are in the results).
import { accepted } from '../../node/ledger/entry.ts';
import { badLines } from '../account-import.ts';
import { CliError } from '../exit-codes.ts';
import type { SubmitMode } from '../file-submission.ts';
import { money, plural, policyText } from '../format.ts';
import { confirm } from '../passphrase.ts';
import type { PaymentLine } from '../payment-line.ts';
import { type SubmittedPayment, submitPayments } from '../payments.ts';
import { readPaymentsFile } from '../payments-file.ts';
import { meetPolicy } from '../policy-checkpoint.ts';
import { startProgress } from '../progress.ts';
import { checkResults, defaultResults, type LineResult, lineResults, writeResults } from '../results-file.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly single?: boolean;
  readonly bulk?: boolean;
  readonly skipBad?: boolean;
  readonly results?: string;
}

export async function run(options: Options, file: string): Promise<void> {
  const session = new Session(options);
  const mode = options.single === true ? 'single' : 'bulk';
  const results = options.results ?? defaultResults(file, session.paths);
  const summary = await submitPaymentsFile(session, { file, mode, results, skipBad: options.skipBad === true });
  const policy = await meetPolicy(session);
  session.output.data(
    { ...summary, lines: undefined, policy },
    () => `${summaryText(summary)}${policyText(policy).replace('; ', '\n')}`,
  );
  const unpaid = unpaidError(summary);
  if (unpaid !== undefined) throw unpaid;
}

/** A script that reads nothing but the exit code must not take a line for paid that was left out at its own wish. */
export function unpaidError({ file, refused, bad, results }: FileSummary): CliError | undefined {
  if (refused + bad === 0) return undefined;
  const parts = [
    ...(refused > 0 ? [`the ledger refused ${plural(refused, 'line')} of ${file}`] : []),
    ...(bad > 0 ? [`${plural(bad, 'bad line')} of ${file} ${bad === 1 ? 'was' : 'were'} left out`] : []),
  ];
  const anew = refused > 0 ? ' A corrected line that was refused needs a new reference.' : '';
  return new CliError('refused', parts.join(', and '), `Each stands with its reason in ${results}.${anew}`);
}

export interface FileOptions {
  readonly file: string;
  readonly mode: SubmitMode;
  readonly results: string;
  readonly skipBad: boolean;
}

export interface FileSummary {
  readonly file: string;
  readonly mode: SubmitMode;
  readonly accepted: number;
  /** Of the accepted: those that had been paid before, by this file or otherwise. */
  readonly alreadyPaid: number;
  readonly refused: number;
  readonly bad: number;
  readonly results: string;
  readonly seconds: number;
  readonly lines: readonly LineResult[];
}

export async function submitPaymentsFile(session: Session, options: FileOptions): Promise<FileSummary> {
  const { file, mode, results } = options;
  const { kind, lines, bad, hash } = await readPaymentsFile(file);
  if (bad.length > 0 && !options.skipBad) throw badLines(file, bad, kind === 'xml' ? 'transaction' : 'line');
  checkResults(results);
  if (lines.length === 0) throw new CliError('usage', `${file} has no payment`, 'Nothing was sent.');
  const key = await session.signer();
  await confirm(
    session,
    `Sign as ${key.name} of ${key.member}: ${plural(lines.length, 'payment')} of ${file}, ${totals(lines)}?`,
  );
  const { client, ledger, paths, output } = session;
  const progress = await startProgress(output, mode, lines.length);
  const began = Date.now();
  let payments: SubmittedPayment[];
  try {
    payments = await submitPayments({
      client,
      ledger,
      key,
      mode,
      hash,
      lines,
      what: file,
      outboxFolder: paths.outbox,
      onProgress: (done, refused) => progress.update(done, refused > 0 ? `${refused} refused` : ''),
    });
  } finally {
    progress.stop();
  }
  const outcomes = lineResults(payments, bad);
  writeResults(results, outcomes);
  const good = payments.filter(({ outcome }) => outcome === accepted);
  return {
    file,
    mode,
    accepted: good.length,
    alreadyPaid: good.filter(({ already, isEarlier }) => already || isEarlier).length,
    refused: payments.length - good.length,
    bad: bad.length,
    results,
    seconds: (Date.now() - began) / 1_000,
    lines: outcomes,
  };
}

function totals(lines: readonly PaymentLine[]): string {
  const sums = new Map<string, bigint>();
  for (const { currency, amount } of lines) sums.set(currency, (sums.get(currency) ?? 0n) + amount);
  return [...sums].map(([currency, sum]) => money(sum, currency)).join(' and ');
}

const shownMax = 10;

export function summaryText(summary: FileSummary): string {
  const { alreadyPaid, bad, results, seconds } = summary;
  const parts = [
    `${plural(summary.accepted, 'line')} accepted`,
    ...(alreadyPaid > 0 ? [`${alreadyPaid.toLocaleString('en')} of them paid before`] : []),
    `${summary.refused} refused`,
    ...(bad > 0 ? [`${bad} bad and left out`] : []),
  ];
  const rate = Math.round(summary.lines.length / Math.max(seconds, 0.001));
  const refused = summary.lines.filter(({ outcome }) => outcome !== accepted);
  return [
    `${parts.join(', ')} in ${seconds.toFixed(1)} s (${rate.toLocaleString('en')} a second); results: ${results}`,
    ...refused
      .slice(0, shownMax)
      .map(({ line, reference, outcome, text }) => `  line ${line}  ${reference}  ${outcome}  ${text}`),
    ...(refused.length > shownMax ? [`  and ${refused.length - shownMax} more`] : []),
  ].join('\n');
}
