// All accounts, page by page, as one node shows them now. The node is believed: balances come without a proof here (an
// audit checks them).
import { type ApiAccount, listOf, objectOf, readAccount, textOf } from './api-types.ts';
import { ApiProblem, type Client } from './client.ts';

const pageSize = 1_000;

export async function* listAccounts(client: Client): AsyncGenerator<ApiAccount> {
  let after: string | undefined;
  do {
    const path = `/v1/accounts?limit=${pageSize}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`;
    const page = await client.getCurrent(path, (value) => {
      const { accounts, next } = objectOf(value);
      return { accounts: listOf(accounts).map(readAccount), next: next === undefined ? undefined : textOf(next) };
    });
    yield* page.accounts;
    after = page.next;
  } while (after !== undefined);
}

export async function findAccount(client: Client, name: string): Promise<ApiAccount | undefined> {
  try {
    return await client.getCurrent(`/v1/accounts/${encodeURIComponent(name)}`, readAccount);
  } catch (error) {
    if (error instanceof ApiProblem && error.code === 'not-found') return undefined;
    throw error;
  }
}
