// Whether a block from a stranger continues our log: its certificate, its header's place, and the root over every
// entry. All of it is settled before anything runs; whether executing the entries agrees is settled by executing them.
import { certificateProblem } from '../ledger/certificate.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeEntry, decodeHeader, headerDigest } from '../ledger/entry.ts';
import { type Digest, digestBytes, equalBytes, leafHash } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { blockEntriesMax } from '../ledger/limits.ts';
import { Frontier } from '../ledger/merkle.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import type { Head } from '../store/store.ts';
import type { StoredBlock } from './sync-messages.ts';

/** What of a head a next block must fit. */
export type LogEnd = Pick<Head, 'height' | 'digest' | 'logSize' | 'peaks'>;

export interface CheckedBlock extends StoredBlock {
  readonly header: Header;
  readonly digest: Digest;
  /** Where the log ends after this block. */
  readonly end: LogEnd;
}

/** The block with what was learnt of it, or what is wrong with it. */
export function checkFetchedBlock(
  { entries, certificate }: StoredBlock,
  head: LogEnd,
  validators: ValidatorSet,
  chainId: Uint8Array,
): CheckedBlock | string {
  const encodedHeader = entries.at(-1);
  if (encodedHeader === undefined) return 'no entries';
  if (entries.length > blockEntriesMax + 1) return `${entries.length} entries`;
  const digest = headerDigest(encodedHeader);
  if (certificate.height !== head.height + 1) return `height ${certificate.height} after ${head.height}`;
  if (certificate.digest !== digest) return 'the certificate is for another header';
  const header = headerOf(encodedHeader);
  if (typeof header === 'string') return header;
  const problem =
    placeProblem(header, head, certificate.epoch, entries.length - 1, chainId) ??
    certificateProblem(certificate, chainId, validators);
  if (problem !== undefined) return problem;

  const frontier = Frontier.fromHashes(head.logSize, head.peaks);
  for (const entry of entries.slice(0, -1)) {
    const inner = innerEntryProblem(entry);
    if (inner !== undefined) return inner;
    frontier.append(leafHash(entry));
  }
  if (!equalBytes(frontier.root(), header.logRoot)) return 'the entries do not give the root of the header';
  frontier.append(digestBytes(digest));
  const end = { height: header.height, digest, logSize: frontier.size, peaks: frontier.toHashes() };
  return { entries, certificate, header, digest, end };
}

function headerOf(encoded: Uint8Array): Header | string {
  try {
    return decodeHeader(encoded);
  } catch (error) {
    if (error instanceof DecodeError) return `the header: ${error.message}`;
    throw error;
  }
}

function placeProblem(
  header: Header,
  head: LogEnd,
  epoch: number,
  entries: number,
  chainId: Uint8Array,
): string | undefined {
  if (!equalBytes(header.chainId, chainId)) return 'a block of another chain';
  if (header.height !== head.height + 1) return `a header of height ${header.height} after ${head.height}`;
  if (header.epoch !== epoch) return `a certificate of epoch ${epoch} for a header of epoch ${header.epoch}`;
  if (!equalBytes(header.parent, digestBytes(head.digest))) return 'another parent';
  if (header.logSize !== head.logSize + entries)
    return `a log of ${header.logSize} after ${head.logSize} and ${entries}`;
  return undefined;
}

function innerEntryProblem(encoded: Uint8Array): string | undefined {
  try {
    const { kind } = decodeEntry(encoded);
    return kind === 0 || kind === 3 ? `an entry of kind ${kind} inside a block` : undefined;
  } catch (error) {
    if (error instanceof DecodeError) return `an entry: ${error.message}`;
    throw error;
  }
}
