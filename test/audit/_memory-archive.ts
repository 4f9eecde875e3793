// An archive's files held in memory, read as ArchiveSource reads them, under a MANIFEST that always agrees: whoever
// changes a file on purpose changes its sum as well. What is found here is found by what the bytes say.
import type { DamagedFile } from '../../node/audit/finding.ts';
import type { Source, SourceCheckpoints, SourceFiles, SourceHead } from '../../node/audit/source.ts';
import { SourceError } from '../../node/audit/source.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { decodeBundle } from '../../node/ledger/tile-layout.ts';

export class MemoryArchive implements Source {
  /** By path within the archive. Change one to see it found. */
  readonly bytes: Map<string, Uint8Array>;
  readonly #width: number;
  readonly files: SourceFiles = {
    inspect: async (): Promise<readonly DamagedFile[]> => [],
    misfits: async () => [],
    tile: async (path, length) => {
      const found = this.bytes.get(path);
      return found?.length === length ? found : undefined;
    },
    derived: async (path) => this.bytes.get(path),
  };
  readonly checkpoints: SourceCheckpoints = {
    newest: async () => this.bytes.get('checkpoint'),
    page: async () => this.#bundle('checkpoints/', 1).map((note) => (note.length === 0 ? undefined : note)),
    logKey: async () =>
      Buffer.from(this.bytes.get('keys.txt') ?? [])
        .toString('latin1')
        .split('\n', 1)[0],
  };

  /** Of one block, whose entries, header included, are `width`. */
  constructor(bytes: Map<string, Uint8Array>, width: number) {
    this.bytes = bytes;
    this.#width = width;
  }

  async head(): Promise<SourceHead> {
    return { logSize: this.#width, certificate: this.bytes.get('certificate') };
  }

  async *entries(from: number, to: number): AsyncGenerator<readonly Uint8Array[]> {
    yield this.#bundle('tile/entries/', this.#width).slice(from, to);
  }

  async genesisText(): Promise<Uint8Array | undefined> {
    return this.bytes.get('genesis.json');
  }

  #bundle(start: string, width: number): readonly Uint8Array[] {
    const [, bytes = new Uint8Array(0)] = [...this.bytes].find(([path]) => path.startsWith(start)) ?? [];
    try {
      return decodeBundle(bytes, width);
    } catch (error) {
      if (error instanceof DecodeError) throw new SourceError(error.message);
      throw error;
    }
  }
}
