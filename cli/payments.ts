// A file of payments, submitted: arguments of each line, limits of the accounts for the planner, results.
import { transferArguments } from '../contracts/payments.ts';
import { encode, type Value } from '../node/ledger/codec.ts';
import { equalBytes } from '../node/ledger/hash.ts';
import { findAccount, listAccounts } from './accounts.ts';
import type { Client } from './client.ts';
import { type FileLine, type FileOutcome, type SubmitSettings, submitFile } from './file-submission.ts';
import { outboxKey } from './outbox.ts';
import type { PaymentLine } from './payment-line.ts';

export interface PaymentsRequest extends SubmitSettings {
  /** Of the file's bytes: with mode, member and user it names the request. */
  readonly hash: string;
  readonly what: string;
  readonly lines: readonly PaymentLine[];
}

export type SubmittedPayment = PaymentLine & Omit<FileOutcome, 'line'>;

export async function submitPayments(request: PaymentsRequest): Promise<SubmittedPayment[]> {
  const { client, ledger, key, mode, lines, hash } = request;
  const hasLimit = await limitsOf(client, lines);
  const outcomes = await submitFile({
    ...request,
    outboxName: outboxKey('file', ledger.chainId, key.member, key.name, mode, hash),
    lines: lines.map(fileLine),
    method: 'transfer',
    batchMethod: 'batch',
    hasLimit,
  });
  return outcomes.flatMap(({ line, ...outcome }) => {
    const payment = lines[line];
    return payment === undefined ? [] : [{ ...payment, ...outcome }];
  });
}

function fileLine({ reference, from, to, amount, currency, purpose, date }: PaymentLine): FileLine {
  const args = transferArguments({ from, to, amount, currency, purpose, date });
  return { reference, from, to, args, isSame: (method, other) => method === 'transfer' && isSamePayment(other, args) };
}

/** From, to, amount and currency; purpose and date decide nothing, so another file, or day, may word them otherwise. */
export function isSamePayment(one: Value, other: Value): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return false;
  return equalBytes(encode(one.slice(0, 4)), encode(other.slice(0, 4)));
}

const askOneByOneMax = 200;
const askedAtOnce = 16;

/** Whether an account can be refused money. One that is unknown is refused anyway; it counts as limited. */
async function limitsOf(client: Client, lines: readonly PaymentLine[]): Promise<(account: string) => boolean> {
  const names = [...new Set(lines.flatMap(({ from, to }) => [from, to]))];
  const unlimited = new Set<string>();
  if (names.length > askOneByOneMax) {
    const wanted = new Set(names);
    for await (const { account, overdraftLimit } of listAccounts(client))
      if (overdraftLimit === 'none' && wanted.has(account)) unlimited.add(account);
  } else {
    for (let at = 0; at < names.length; at += askedAtOnce) {
      const found = await Promise.all(names.slice(at, at + askedAtOnce).map((name) => findAccount(client, name)));
      for (const account of found) if (account?.overdraftLimit === 'none') unlimited.add(account.account);
    }
  }
  return (account) => !unlimited.has(account);
}
