// An archive folder as a source: entries from the bundles, the last certificate, and the checks that belong to files
// alone (MANIFEST's sums, the layout's names). It reads and never writes.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DecodeError } from '../ledger/codec.ts';
import { toHex } from '../ledger/hash.ts';
import { noteBytesMax } from '../ledger/note.ts';
import {
  bundleBytesMax,
  bundlePath,
  checkpointsPath,
  decodeBundle,
  layoutPaths,
  parseCheckpointsPath,
  parseTilePath,
  tileWidth,
} from '../ledger/tile-layout.ts';
import type { DamagedFile, Rule } from './finding.ts';
import { comparePaths, manifestName, parseManifest } from './manifest.ts';
import {
  type Source,
  type SourceCheckpoints,
  SourceError,
  type SourceFiles,
  type SourceHead,
  SourceUnreachableError,
} from './source.ts';

export const genesisFile = 'genesis.json';
export const certificateFile = 'certificate';
export const checkpointFile = 'checkpoint';
export const policyFile = 'policy.txt';
export const keysFile = 'keys.txt';

const genesisBytesMax = 1_048_576;
const certificateBytesMax = 65_536;
const derivedBytesMax = 1_048_576;
/** 32 MiB of lines are about 300,000 files, 76 million entries. */
const manifestBytesMax = 33_554_432;

interface Manifest {
  readonly sums?: ReadonlyMap<string, string>;
  readonly problem?: string;
}

export class ArchiveSource implements Source {
  readonly files: SourceFiles;
  readonly checkpoints: SourceCheckpoints;
  readonly #folder: string;
  #listing: Promise<ReadonlyMap<string, boolean>> | undefined;
  #manifest: Promise<Manifest> | undefined;
  #heights: Promise<number> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    this.files = {
      inspect: (progress) => this.#inspect(progress),
      misfits: (height) => this.#misfits(height),
      tile: async (path, bytes) => {
        const found = await this.#read(path, bytes).catch(absent);
        return found?.length === bytes ? found : undefined;
      },
      derived: (path) => this.#read(path, derivedBytesMax).catch(absent),
    };
    this.checkpoints = {
      newest: () => this.#read(checkpointFile, noteBytesMax),
      page: (index) => this.#checkpoints(index),
      logKey: async () => {
        const keys = await this.#read(keysFile, derivedBytesMax).catch(absent);
        return keys && Buffer.from(keys).toString('latin1').split('\n', 1)[0];
      },
    };
  }

  async head(): Promise<SourceHead> {
    const logSize = await this.logSize();
    if (logSize === 0) throw new SourceError('no archive: it holds no entry');
    const certificate = logSize === 1 ? undefined : await this.#read(certificateFile, certificateBytesMax);
    return { logSize, certificate };
  }

  async *entries(from: number, to: number): AsyncGenerator<readonly Uint8Array[]> {
    const logSize = await this.logSize();
    for (let at = from; at < to; ) {
      const index = Math.floor(at / tileWidth);
      const first = index * tileWidth;
      const width = Math.min(tileWidth, logSize - first);
      if (width < 1) throw new SourceError(`the archive has no entry ${at}`);
      const path = bundlePath(index, width);
      const bytes = await this.#read(path, bundleBytesMax);
      try {
        yield decodeBundle(bytes, width).slice(at - first, to - first);
      } catch (error) {
        if (error instanceof DecodeError) throw new SourceError(`${path}: ${error.message}`);
        throw error;
      }
      at = first + width;
    }
  }

  async genesisText(): Promise<Uint8Array | undefined> {
    return this.#read(genesisFile, genesisBytesMax).catch(absent);
  }

  async #checkpoints(index: number): Promise<(Uint8Array | undefined)[]> {
    const count = await this.heights();
    const width = Math.min(tileWidth, count - index * tileWidth);
    if (width < 1) throw new SourceError(`the archive has no checkpoints of heights from ${index * tileWidth + 1} on`);
    const path = checkpointsPath(index, width);
    try {
      const notes = decodeBundle(await this.#read(path, bundleBytesMax), width);
      return notes.map((note) => (note.length === 0 ? undefined : note));
    } catch (error) {
      if (error instanceof DecodeError) throw new SourceError(`${path}: ${error.message}`);
      throw error;
    }
  }

  async #inspect(progress: (done: number, total: number) => void): Promise<readonly DamagedFile[]> {
    const listing = await this.#list();
    const damaged: DamagedFile[] = [];
    const add = (path: string, rule: Rule, detail: string) => damaged.push({ path, rule, detail });
    const { sums, problem } = await this.#sums();
    if (problem !== undefined && listing.has(manifestName)) add(manifestName, 'manifest', problem);
    const known = sums ?? listing;
    const wanted = wantedPaths(await this.logSize(), countOf(known, parseCheckpointsPath));
    for (const path of sums?.keys() ?? []) if (!listing.has(path)) add(path, 'file-missing', `${path} is missing`);
    for (const path of wanted)
      if (!listing.has(path) && sums?.has(path) !== true) add(path, 'file-missing', `${path} is missing`);
    let done = 0;
    for (const [path, regular] of listing) {
      progress(++done, listing.size);
      const sum = sums?.get(path);
      if (!regular) add(path, 'file-surplus', `${path} is no regular file`);
      else if (!wanted.has(path)) add(path, 'file-surplus', `${path} belongs to no archive of this log`);
      else if (sums === undefined || path === manifestName) continue;
      else if (sum === undefined) add(path, 'file-surplus', `${path} stands not in ${manifestName}`);
      else if ((await this.#sum(path)) !== sum)
        add(path, 'file-sum', `${path} has another sum than ${manifestName} gives`);
    }
    return damaged.sort((a, b) => comparePaths(a.path, b.path));
  }

  /** Else pages of any number and any bytes would pass, which no rule about a block ever looks at. */
  async #misfits(height: number): Promise<readonly DamagedFile[]> {
    const asked = new Set(checkpointPages(height));
    const held = new Set(checkpointPages(await this.heights()));
    const surplus = [...held].filter((path) => !asked.has(path));
    const missing = [...asked].filter((path) => !held.has(path));
    return [
      ...surplus.map((path) => {
        return { path, rule: 'file-surplus', detail: `${path} belongs to no log of ${height} blocks` } as const;
      }),
      ...missing.map((path) => ({ path, rule: 'file-missing', detail: `${path} is missing` }) as const),
    ];
  }

  /** As far as MANIFEST says; without a good MANIFEST as far as there are bundles. */
  async logSize(): Promise<number> {
    const { sums } = await this.#sums();
    return countOf(sums ?? (await this.#list()), parseBundlePath);
  }

  /** Whose checkpoints are there, counted like the entries. */
  heights(): Promise<number> {
    this.#heights ??= this.#sums().then(async ({ sums }) =>
      countOf(sums ?? (await this.#list()), parseCheckpointsPath),
    );
    return this.#heights;
  }

  #sums(): Promise<Manifest> {
    this.#manifest ??= this.#read(manifestName, manifestBytesMax).then(
      (bytes) => {
        try {
          return { sums: parseManifest(bytes) };
        } catch (error) {
          if (error instanceof DecodeError) return { problem: error.message };
          throw error;
        }
      },
      (error: unknown) => {
        if (error instanceof SourceError) return { problem: error.message };
        throw error;
      },
    );
    return this.#manifest;
  }

  /** Every path under the folder, ascending -> whether it is a regular file. Read once: the audit is of one moment. */
  #list(): Promise<ReadonlyMap<string, boolean>> {
    this.#listing ??= listFiles(this.#folder);
    return this.#listing;
  }

  /** The file's bytes; SourceError when it is missing or longer than `bytesMax`. */
  async #read(path: string, bytesMax: number): Promise<Uint8Array> {
    if ((await this.#list()).get(path) !== true) throw new SourceError(`${path} is missing`);
    const file = await open(join(this.#folder, path), 'r');
    try {
      const { size } = await file.stat();
      if (size > bytesMax) throw new SourceError(`${path} is over ${bytesMax} bytes`);
      const bytes = new Uint8Array(size);
      const { bytesRead } = await file.read(bytes, 0, size, 0);
      if (bytesRead !== size) throw new SourceError(`${path} ends early`);
      return bytes;
    } finally {
      await file.close();
    }
  }

  /** In chunks, because a surplus of bytes may be of any length. */
  async #sum(path: string): Promise<string> {
    const engine = createHash('sha256');
    for await (const chunk of createReadStream(join(this.#folder, path))) engine.update(chunk as Uint8Array);
    return toHex(engine.digest());
  }
}

/** For a file that is missing or too long. One that this user may not read says nothing of the archive: no verdict. */
function absent(error: unknown): undefined {
  if (!(error instanceof SourceError)) throw error;
  return undefined;
}

async function listFiles(folder: string): Promise<ReadonlyMap<string, boolean>> {
  const found: [string, boolean][] = [];
  const walk = async (under: string): Promise<void> => {
    for (const entry of await readdir(join(folder, under), { withFileTypes: true })) {
      const path = under === '' ? entry.name : `${under}/${entry.name}`;
      if (entry.isDirectory()) await walk(path);
      else found.push([path, entry.isFile()]);
    }
  };
  try {
    await walk('');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') throw error; // its path says more
    throw new SourceUnreachableError(`cannot read the archive: ${error instanceof Error ? error.message : 'unknown'}`);
  }
  return new Map(found.sort(([a], [b]) => comparePaths(a, b)));
}

/**
 * As far as bundles follow one another from the first. A name far beyond them is a stranger: a log of its size would
 * ask for more files than there are.
 */
function countOf(files: ReadonlyMap<string, unknown>, parse: typeof parseCheckpointsPath): number {
  const widths = new Map<number, number>();
  for (const path of files.keys()) {
    const parsed = parse(path);
    if (parsed !== undefined) widths.set(parsed.index, Math.max(parsed.width, widths.get(parsed.index) ?? 0));
  }
  let index = 0;
  while (widths.get(index) === tileWidth) index++;
  return index * tileWidth + (widths.get(index) ?? 0);
}

function parseBundlePath(path: string): { index: number; width: number } | undefined {
  const parsed = parseTilePath(path);
  return parsed?.level === 'entries' ? parsed : undefined;
}

function wantedPaths(logSize: number, heights: number): Set<string> {
  const files = [manifestName, genesisFile, policyFile, keysFile];
  if (logSize > 1) files.push(certificateFile, checkpointFile);
  return new Set<string>([...files, ...layoutPaths(logSize), ...checkpointPages(heights)]);
}

function checkpointPages(heights: number): string[] {
  return Array.from({ length: Math.ceil(heights / tileWidth) }, (_, index) =>
    checkpointsPath(index, Math.min(tileWidth, heights - index * tileWidth)),
  );
}
