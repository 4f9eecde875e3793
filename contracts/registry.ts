// The contracts that a ledger runs, in the order of their sections in the genesis document.
import type { TransactionBody } from '../node/ledger/transaction.ts';
import { consortium } from './consortium.ts';
import type { Contract } from './contract.ts';
import { paymentLines, payments, paymentsName } from './payments.ts';

export const contracts: readonly Contract[] = [consortium, payments];

/** How many of a block's lines a transaction takes: those of a batch, else one. */
export function lineCount(body: TransactionBody): number {
  return body.contract === paymentsName ? paymentLines(body.method, body.args) : 1;
}
