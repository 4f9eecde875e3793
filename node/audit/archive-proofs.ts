// An archive as a source of proofs. It holds no state: the events of the whole log make it again, once.
import { type Genesis, GenesisError, readGenesisEntry } from '../../genesis/genesis.ts';
import { type CommitCertificate, certificateSchema } from '../ledger/certificate.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeAs } from '../ledger/schema.ts';
import type { CertifiedHeader, SetLink } from '../ledger/set-chain.ts';
import type { ArchiveSource } from './archive-source.ts';
import type { AnchoredState, BlockPlace, ProofSource } from './proof-source.ts';
import { RebuiltState } from './replay.ts';
import { SourceError } from './source.ts';
import { TileReader } from './tile-reader.ts';

export class ArchiveProofs implements ProofSource {
  readonly #source: ArchiveSource;
  readonly #tiles: TileReader;
  readonly #size: number;
  #state: Promise<RebuiltState> | undefined;

  private constructor(source: ArchiveSource, size: number) {
    this.#source = source;
    this.#size = size;
    this.#tiles = tilesOf(source, size);
  }

  static async open(source: ArchiveSource): Promise<ArchiveProofs> {
    const { logSize } = await source.head();
    if (logSize < 2) throw new SourceError('the archive has no block, so nothing is checkpointed');
    return new ArchiveProofs(source, logSize);
  }

  async state(account: string): Promise<AnchoredState> {
    const checkpoint = await this.#source.checkpoints.newest();
    if (checkpoint === undefined || checkpoint.length === 0) throw new SourceError('the archive has no checkpoint');
    const rebuilt = await this.#rebuilt();
    const size = this.#size;
    const [header, headerPath] = [await this.entry(size - 1), await this.path(size - 1, size)];
    const anchor = { setChanges: rebuilt.setChanges, checkpoint, header, headerPath };
    return { anchor, size, height: rebuilt.height, state: rebuilt.prove(account) };
  }

  async entry(index: number): Promise<Uint8Array> {
    for await (const [entry] of this.#source.entries(index, index + 1)) if (entry !== undefined) return entry;
    throw new SourceError(`the archive has no entry ${index}`);
  }

  path(index: number, size: number): Promise<readonly Uint8Array[]> {
    return this.#tiles.inclusion(index, size);
  }

  async setChanges(): Promise<readonly SetLink[]> {
    return (await this.#rebuilt()).setChanges;
  }

  /** The last block, where its certificate can be read. That it is one is for who uses it to say. */
  async last(): Promise<CertifiedHeader | undefined> {
    const { certificate: encoded } = await this.#source.head();
    const header = (await this.#rebuilt()).blocks.at(-1)?.header;
    const certificate = encoded && certificateIn(encoded);
    return header && certificate && { header, certificate };
  }

  get size(): number {
    return this.#size;
  }

  get tiles(): TileReader {
    return this.#tiles;
  }

  async block(height: number): Promise<BlockPlace> {
    const block = (await this.#rebuilt()).blocks[height - 1];
    if (block === undefined) throw new SourceError(`the archive has no block ${height}`);
    return block;
  }

  #rebuilt(): Promise<RebuiltState> {
    this.#state ??= this.#rebuild();
    return this.#state;
  }

  async #rebuild(): Promise<RebuiltState> {
    const { rebuilt, problem } = await rebuildFrom(this.#source, this.#size);
    if (rebuilt === undefined || problem !== undefined) throw new SourceError(problem ?? 'the archive has no entry');
    return rebuilt;
  }
}

/** Of a log of `size` entries. */
export function tilesOf(source: ArchiveSource, size: number): TileReader {
  return new TileReader(size, (path, bytes) => source.files.tile(path, bytes));
}

export interface RebuiltArchive {
  /** After the last block before the problem; absent where not even genesis can be read. */
  readonly rebuilt: RebuiltState | undefined;
  readonly problem?: string;
}

/** The state after as many blocks of a log of `size` entries as the archive gives, and why it is not after them all. */
export async function rebuildFrom(source: ArchiveSource, size: number): Promise<RebuiltArchive> {
  let rebuilt: RebuiltState | undefined;
  try {
    for await (const run of source.entries(0, size))
      for (const entry of run) {
        if (rebuilt === undefined) {
          rebuilt = new RebuiltState(genesisIn(entry));
          continue;
        }
        const problem = rebuilt.push(entry);
        if (problem !== undefined)
          return { rebuilt, problem: `block ${rebuilt.height + 1} of the archive: ${problem}` };
      }
    return { rebuilt };
  } catch (error) {
    if (error instanceof SourceError) return { rebuilt, problem: error.message };
    throw error;
  }
}

export function certificateIn(encoded: Uint8Array): CommitCertificate | undefined {
  try {
    return decodeAs(certificateSchema, encoded);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function genesisIn(entry: Uint8Array): Genesis {
  try {
    return readGenesisEntry(entry);
  } catch (error) {
    if (error instanceof GenesisError) throw new SourceError(`entry 0 of the archive: ${error.message}`);
    throw error;
  }
}
