// The contracts that a ledger runs, in the order of their sections in the genesis document.
import type { TransactionBody } from '../node/ledger/transaction.ts';
import { consortium, consortiumLines } from './consortium.ts';
import { consortiumName } from './consortium-state.ts';
import type { Contract } from './contract.ts';
import { paymentLines, payments, paymentsName } from './payments.ts';

export const contracts: readonly Contract[] = [consortium, payments];

/** How many of a block's lines an honest primary counts for a transaction: at most those of the largest batch. */
export function lineCount({ contract, method, args }: TransactionBody): number {
  if (contract === paymentsName) return paymentLines(method, args);
  return contract === consortiumName ? consortiumLines(method, args) : 1;
}
