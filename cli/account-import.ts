// Accounts from a CSV file: those that exist and are the same are left alone, the rest is opened in batches. Opening is
// once-only by the account's name, so that a second run after a crash or a refusal is safe.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openArguments } from '../contracts/payments.ts';
import { parseAmount } from '../node/ledger/amount.ts';
import { accepted } from '../node/ledger/entry.ts';
import { toHex } from '../node/ledger/hash.ts';
import { findAccount, listAccounts } from './accounts.ts';
import type { ApiAccount } from './api-types.ts';
import { readCsv } from './csv.ts';
import { CliError } from './exit-codes.ts';
import { type FileLine, type SubmitSettings, submitFile } from './file-submission.ts';
import { readInput } from './files.ts';
import { money, outcomeText, plural } from './format.ts';
import { amountReason, type BadLine, identifierProblem } from './payment-line.ts';
import { decodeText } from './payments-file.ts';

export interface AccountLine {
  readonly line: number;
  readonly account: string;
  readonly branch: string;
  readonly currency: string;
  /** Undefined: without limit. */
  readonly overdraftLimit: bigint | undefined;
  readonly openingBalance: bigint;
}

const columns = ['account', 'branch', 'currency', 'overdraft_limit', 'opening_balance'] as const;

/** Every line, or a refusal that names all the bad ones. */
export function readAccountsFile(path: string): AccountLine[] {
  const { rows, bad } = readCsv(path, decodeText(path, readInput(path)), columns);
  const lines: AccountLine[] = [];
  const refused: BadLine[] = [...bad];
  const first = new Map<string, number>();
  for (const { line, fields } of rows) {
    const read = readLine(fields);
    const before = first.get(fields.account);
    const problem =
      typeof read === 'string' ? read : before && `account ${fields.account} stands in line ${before} already`;
    if (typeof problem === 'string') refused.push({ line, reference: fields.account, reason: problem });
    else if (typeof read !== 'string') lines.push({ line, ...read });
    first.set(fields.account, before ?? line);
  }
  if (refused.length > 0) throw badLines(path, refused);
  return lines;
}

const shownMax = 20;

/** `unit` is what a bad line's number counts: lines of a CSV file, transactions of an XML message. */
export function badLines(path: string, bad: readonly BadLine[], unit = 'line'): CliError {
  const shown = [...bad].sort((a, b) => a.line - b.line).slice(0, shownMax);
  const list = shown.map(({ line, reason }) => `  ${unit} ${line}: ${reason}`);
  if (bad.length > shownMax) list.push(`  and ${bad.length - shownMax} more`);
  const count = plural(bad.length, `bad ${unit}`);
  return new CliError('usage', [`${path} has ${count}; nothing was sent:`, ...list].join('\n'), 'Correct the file.');
}

type Fields = { readonly [column in (typeof columns)[number]]: string };

function readLine(fields: Fields): Omit<AccountLine, 'line'> | string {
  const { account, branch, currency } = fields;
  const problem = identifierProblem('account', account) ?? identifierProblem('branch', branch);
  if (problem !== undefined) return problem;
  const limit =
    fields.overdraft_limit === 'none' ? undefined : parseAmount(fields.overdraft_limit, currency, 'not-negative');
  if (typeof limit === 'string') return `overdraft_limit: ${amountReason(limit, fields.overdraft_limit, currency)}`;
  const opening = parseAmount(fields.opening_balance, currency, 'not-negative');
  if (typeof opening === 'string') return `opening_balance: ${amountReason(opening, fields.opening_balance, currency)}`;
  return { account, branch, currency, overdraftLimit: limit, openingBalance: opening };
}

/** How much of each currency the file would issue. */
export function openingSums(lines: readonly AccountLine[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { currency, openingBalance } of lines)
    if (openingBalance > 0n) sums.set(currency, (sums.get(currency) ?? 0n) + openingBalance);
  return sums;
}

export interface ImportPlan {
  readonly missing: readonly AccountLine[];
  readonly existing: number;
}

/** What is left to open. An account that exists with other terms is an error: an import changes nothing. */
export async function planImport(
  settings: SubmitSettings,
  path: string,
  lines: readonly AccountLine[],
): Promise<ImportPlan> {
  const known = new Map<string, ApiAccount>();
  for await (const account of listAccounts(settings.client)) known.set(account.account, account);
  const different: BadLine[] = [];
  const missing = lines.filter((line) => {
    const account = known.get(line.account);
    if (account === undefined) return true;
    if (!isSame(account, line)) {
      const terms = `${account.branch}, ${account.currency}, overdraft limit ${account.overdraftLimit}`;
      different.push({
        line: line.line,
        reference: line.account,
        reason: `${line.account} exists with other terms: ${terms}`,
      });
    }
    return false;
  });
  if (different.length > 0) throw badLines(path, different);
  const allowed = new Map(settings.ledger.genesis.payments.issuance.map(({ currency, amount }) => [currency, amount]));
  for (const [currency, sum] of openingSums(missing)) {
    const limit = allowed.get(currency) ?? 0n;
    if (sum > limit)
      throw new CliError(
        'usage',
        `${path} opens accounts with ${money(sum, currency)}; genesis allows ${money(limit, currency)} to be issued`,
        'Nothing was sent. Set the opening balances to 0, or begin a chain that allows it (daybook devnet up --issue).',
      );
  }
  return { missing, existing: lines.length - missing.length };
}

function isSame(account: ApiAccount, line: AccountLine): boolean {
  const limit =
    account.overdraftLimit === 'none' ? undefined : parseAmount(account.overdraftLimit, line.currency, 'any');
  return account.branch === line.branch && account.currency === line.currency && limit === line.overdraftLimit;
}

/** Opens them all; refused lines are an error that names each. */
export async function openAccounts(
  settings: SubmitSettings,
  path: string,
  missing: readonly AccountLine[],
): Promise<void> {
  if (missing.length === 0) return;
  // References are new in each run: one that was refused, for want of its branch say, must not stay refused for ever.
  const runName = toHex(randomBytes(8));
  const lines = missing.map((each, i): FileLine => {
    const { line: _line, ...terms } = each;
    const args = openArguments(terms);
    return { reference: `O-${runName}-${i + 1}`, from: each.branch, to: each.account, args, isSame: () => true };
  });
  const outcomes = await submitFile({
    ...settings,
    mode: 'bulk',
    outboxName: `import-${runName}`,
    what: path,
    lines,
    method: 'open',
    batchMethod: 'open-batch',
    hasLimit: () => false,
  });
  const refused: BadLine[] = [];
  for (const { line, outcome } of outcomes) {
    const wanted = missing[line];
    if (outcome === accepted || wanted === undefined) continue;
    const found = outcome === 'DUPACCT' ? await findAccount(settings.client, wanted.account) : undefined;
    if (found !== undefined && isSame(found, wanted)) continue; // opened by a run that was cut off
    refused.push({ line: wanted.line, reference: wanted.account, reason: `${outcome}: ${outcomeText(outcome)}` });
  }
  rmSync(join(settings.outboxFolder, `import-${runName}.jsonl`), { force: true });
  if (refused.length === 0) return;
  const list = refused
    .slice(0, shownMax)
    .map(({ line, reference, reason }) => `  line ${line} (${reference}): ${reason}`);
  const message = [`${refused.length} of ${missing.length} accounts were refused:`, ...list].join('\n');
  throw new CliError('refused', message, 'The others are open. Correct the cause and run the command again.');
}
