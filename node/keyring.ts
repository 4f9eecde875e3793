// The keys of one validator: those in force and, while they are being changed, the next ones, in a second file beside
// the first. The ledger says which of them speaks: whoever holds both is re-keyed without a pause.
import { existsSync } from 'node:fs';
import { toHex } from './ledger/hash.ts';
import { deriveSeed, publicKeyOf, sign } from './ledger/signature.ts';
import { nextKeyFile, readValidatorKey, type ValidatorKey, ValidatorKeyError } from './validator-key.ts';

export class Keyring {
  readonly #file: string;
  readonly #validator: string;
  /** By vote key in hex. */
  readonly #keys = new Map<string, ValidatorKey>();
  readonly #first: ValidatorKey;

  /** Throws ValidatorKeyError. */
  constructor(file: string, validator: string) {
    this.#file = file;
    this.#validator = validator;
    this.#first = this.#read(file);
    this.#readNext();
  }

  /** Of the first file: who is not known to the ledger yet speaks under this one. */
  get networkSeed(): Uint8Array {
    return deriveSeed(this.#first.seed, 'network');
  }

  /** Of the log's name, under which this node alone speaks: the first file's. */
  get logSeed(): Uint8Array {
    return deriveSeed(this.#first.seed, 'log');
  }

  /** The present file's first. */
  auditSeeds(): Uint8Array[] {
    return [...this.#keys.values()].map(({ seed }) => deriveSeed(seed, 'audit'));
  }

  /** Looks for next keys that came while the node ran. */
  holds(voteKey: Uint8Array): boolean {
    if (!this.#keys.has(toHex(voteKey))) this.#readNext();
    return this.#keys.has(toHex(voteKey));
  }

  /** By their vote keys; the present file's first. */
  held(): { readonly voteKey: Uint8Array; readonly networkKey: Uint8Array }[] {
    return [...this.#keys.values()].map(({ seed }) => ({
      voteKey: publicKeyOf(deriveSeed(seed, 'vote')),
      networkKey: publicKeyOf(deriveSeed(seed, 'network')),
    }));
  }

  sign(message: Uint8Array, voteKey: Uint8Array): Uint8Array {
    return sign(message, deriveSeed(this.#of(voteKey).seed, 'vote'));
  }

  networkSeedOf(voteKey: Uint8Array): Uint8Array {
    return deriveSeed(this.#of(voteKey).seed, 'network');
  }

  #of(voteKey: Uint8Array): ValidatorKey {
    const key = this.#keys.get(toHex(voteKey));
    if (key === undefined) throw new ValidatorKeyError(`no seed of ${this.#validator} for vote key ${toHex(voteKey)}`);
    return key;
  }

  #readNext(): void {
    const next = nextKeyFile(this.#file);
    if (existsSync(next)) this.#read(next);
  }

  #read(file: string): ValidatorKey {
    const key = readValidatorKey(file);
    if (key.validator !== this.#validator)
      throw new ValidatorKeyError(
        `${file} holds another key: that of ${key.validator}, and this is ${this.#validator}. Use its own key file.`,
      );
    this.#keys.set(toHex(publicKeyOf(deriveSeed(key.seed, 'vote'))), key);
    return key;
  }
}
