// Writes an archive: a folder in C2SP tlog-tiles layout with checkpoints, keys and policy, genesis.json, the last
// block's certificate and MANIFEST. What the source gives is written as it is; verify judges.

import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { chainIdOf, type Genesis, GenesisError, genesisEntry, readGenesisEntry } from '../../genesis/genesis.ts';
import { formatGenesis } from '../../genesis/genesis-text.ts';
import { certificateSchema } from '../ledger/certificate.ts';
import type { LogName } from '../ledger/checkpoint.ts';
import { DecodeError } from '../ledger/codec.ts';
import { leafHash, sha256, toHex } from '../ledger/hash.ts';
import { decodeAs } from '../ledger/schema.ts';
import type { KnownSet } from '../ledger/set-chain.ts';
import { bundlePath, checkpointsPath, encodeBundle, tilePath, tileWidth } from '../ledger/tile-layout.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import { parseVerifierKey, type VerifierKey } from '../ledger/verifier-key.ts';
import { certificateFile, checkpointFile, genesisFile, keysFile, policyFile } from './archive-source.ts';
import type { Progress } from './finding.ts';
import { Frontier } from './frontier.ts';
import { formatManifest, type ManifestLine, manifestName } from './manifest.ts';
import { keyList, validatorPolicy } from './policy.ts';
import { setsIn } from './set-walk.ts';
import { checkpointsPerPage, type Source, SourceError } from './source.ts';
import { type Tile, TileBuilder } from './tiles.ts';

/** The folder cannot take an archive. Says what to do next. */
export class ArchiveError extends Error {
  override name = 'ArchiveError';
}

export interface ExportOptions {
  readonly onProgress?: (progress: Progress) => void;
}

export interface ExportSummary {
  readonly entries: number;
  readonly files: number;
}

/** The folder appears whole or not at all: it is written beside its place and then renamed. */
export async function exportArchive(
  source: Source,
  folder: string,
  options: ExportOptions = {},
): Promise<ExportSummary> {
  const target = resolve(folder);
  if ((await readdir(target).catch(absent)).length > 0)
    throw new ArchiveError(`${folder} is not empty; name a folder that is, or a new one`);
  await mkdir(dirname(target), { recursive: true });
  const draft = await mkdtemp(`${target}.partial-`);
  try {
    const summary = await writeArchive(source, new ArchiveWriter(draft), options);
    await rename(draft, target);
    return summary;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

function absent(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw new ArchiveError(`cannot export there: ${error.message}`);
}

async function writeArchive(source: Source, writer: ArchiveWriter, options: ExportOptions): Promise<ExportSummary> {
  const { logSize, certificate } = await source.head();
  const tiles: Tile[] = [];
  const builder = new TileBuilder((tile) => tiles.push(tile));
  const tree = new Frontier(builder.node);
  let genesis: Genesis | undefined;
  let bundle: Uint8Array[] = [];
  const sets: KnownSet[] = [];
  const flush = async () => {
    if (bundle.length > 0) {
      await writer.write(bundlePath(Math.floor((tree.size - 1) / tileWidth), bundle.length), encodeBundle(bundle));
      bundle = [];
    }
    for (const { level, index, hashes } of tiles.splice(0))
      await writer.write(tilePath(level, index, hashes.length / 32), hashes);
    options.onProgress?.({ stage: 'export', done: tree.size, total: logSize });
  };
  for await (const run of source.entries(0, logSize)) {
    sets.push(...setsIn(run));
    for (const entry of run) {
      genesis ??= genesisOf(entry);
      tree.append(leafHash(entry));
      bundle.push(entry);
      if (bundle.length === tileWidth) await flush();
    }
  }
  builder.finish();
  await flush();
  if (genesis === undefined) throw new SourceError('the source has no entry');
  await writer.write(genesisFile, new TextEncoder().encode(formatGenesis(genesis)));
  if (certificate !== undefined) await writer.write(certificateFile, certificate);
  const log = { ledger: genesis.name, chainId: chainIdOf(genesisEntry(genesis)) };
  // keys.txt and policy.txt are for the last block, which the set before may have certified.
  await writeCheckpoints(source, writer, { log, validators: setAtEnd(sets, genesis, certificate) }, certificate);
  return { entries: logSize, files: await writer.finish() };
}

function setAtEnd(sets: readonly KnownSet[], { validators }: Genesis, certificate?: Uint8Array): ValidatorSet {
  const height = certificate === undefined ? 0 : heightOf(certificate);
  return sets.findLast(({ from }) => from <= height)?.validators ?? validators;
}

/** What cosigners said, and whose word counts. */
async function writeCheckpoints(
  { checkpoints }: Source,
  writer: ArchiveWriter,
  { log, validators }: { readonly log: LogName; readonly validators: ValidatorSet },
  certificate: Uint8Array | undefined,
): Promise<void> {
  const newest = await checkpoints?.newest();
  const logKey = logKeyOf(await checkpoints?.logKey());
  if (newest !== undefined) await writer.write(checkpointFile, newest);
  await writer.write(keysFile, Buffer.from(keyList(log, validators, logKey), 'latin1'));
  await writer.write(policyFile, Buffer.from(validatorPolicy(log, validators, logKey), 'latin1'));
  const height = checkpoints === undefined || certificate === undefined ? 0 : heightOf(certificate);
  for (let index = 0; index * checkpointsPerPage < height; index++) {
    const width = Math.min(checkpointsPerPage, height - index * checkpointsPerPage);
    const page = (await checkpoints?.page(index)) ?? [];
    const notes = Array.from({ length: width }, (_, i) => page[i] ?? new Uint8Array(0));
    await writer.write(checkpointsPath(index, width), encodeBundle(notes));
  }
}

function heightOf(certificate: Uint8Array): number {
  return decodedBy('the last certificate', () => decodeAs(certificateSchema, certificate).height);
}

function logKeyOf(text: string | undefined): VerifierKey | undefined {
  return text === undefined ? undefined : decodedBy('the log key', () => parseVerifierKey(text.trim()));
}

function decodedBy<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DecodeError) throw new SourceError(`${what}: ${error.message}`);
    throw error;
  }
}

function genesisOf(entry: Uint8Array): Genesis {
  try {
    return readGenesisEntry(entry);
  } catch (error) {
    if (error instanceof GenesisError) throw new SourceError(`entry 0: ${error.message}`);
    throw error;
  }
}

class ArchiveWriter {
  readonly #folder: string;
  readonly #lines: ManifestLine[] = [];
  readonly #made = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const file = join(this.#folder, path);
    const parent = dirname(file);
    if (!this.#made.has(parent)) {
      await mkdir(parent, { recursive: true });
      this.#made.add(parent);
    }
    await writeFile(file, bytes, { flag: 'wx' });
    this.#lines.push({ path, sum: toHex(sha256(bytes)) });
  }

  /** Writes MANIFEST and gives the number of files. */
  async finish(): Promise<number> {
    await writeFile(join(this.#folder, manifestName), formatManifest(this.#lines), { flag: 'wx', flush: true });
    return this.#lines.length + 1;
  }
}
