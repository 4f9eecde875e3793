// How the validator set came to be what it is: for each change the header that names the next set, that header's commit
// certificate, and the set itself. Whoever knows the genesis set can walk to any later one and need trust nobody.
import { certificateProblem, certificateSchema } from './certificate.ts';
import { DecodeError } from './codec.ts';
import { decodeHeader, headerDigest } from './entry.ts';
import { digestBytes, equalBytes } from './hash.ts';
import type { Header } from './header.ts';
import { entryBytesMax } from './limits.ts';
import { bytes, list, record, type TypeOf } from './schema.ts';
import { type ValidatorSet, validatorSetHash, validatorSetSchema } from './validators.ts';

export const setLinkSchema = record({
  /** Header entry of the block that changes the set. */
  header: bytes(1, entryBytesMax),
  certificate: certificateSchema,
  /** Who votes from the next height on. */
  next: validatorSetSchema,
});
export type SetLink = TypeOf<typeof setLinkSchema>;

/** A block under its commit certificate. */
export type CertifiedHeader = Pick<SetLink, 'header' | 'certificate'>;

/** A file of all changes, for whoever checks receipts or archives without a network. */
export const setLinksSchema = list(setLinkSchema, 0, 2_000);

/** A set that was reached from genesis, in force from a height on until the next one. */
export interface KnownSet {
  readonly epoch: number;
  readonly from: number;
  readonly validators: ValidatorSet;
}

export class SetChain {
  readonly #chainId: Uint8Array;
  readonly #sets: KnownSet[];
  /** Entries of the log with the last block before each set. */
  readonly #sizes = [0];

  constructor(chainId: Uint8Array, genesisSet: ValidatorSet) {
    this.#chainId = chainId;
    this.#sets = [{ epoch: 0, from: 1, validators: genesisSet }];
  }

  get latest(): KnownSet {
    return this.#sets.at(-1) as KnownSet;
  }

  epoch(number: number): KnownSet | undefined {
    return this.#sets[number];
  }

  /** The set whose quorum certifies a height, as far as links were added. */
  at(height: number): KnownSet | undefined {
    return this.#sets.findLast(({ from }) => from <= height);
  }

  /**
   * The set whose cosignatures count for a log of this size, as far as links were added. The size says it, and nobody
   * else: validators of an epoch that is over could sign what they like by now.
   */
  ofSize(size: number): KnownSet {
    return this.#sets[this.#sizes.findLastIndex((from) => from < size)] ?? this.latest;
  }

  /** Takes the next change, or says why it is none. */
  add(link: SetLink): string | undefined {
    const header = this.certified(link);
    if (typeof header === 'string') return header;
    if (equalBytes(header.nextValidatorSetHash, header.validatorSetHash)) return 'a header that changes nothing';
    if (!isHash(header.nextValidatorSetHash, link.next)) return 'another next set than the header names';
    this.#sets.push({ epoch: this.latest.epoch + 1, from: header.height + 1, validators: link.next });
    this.#sizes.push(header.logSize + 1);
    return undefined;
  }

  /** The header of a block that the latest set has certified, or why it is none. */
  certified({ header: encoded, certificate }: CertifiedHeader): Header | string {
    const { epoch, from, validators } = this.latest;
    const header = headerOf(encoded);
    if (typeof header === 'string') return header;
    if (!equalBytes(header.chainId, this.#chainId)) return 'a change of another chain';
    if (header.epoch !== epoch) return `a change in epoch ${header.epoch} where ${epoch} ends`;
    if (header.height < from) return `a change at height ${header.height}, before epoch ${epoch} begins at ${from}`;
    if (!isHash(header.validatorSetHash, validators)) return `another validator set in force in epoch ${epoch}`;
    if (certificate.height !== header.height || certificate.digest !== headerDigest(encoded))
      return 'a certificate of another block';
    if (certificate.epoch !== epoch) return `a certificate of epoch ${certificate.epoch}`;
    return certificateProblem(certificate, this.#chainId, validators) ?? header;
  }
}

function isHash(hash: Uint8Array, set: ValidatorSet): boolean {
  return equalBytes(hash, digestBytes(validatorSetHash(set)));
}

function headerOf(encoded: Uint8Array): Header | string {
  try {
    return decodeHeader(encoded);
  } catch (error) {
    if (error instanceof DecodeError) return `a header: ${error.message}`;
    throw error;
  }
}
