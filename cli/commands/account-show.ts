// One account, as a node shows it now: its word, which `audit balance` proves or does not.

import { findAccount } from '../accounts.ts';
import { CliError } from '../exit-codes.ts';
import { type CommonOptions, Session } from '../session.ts';

export async function run(options: CommonOptions, name: string): Promise<void> {
  const { client, output } = new Session(options);
  const account = await findAccount(client, name);
  if (account === undefined)
    throw new CliError(
      'failed',
      `there is no account ${name}`,
      '`daybook account list` shows all of them.',
      'not-found',
    );
  const { branch, currency, balance, overdraftLimit } = account;
  output.data({ ...account, verified: false }, () =>
    [
      `account          ${name}`,
      `branch           ${branch}`,
      `balance          ${balance} ${currency}`,
      `overdraft limit  ${overdraftLimit}${overdraftLimit === 'none' ? '' : ` ${currency}`}`,
      `proved           no, one validator says so; proof: daybook audit balance ${name}`,
    ].join('\n'),
  );
}
