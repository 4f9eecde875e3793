// Where an audit's bytes come from. A source gives entries and one certificate, and nothing it gives is believed: it
// can leave out or lie, and the checks find it.

import { chainIdOf, type Genesis, readGenesisEntry } from '../../genesis/genesis.ts';
import { type CommitCertificate, certificateSchema } from '../ledger/certificate.ts';
import type { LogName } from '../ledger/checkpoint.ts';
import { checkpointNote, type StableCheckpoint } from '../ledger/cosignature.ts';
import { encodeAs } from '../ledger/schema.ts';
import type { KnownSet } from '../ledger/set-chain.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import type { DamagedFile } from './finding.ts';
import { setsIn } from './set-walk.ts';

export interface SourceHead {
  /** Entries that the source says it has, the last header included. */
  readonly logSize: number;
  /** Canonical certificate of the last block; absent at height 0. */
  readonly certificate: Uint8Array | undefined;
}

/** Heights of one page of archived checkpoints. */
export const checkpointsPerPage = 256;

/** What cosigners say of the log, beside it. */
export interface SourceCheckpoints {
  /** The one of the whole log, as a signed note. */
  newest(): Promise<Uint8Array | undefined>;
  /** Of heights 256 * index + 1 and on, each a signed note where there is one. */
  page(index: number): Promise<readonly (Uint8Array | undefined)[]>;
  /** Verifier key of the newest one's own line, where the source gives one. */
  logKey(): Promise<string | undefined>;
}

export interface Source {
  /** Asked once: what is appended later is not part of the audit. */
  head(): Promise<SourceHead>;
  /** Entries from `from` (inclusive) to `to` (exclusive), all of them or a SourceError, in runs of bounded bytes. */
  entries(from: number, to: number): AsyncIterable<readonly Uint8Array[]>;
  /** The genesis document as text, where the source has one beside entry 0. */
  genesisText?(): Promise<Uint8Array | undefined>;
  /** Without it no checkpoint is judged. */
  readonly checkpoints?: SourceCheckpoints;
  readonly files?: SourceFiles;
}

/** What an archive has beside the log: sums, and tiles that can be derived from the entries. */
export interface SourceFiles {
  /** Checks every file against MANIFEST and the layout. */
  inspect(progress: (done: number, total: number) => void): Promise<readonly DamagedFile[]>;
  /** Pages of checkpoints that a log of so many blocks, once it was read, does not ask for, or lacks. */
  misfits(height: number): Promise<readonly DamagedFile[]>;
  /** A tile's bytes, undefined where the file is missing or of another length. */
  tile(path: string, bytes: number): Promise<Uint8Array | undefined>;
  /** A file that follows from the log; undefined where it is missing. */
  derived(path: string): Promise<Uint8Array | undefined>;
}

/** The source gives less than it says, or bytes of no accepted form. It becomes a finding. */
export class SourceError extends Error {
  override name = 'SourceError';
}

/** Nobody answers, or not to us: no verdict is possible, and none is given. */
export class SourceUnreachableError extends Error {
  override name = 'SourceUnreachableError';
  /** Whether the source answered that we may not read. */
  readonly unauthorised: boolean;
  constructor(message: string, unauthorised = false) {
    super(message);
    this.unauthorised = unauthorised;
  }
}

const runLength = 256;

/** As much of a node's store as an audit reads. */
export interface LogReader {
  head(): { readonly height: number; readonly logSize: number };
  entries(from: number, to: number): readonly Uint8Array[];
  certificate(height: number): CommitCertificate | undefined;
  checkpoint(height: number): StableCheckpoint | undefined;
  lastCheckpoint(): StableCheckpoint | undefined;
}

/** A store of this process. Its checkpoints are judged if its last block has one. */
export class StoreSource implements Source {
  readonly #store: LogReader;
  readonly checkpoints?: SourceCheckpoints;

  constructor(store: LogReader) {
    this.#store = store;
    const last = store.lastCheckpoint();
    if (last?.size === store.head().logSize) this.checkpoints = new StoreCheckpoints(store, last);
  }

  async head(): Promise<SourceHead> {
    const { height, logSize } = this.#store.head();
    const certificate = this.#store.certificate(height);
    return {
      logSize,
      certificate: certificate === undefined ? undefined : encodeAs(certificateSchema, certificate),
    };
  }

  async *entries(from: number, to: number): AsyncGenerator<readonly Uint8Array[]> {
    for (let at = from; at < to; ) {
      const run = this.#store.entries(at, Math.min(at + runLength, to));
      if (run.length === 0) throw new SourceError(`the store has no entry ${at}`);
      yield run;
      at += run.length;
    }
  }
}

class StoreCheckpoints implements SourceCheckpoints {
  readonly #store: LogReader;
  readonly #last: StableCheckpoint;
  readonly #genesis: Genesis;
  readonly #log: LogName;
  #sets: KnownSet[] | undefined;

  constructor(store: LogReader, last: StableCheckpoint) {
    const [entry = new Uint8Array(0)] = store.entries(0, 1);
    this.#store = store;
    this.#last = last;
    this.#genesis = readGenesisEntry(entry);
    this.#log = { ledger: this.#genesis.name, chainId: chainIdOf(entry) };
  }

  async newest(): Promise<Uint8Array | undefined> {
    return this.#note(this.#last);
  }

  async page(index: number): Promise<(Uint8Array | undefined)[]> {
    const first = index * checkpointsPerPage + 1;
    const count = Math.min(checkpointsPerPage, this.#last.height - first + 1);
    return Array.from({ length: Math.max(0, count) }, (_, i) => {
      const checkpoint = this.#store.checkpoint(first + i);
      return checkpoint && this.#note(checkpoint);
    });
  }

  async logKey(): Promise<undefined> {
    return undefined;
  }

  /** A checkpoint names validators by their numbers in the set of its height. */
  #setAt(height: number): ValidatorSet {
    this.#sets ??= this.#allSets();
    return this.#sets.findLast(({ from }) => from <= height)?.validators ?? this.#genesis.validators;
  }

  #allSets(): KnownSet[] {
    const sets: KnownSet[] = [];
    const { logSize } = this.#store.head();
    for (let at = 0; at < logSize; at += runLength)
      sets.push(...setsIn(this.#store.entries(at, Math.min(at + runLength, logSize))));
    return sets;
  }

  #note(checkpoint: StableCheckpoint): Uint8Array {
    return checkpointNote(this.#log, checkpoint, this.#setAt(checkpoint.height));
  }
}
