// Transactions whose signature this node has found good, decoded, by the hash of their exact bytes: one that came
// through the mempool is not decoded and verified a second time in its block. Forgetting any of it costs time and
// nothing else.
import { sha256Latin1 } from '../ledger/hash.ts';
import { decodeTransaction, isSigned, type Transaction } from '../ledger/transaction.ts';

const defaultBytesMax = 33_554_432;

/** What execution asks of it. */
export interface KnownTransactions {
  /** Throws DecodeError. */
  decode(bytes: Uint8Array): Transaction;
  isVerified(transaction: Transaction): boolean;
}

export class TransactionCache implements KnownTransactions {
  readonly #generationBytesMax: number;
  #young = new Map<string, Transaction>();
  #old = new Map<string, Transaction>();
  #youngBytes = 0;

  /** Holds at most `bytesMax` bytes of transactions, in two generations: the older is forgotten as a whole. */
  constructor(bytesMax: number = defaultBytesMax) {
    this.#generationBytesMax = bytesMax / 2;
  }

  /** Throws DecodeError. */
  decode(bytes: Uint8Array): Transaction {
    return this.#find(sha256Latin1(bytes)) ?? decodeTransaction(bytes);
  }

  /** Whether the signature is good. Bad ones are not remembered, so a forger cannot push others out. */
  isVerified(transaction: Transaction): boolean {
    const key = sha256Latin1(transaction.bytes);
    if (this.#find(key) !== undefined) return true;
    if (!isSigned(transaction)) return false;
    this.#keep(key, transaction);
    return true;
  }

  #find(key: string): Transaction | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.#keep(key, old);
    return old;
  }

  #keep(key: string, transaction: Transaction): void {
    if (this.#youngBytes + transaction.bytes.length > this.#generationBytesMax) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(key, transaction);
    this.#youngBytes += transaction.bytes.length;
  }
}
