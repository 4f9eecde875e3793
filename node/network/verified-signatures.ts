// Remembers signatures that were good. Statuses, ViewChanges and certificates are repeated often, and a hash costs a
// hundredth of a verification. Only good ones are kept: a flood of bad ones cannot push them out.
import type { SignatureCheck } from '../ledger/certificate.ts';
import { sha256Latin1 } from '../ledger/hash.ts';
import { verify } from '../ledger/signature.ts';

export class VerifiedSignatures {
  readonly #max: number;
  #recent = new Set<string>();
  #older = new Set<string>();

  /** Holds at most twice `max`; forgetting costs time and nothing else. */
  constructor(max = 8_192) {
    this.#max = max;
  }

  /** Same answer as `verify`. */
  readonly check: SignatureCheck = (message, signature, publicKey) => {
    // Signature and key have fixed lengths, else verify refuses them, so the parts cannot be cut in another place.
    const name = sha256Latin1(publicKey, signature, message);
    if (this.#recent.has(name)) return true;
    if (!this.#older.has(name) && !verify(message, signature, publicKey)) return false;
    if (this.#recent.size >= this.#max) {
      this.#older = this.#recent;
      this.#recent = new Set();
    }
    this.#recent.add(name);
    return true;
  };

  get size(): number {
    return this.#recent.size + this.#older.size;
  }
}
