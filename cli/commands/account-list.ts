// All accounts, as a node shows them now.
import { listAccounts } from '../accounts.ts';
import type { ApiAccount } from '../api-types.ts';
import { table } from '../output.ts';
import { type CommonOptions, Session } from '../session.ts';

export async function run(options: CommonOptions): Promise<void> {
  const { client, output } = new Session(options);
  const accounts: ApiAccount[] = [];
  for await (const account of listAccounts(client)) accounts.push(account);
  const rows = accounts.map((each) => [each.account, each.branch, each.currency, each.balance, each.overdraftLimit]);
  output.data(accounts, () => table(['account', 'branch', 'currency', 'balance', 'overdraft limit'], rows, [3, 4]));
}
