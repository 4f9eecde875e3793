// Every posting of an account in a range of the log, and the proof that none is left out; 7 where there is a gap.
import { SizeError } from '../../node/audit/balance-prover.ts';
import {
  type Bound,
  isReached,
  type ProvenStatement,
  proveStatement,
  type Standing,
} from '../../node/audit/statement.ts';
import { formatAmount } from '../../node/ledger/amount.ts';
import { checkAccountName, isoSeconds, neededGenesis, proofProblem, proofSource } from '../audit.ts';
import { formatCsv } from '../csv.ts';
import { CliError } from '../exit-codes.ts';
import { money, plural } from '../format.ts';
import { table } from '../output.ts';
import { policyOf } from '../policy.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly from?: string;
  readonly to?: string;
  readonly csv?: boolean;
  readonly archive?: string;
  readonly genesis?: string;
}

const dayMs = 86_400_000;

export async function run(options: Options, account: string): Promise<void> {
  checkAccountName(account);
  const session = new Session(options);
  const from = boundOf(options.from ?? '0', 0);
  const to = options.to === undefined ? undefined : boundOf(options.to, dayMs);
  refuseBackwards(options, from, to);
  const genesis = neededGenesis(session.paths, options.genesis);
  const policy = policyOf(session.paths, options.policy, genesis);
  try {
    const source = await proofSource(session, options);
    const statement = await proveStatement(source, { account, from, to, genesis, policy });
    const isCovered = [from, to].every((bound) => isReached(bound, statement.timestamp));
    const limit = isCovered ? '' : endOf(statement);
    if (statement.closing === undefined)
      throw new CliError(
        'failed',
        `there is no account ${account} in that range, and that is proved${limit}`,
        undefined,
        'not-found',
      );
    const rows = rowsOf(statement);
    if (options.csv === true && !session.output.json) {
      process.stdout.write(formatCsv(columns, rows, ['counterparty', 'purpose']));
      return session.output.note(completeLine(statement, limit));
    }
    session.output.data(view(statement, rows, isCovered), () => {
      const cells = rows.map((row) => columns.map((column) => row[column]));
      const body = rows.length === 0 ? [] : [table(columns, cells, [0, 1, 4, 5])];
      return [...body, completeLine(statement, limit)].join('\n');
    });
  } catch (error) {
    if (error instanceof SizeError) throw new CliError('usage', error.message, 'Choose another --from or --to.');
    throw proofProblem(error, options.archive === undefined ? 'node' : 'file');
  }
}

/** Between two days that are the wrong way round there is no entry, which must not look like a quiet account. */
function refuseBackwards(options: Options, from: Bound, to: Bound | undefined): void {
  if (to === undefined || !('timeMs' in from && 'timeMs' in to) || from.timeMs < to.timeMs) return;
  throw new CliError('usage', `--from ${options.from} is after --to ${options.to}`, 'Choose another --from or --to.');
}

/** A day as a whole, in UTC like every time of the ledger, or an index of the log. */
function boundOf(text: string, dayOffsetMs: number): Bound {
  if (/^(0|[1-9][0-9]{0,14})$/.test(text)) return { size: Number(text) };
  const timeMs = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(timeMs) || new Date(timeMs).toISOString().slice(0, 10) !== text)
    throw new CliError('usage', `${text} is no date and no log index`, 'Write 2026-01-31, or a whole number.');
  return { timeMs: timeMs + dayOffsetMs };
}

const columns = ['entry', 'seq', 'date', 'counterparty', 'amount', 'balance', 'purpose'] as const;

type Row = { readonly [column in (typeof columns)[number]]: string };

function rowsOf({ lines }: ProvenStatement): Row[] {
  return lines.map(({ index, seq, posting, balance, currency }) => ({
    entry: `${index}`,
    seq: `${seq}`,
    date: posting?.date ?? '',
    counterparty: posting?.counterparty ?? '',
    amount: posting === undefined ? '' : formatAmount(posting.amount, currency),
    balance: formatAmount(balance, currency),
    purpose: posting === undefined ? 'account opened' : posting.purpose,
  }));
}

/** Said where the days that were asked for go on after the log that was shown. */
function endOf({ timestamp }: ProvenStatement): string {
  return ` up to ${isoSeconds(timestamp)} only (the log that was shown ends there)`;
}

function view(statement: ProvenStatement, lines: readonly Row[], rangeCovered: boolean) {
  const { account, currency = '', from, to, opening, closing, checkpoint, height, timestamp } = statement;
  const standing = (at: Standing | undefined) => at && { seq: at.seq, balance: formatAmount(at.balance, currency) };
  const { origin, size, root } = checkpoint;
  return {
    ok: true,
    complete: true,
    rangeCovered,
    ...{ account, currency, from, to, opening: standing(opening), closing: standing(closing), lines },
    checkpoint: { origin, size, root, height, timestamp: isoSeconds(timestamp) },
  };
}

function completeLine(statement: ProvenStatement, limit: string): string {
  const { account, currency = '', from, to, opening, closing, lines, checkpoint, height, timestamp } = statement;
  const held = opening === undefined ? 'no account' : money(opening.balance, currency);
  const left = closing === undefined ? 'no account' : money(closing.balance, currency);
  const postings = lines.filter(({ posting }) => posting !== undefined);
  const [first, last] = [postings[0], postings.at(-1)];
  const seqs = first === undefined || last === undefined ? '' : ` (seq ${first.seq} to ${last.seq})`;
  const where = from === to ? '0 entries' : `entries ${from} to ${to - 1}`;
  const what = `${plural(postings.length, 'posting')}${seqs} of ${account} in ${where}`;
  const log = `checkpoint of ${checkpoint.size} entries (block ${height}, ${isoSeconds(timestamp)})`;
  return `OK: provably complete${limit}: ${what}, from ${held} to ${left}; ${log}`;
}
