// A receipt shows, to whoever holds the genesis document, that a quorum of validators sealed an outcome: the entry is
// in the log (inclusion path), the log is under a header, the header has a commit certificate. No node is believed
// here.
import { type CommitCertificate, certificateProblem } from '../node/ledger/certificate.ts';
import { DecodeError } from '../node/ledger/codec.ts';
import { decodeEntry, decodeHeader, type Entry, headerDigest } from '../node/ledger/entry.ts';
import { type Digest, digestBytes, digestOf, equalBytes, leafHash } from '../node/ledger/hash.ts';
import type { Header } from '../node/ledger/header.ts';
import { verifyInclusion } from '../node/ledger/merkle.ts';
import type { SetChain } from '../node/ledger/set-chain.ts';
import { type ValidatorSet, validatorSetHash } from '../node/ledger/validators.ts';
import type { Receipt } from './api-types.ts';

/** What a client knows by itself: the chain's name, who may seal its first blocks, and the sets that followed. */
export interface Trust {
  readonly chainId: Digest;
  readonly validators: ValidatorSet;
  /** As far as they were learnt. */
  readonly sets?: SetChain;
}

/** Something that a node said does not verify. */
export class VerificationError extends Error {
  override name = 'VerificationError';
}

/** A block of an epoch that this client has not walked to yet. */
export class UnknownEpochError extends VerificationError {
  override name = 'UnknownEpochError';
  readonly epoch: number;
  constructor(epoch: number) {
    super(`a block of epoch ${epoch}, whose validators are not known here`);
    this.epoch = epoch;
  }
}

export interface VerifiedEntry {
  readonly entry: Entry;
  readonly header: Header;
}

/** Throws VerificationError. */
export function verifyReceipt(receipt: Receipt, trust: Trust): VerifiedEntry {
  const header = verifyHeader(receipt.header, receipt.certificate, trust);
  const leaf = leafHash(receipt.entry);
  if (!verifyInclusion(leaf, receipt.index, header.logSize, receipt.path, header.logRoot))
    throw new VerificationError('the entry is not in the log that the header seals');
  return { entry: decoded(() => decodeEntry(receipt.entry)), header };
}

/** What was verified under a validator set: its hash, and headers by digest, so that each is checked once. */
interface Verified {
  readonly setHash: Digest;
  readonly headers: Map<Digest, Header>;
}

const verifiedHeadersMax = 1_024;
const verifiedUnder = new WeakMap<ValidatorSet, Verified>();

/** A header under a commit certificate of the validators of its height. */
export function verifyHeader(bytes: Uint8Array, certificate: CommitCertificate, trust: Trust): Header {
  const digest = headerDigest(bytes);
  const validators = setOf(certificate.epoch, certificate.height, trust);
  const known = verifiedOf(validators);
  const header = known.headers.get(digest) ?? decoded(() => decodeHeader(bytes));
  const chainId = digestBytes(trust.chainId);
  if (!equalBytes(header.chainId, chainId)) throw new VerificationError('the header is of another chain');
  if (certificate.height !== header.height || certificate.epoch !== header.epoch)
    throw new VerificationError('the certificate is of another height or epoch than the header');
  if (certificate.digest !== digest) throw new VerificationError('the certificate is of another header');
  if (known.headers.has(digest)) return header;
  if (digestOf(header.validatorSetHash) !== known.setHash)
    throw new VerificationError(`block ${header.height} names another validator set than that of its epoch`);
  const problem = certificateProblem(certificate, chainId, validators);
  if (problem !== undefined) throw new VerificationError(`the commit certificate: ${problem}`);
  if (known.headers.size >= verifiedHeadersMax) known.headers.clear();
  known.headers.set(digest, header);
  return header;
}

function setOf(epoch: number, height: number, { validators, sets }: Trust): ValidatorSet {
  const found = sets === undefined && epoch === 0 ? { epoch: 0, validators } : sets?.epoch(epoch);
  if (found === undefined) throw new UnknownEpochError(epoch);
  // An epoch that has ended certifies nothing more.
  if (sets !== undefined && sets.at(height)?.epoch !== epoch)
    throw new VerificationError(`block ${height} is not of epoch ${epoch}`);
  return found.validators;
}

function verifiedOf(validators: ValidatorSet): Verified {
  let known = verifiedUnder.get(validators);
  if (known === undefined) {
    known = { setHash: validatorSetHash(validators), headers: new Map() };
    verifiedUnder.set(validators, known);
  }
  return known;
}

function decoded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DecodeError) throw new VerificationError(error.message);
    throw error;
  }
}
