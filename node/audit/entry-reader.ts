// An entry as its bytes say it, before any rule: it knows no place in a log, so entries may be read ahead of the rules
// that judge them in order. What is wrong with the form is kept, and becomes a finding when its turn comes.
import type { SignatureCheck } from '../ledger/certificate.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeEntry, type Entry } from '../ledger/entry.ts';
import { decodeTransaction, isSigned, type Transaction } from '../ledger/transaction.ts';

export interface ReadEntry {
  readonly bytes: Uint8Array;
  /** Or why the bytes are none. */
  readonly entry: Entry | string;
  /** Of a transaction entry alone, or why its bytes are none. */
  readonly transaction: Transaction | string | undefined;
  /** Whether the transaction's signature is good, where that was judged ahead; else the rules judge it. */
  isSigned: boolean | undefined;
}

export function readEntry(bytes: Uint8Array): ReadEntry {
  const entry = decoded(() => decodeEntry(bytes));
  const transaction =
    typeof entry === 'string' || entry.kind !== 1 ? undefined : decoded(() => decodeTransaction(entry.transaction));
  return { bytes, entry, transaction, isSigned: undefined };
}

/** What was judged ahead, or the signature check itself. */
export function isReadSigned(read: ReadEntry, transaction: Transaction, check: SignatureCheck): boolean {
  return read.isSigned ?? isSigned(transaction, check);
}

function decoded<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
}
