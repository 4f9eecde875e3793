// Accounts and the consortium as the API shows them, read from the state after the last block.
import { accountSchema, accountsCollection } from '../../contracts/accounts.ts';
import { consortiumName, keyRecords, memberRecords, validatorsOf } from '../../contracts/consortium-state.ts';
import type { StateReader } from '../../contracts/contract.ts';
import { paymentsName } from '../../contracts/payments.ts';
import { formatAmount } from '../ledger/amount.ts';
import { toHex } from '../ledger/hash.ts';
import { decodeAs } from '../ledger/schema.ts';
import type { StatePath, Store } from '../store/store.ts';

export interface AccountView {
  readonly account: string;
  /** Empty for the accounts that money is issued from. */
  readonly branch: string;
  readonly currency: string;
  readonly balance: string;
  /** `none`: without limit. */
  readonly overdraftLimit: string;
  readonly status: string;
}

export interface AccountDetail extends AccountView {
  readonly seq: number;
  readonly lastIndex: number;
}

const accountPrefix = `${paymentsName}/${accountsCollection.name}/`;

export function accountPath(id: string): StatePath {
  return accountPrefix + id;
}

export function accountDetail(store: Store, id: string): AccountDetail | undefined {
  const bytes = store.get(accountPath(id));
  return bytes === undefined ? undefined : detailOf(id, bytes);
}

/** Ascending by id, from the one after `after`; `next` is where to go on. */
export function accountPage(store: Store, limit: number, after?: string): { accounts: AccountView[]; next?: string } {
  const from = after === undefined ? undefined : accountPrefix + after;
  const rows = store.stateRange(accountPrefix, limit + 1, from);
  const accounts = rows.slice(0, limit).map(([path, bytes]): AccountView => {
    const { seq: _seq, lastIndex: _lastIndex, ...view } = detailOf(path.slice(accountPrefix.length), bytes);
    return view;
  });
  const last = accounts.at(-1);
  return rows.length > limit && last !== undefined ? { accounts, next: last.account } : { accounts };
}

function detailOf(id: string, bytes: Uint8Array): AccountDetail {
  const { branch, currency, balance, overdraftLimit, status, seq, lastIndex } = decodeAs(accountSchema, bytes);
  return {
    account: id,
    branch,
    currency,
    balance: formatAmount(balance, currency),
    overdraftLimit: overdraftLimit === undefined ? 'none' : formatAmount(overdraftLimit, currency),
    status,
    seq,
    lastIndex,
  };
}

export function consortiumView(store: Store) {
  const state: StateReader = {
    read(collection, key) {
      const bytes = store.get(`${consortiumName}/${collection.name}/${key}`);
      return bytes === undefined ? undefined : decodeAs(collection.schema, bytes);
    },
  };
  const members = allRecords(store, `${consortiumName}/${memberRecords.name}/`).map(([id, bytes]) => ({
    id,
    name: decodeAs(memberRecords.schema, bytes).name,
  }));
  const users = allRecords(store, `${consortiumName}/${keyRecords.name}/`)
    .map(([publicKey, bytes]) => {
      const { member, user, roles, active } = decodeAs(keyRecords.schema, bytes);
      return { member, user, publicKey, roles: [...roles], active: active === 1 };
    })
    .sort((a, b) => compare(`${a.member}/${a.user}`, `${b.member}/${b.user}`));
  const validators = (validatorsOf(state) ?? []).map(({ id, member, voteKey, auditKey, networkKey }) => ({
    id,
    member,
    voteKey: toHex(voteKey),
    auditKey: toHex(auditKey),
    networkKey: toHex(networkKey),
  }));
  return { members, users, validators };
}

const recordsPerRead = 1_000;

function allRecords(store: Store, prefix: string): (readonly [string, Uint8Array])[] {
  const found: (readonly [string, Uint8Array])[] = [];
  let after: StatePath | undefined;
  for (;;) {
    const rows = store.stateRange(prefix, recordsPerRead, after);
    for (const [path, bytes] of rows) found.push([path.slice(prefix.length), bytes]);
    after = rows.at(-1)?.[0];
    if (rows.length < recordsPerRead) return found;
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
