// Adds an outside witness's cosignatures to a checkpoint, a receipt or an archive, so that a policy that asks for them
// is met.
import { join } from 'node:path';
import { checkpointFile } from '../../node/audit/archive-source.ts';
import { importCosignatures } from '../../node/audit/cosignature-import.ts';
import { formatManifest, manifestName, parseManifest } from '../../node/audit/manifest.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { sha256, toHex } from '../../node/ledger/hash.ts';
import { isFolder } from '../checkpoints.ts';
import { CliError } from '../exit-codes.ts';
import { readInput, writeFileDurably } from '../files.ts';
import { plural } from '../format.ts';
import { policyOf } from '../policy.ts';
import { type CommonOptions, Session } from '../session.ts';

export async function run(options: CommonOptions, file: string, lines: string): Promise<void> {
  const { output, paths } = new Session(options);
  const policy = policyOf(paths, options.policy, undefined);
  if (policy === undefined)
    throw new CliError(
      'usage',
      'it is not said who the witnesses are',
      'Add --policy FILE, or put policy.txt into home.',
    );
  const target = isFolder(file) ? join(file, checkpointFile) : file;
  try {
    const { bytes, added } = importCosignatures(readInput(target), readInput(lines), policy);
    if (added.length > 0) {
      const manifest = isFolder(file) ? manifestWith(file, bytes) : undefined;
      writeFileDurably(target, bytes);
      if (manifest !== undefined) writeFileDurably(join(file, manifestName), manifest);
    }
    output.data({ file: target, added }, () => `${plural(added.length, 'cosignature')} added to ${target}`);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new CliError('verification', `${lines}: ${error.message}`, 'Nothing was changed.');
  }
}

/** Of an archive whose checkpoint is whole: a damaged one is not made to look whole. */
function manifestWith(folder: string, checkpoint: Uint8Array): Uint8Array {
  const sums = parseManifest(readInput(join(folder, manifestName)));
  if (sums.get(checkpointFile) !== toHex(sha256(readInput(join(folder, checkpointFile)))))
    throw new DecodeError(`the checkpoint of ${folder} has another sum than ${manifestName} gives`);
  sums.set(checkpointFile, toHex(sha256(checkpoint)));
  return formatManifest([...sums].map(([path, sum]) => ({ path, sum })));
}
