// One account, as a node shows it now.

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
  output.data(account, () =>
    [
      `account          ${name}`,
      `branch           ${branch}`,
      `balance          ${balance} ${currency}`,
      `overdraft limit  ${overdraftLimit}${overdraftLimit === 'none' ? '' : ` ${currency}`}`,
    ].join('\n'),
  );
}
