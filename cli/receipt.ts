// A receipt shows, to whoever holds the genesis document, that a quorum of validators sealed an outcome: the entry is
// in the log (inclusion path), the log is under a header, the header has a commit certificate. No node is believed
// here.
import { type CommitCertificate, certificateProblem } from '../node/ledger/certificate.ts';
import { DecodeError } from '../node/ledger/codec.ts';
import { decodeEntry, decodeHeader, type Entry, headerDigest } from '../node/ledger/entry.ts';
import { type Digest, digestBytes, digestOf, equalBytes, leafHash } from '../node/ledger/hash.ts';
import type { Header } from '../node/ledger/header.ts';
import { verifyInclusion } from '../node/ledger/merkle.ts';
import { type ValidatorSet, validatorSetHash } from '../node/ledger/validators.ts';
import type { Receipt } from './api-types.ts';

/** What a client knows by itself: the chain's name and who may seal its blocks. */
export interface Trust {
  readonly chainId: Digest;
  readonly validators: ValidatorSet;
}

/** Something that a node said does not verify. */
export class VerificationError extends Error {
  override name = 'VerificationError';
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

/** A header under a commit certificate of the genesis validators. A later set cannot be judged with genesis alone. */
export function verifyHeader(bytes: Uint8Array, certificate: CommitCertificate, trust: Trust): Header {
  const known = verifiedOf(trust.validators);
  const digest = headerDigest(bytes);
  const header = known.headers.get(digest) ?? decoded(() => decodeHeader(bytes));
  const chainId = digestBytes(trust.chainId);
  if (!equalBytes(header.chainId, chainId)) throw new VerificationError('the header is of another chain');
  if (certificate.height !== header.height || certificate.epoch !== header.epoch)
    throw new VerificationError('the certificate is of another height or epoch than the header');
  if (certificate.digest !== digest) throw new VerificationError('the certificate is of another header');
  if (known.headers.has(digest)) return header;
  if (digestOf(header.validatorSetHash) !== known.setHash)
    throw new VerificationError(`block ${header.height} is of another validator set than that of genesis`);
  const problem = certificateProblem(certificate, chainId, trust.validators);
  if (problem !== undefined) throw new VerificationError(`the commit certificate: ${problem}`);
  if (known.headers.size >= verifiedHeadersMax) known.headers.clear();
  known.headers.set(digest, header);
  return header;
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
