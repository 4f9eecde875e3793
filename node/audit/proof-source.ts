// Where the parts of a proof come from: a node, or an archive. What it gives becomes part of a proof that is verified
// before anybody is shown it, so it can leave out or lie, and the verifier says so.
import { DecodeError } from '../ledger/codec.ts';
import { decodeHeader } from '../ledger/entry.ts';
import type { Anchor, Located } from './anchor.ts';
import { SourceError } from './source.ts';

/** A checkpointed log with what its state says of one account. */
export interface AnchoredState {
  readonly anchor: Anchor;
  readonly size: number;
  readonly height: number;
  /** ICS23. */
  readonly state: Uint8Array;
}

export interface BlockPlace {
  readonly headerIndex: number;
  readonly header: Uint8Array;
}

export interface ProofSource {
  /** The newest checkpointed state. Throws SourceError or SourceUnreachableError, like all of these. */
  state(account: string): Promise<AnchoredState>;
  entry(index: number): Promise<Uint8Array>;
  /** Of an entry in the log of `size` entries, which `state` gave. */
  path(index: number, size: number): Promise<readonly Uint8Array[]>;
  /** Heights from 1. */
  block(height: number): Promise<BlockPlace>;
}

export async function locate(source: ProofSource, index: number, size: number): Promise<Located> {
  return { index, entry: await source.entry(index), path: await source.path(index, size) };
}

export function epochOf(header: Uint8Array): number {
  return decodedFrom(() => decodeHeader(header)).epoch;
}

/** What a source gives in no accepted form it might as well not have given. */
export function decodedFrom<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DecodeError) throw new SourceError(error.message);
    throw error;
  }
}
