// An archive as a source of proofs. It holds no state: the events of the whole log make it again, once.
import { type Genesis, GenesisError, readGenesisEntry } from '../../genesis/genesis.ts';
import type { SetLink } from '../ledger/set-chain.ts';
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
    this.#tiles = new TileReader(size, (path, bytes) => source.files.tile(path, bytes));
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
    let rebuilt: RebuiltState | undefined;
    for await (const run of this.#source.entries(0, this.#size))
      for (const entry of run) {
        if (rebuilt === undefined) {
          rebuilt = new RebuiltState(genesisIn(entry));
          continue;
        }
        const problem = rebuilt.push(entry);
        if (problem !== undefined) throw new SourceError(`block ${rebuilt.height + 1} of the archive: ${problem}`);
      }
    if (rebuilt === undefined) throw new SourceError('the archive has no entry');
    return rebuilt;
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
