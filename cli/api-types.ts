// What a node's API answers, read strictly: a node may lie, and an answer of another shape is no answer. Nothing here
// is believed yet; receipt.ts and follow.ts check what matters.
import { type CommitCertificate, certificateSchema } from '../node/ledger/certificate.ts';
import { DecodeError } from '../node/ledger/codec.ts';
import { type Digest, digestBytes, parseDigest } from '../node/ledger/hash.ts';
import { decodeAs } from '../node/ledger/schema.ts';
import { isObject, type JsonObject } from './files.ts';
import { hasUnseen, oneLine } from './printable.ts';

/** A node answered something that is not what it should answer. Another node may do better. */
export class BadAnswerError extends Error {
  override name = 'BadAnswerError';
}

export interface Receipt {
  readonly entry: Uint8Array;
  readonly index: number;
  readonly path: readonly Uint8Array[];
  readonly header: Uint8Array;
  readonly certificate: CommitCertificate;
}

/**
 * A final outcome of a transaction, or of one line (then `batch` is the id of the transaction that carried it). What a
 * node says of the lines of a batch is not read: no receipt holds it (batch-lines.ts has the lines from the log).
 */
export interface Outcome {
  readonly id: Digest | undefined;
  readonly batch: Digest | undefined;
  readonly outcome: string;
  readonly height: number;
  readonly index: number;
  readonly receipt: Receipt;
}

export interface ApiBlock {
  readonly height: number;
  readonly digest: Digest;
  readonly firstIndex: number;
  readonly headerIndex: number;
  readonly header: Uint8Array;
  readonly certificate: CommitCertificate;
}

export interface ApiAccount {
  readonly account: string;
  readonly branch: string;
  readonly currency: string;
  readonly balance: string;
  readonly overdraftLimit: string;
}

export interface BulkResult {
  readonly status: 'admitted' | 'waiting' | 'final' | 'refused';
  readonly code: string | undefined;
  readonly detail: string | undefined;
}

export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : fail('not an object');
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : fail('not a list');
}

/** No text of the ledger has characters that cannot be seen: such a one was made for a terminal. */
export function textOf(value: unknown): string {
  if (typeof value !== 'string') return fail('not text');
  return hasUnseen(value) ? fail('text with control characters') : value;
}

export function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : fail('not a count');
}

export function bytesOf(value: unknown): Uint8Array {
  return new Uint8Array(Buffer.from(textOf(value), 'base64'));
}

export function readDigest(value: unknown): Digest {
  return parseDigest(textOf(value)) ?? fail('not a hash in hex');
}

function certificateOf(value: unknown): CommitCertificate {
  try {
    return decodeAs(certificateSchema, bytesOf(value));
  } catch (error) {
    if (error instanceof DecodeError) fail(`certificate: ${error.message}`);
    throw error;
  }
}

function fail(message: string): never {
  throw new BadAnswerError(message);
}

export function readOutcome(value: unknown): Outcome {
  const { id, batch, outcome, height, index, receipt } = objectOf(value);
  const { entry, index: at, path, header, certificate } = objectOf(receipt);
  return {
    id: id === undefined ? undefined : readDigest(id),
    batch: batch === undefined ? undefined : readDigest(batch),
    outcome: textOf(outcome),
    height: countOf(height),
    index: countOf(index),
    receipt: {
      entry: bytesOf(entry),
      index: countOf(at),
      path: listOf(path).map((hash) => digestBytes(readDigest(hash))),
      header: bytesOf(header),
      certificate: certificateOf(certificate),
    },
  };
}

export function readBlock(value: unknown): ApiBlock {
  const { height, digest, firstIndex, headerIndex, header, certificate } = objectOf(value);
  return {
    height: countOf(height),
    digest: readDigest(digest),
    firstIndex: countOf(firstIndex),
    headerIndex: countOf(headerIndex),
    header: bytesOf(header),
    certificate: certificateOf(certificate),
  };
}

export function readAccount(value: unknown): ApiAccount {
  const { account, branch, currency, balance, overdraftLimit } = objectOf(value);
  return {
    account: textOf(account),
    branch: textOf(branch),
    currency: textOf(currency),
    balance: textOf(balance),
    overdraftLimit: textOf(overdraftLimit),
  };
}

const bulkStatuses = ['admitted', 'waiting', 'final', 'refused'] as const;

export function readBulkResult(value: unknown): BulkResult {
  const { status, code, detail } = objectOf(value);
  return {
    status: bulkStatuses.find((known) => known === status) ?? fail('no status of a transaction'),
    code: typeof code === 'string' ? oneLine(code) : undefined,
    detail: typeof detail === 'string' ? oneLine(detail) : undefined,
  };
}
