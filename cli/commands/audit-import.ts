// Adds an outside witness's cosignatures to a checkpoint or a receipt, so that a policy that asks for them is met.
import { importCosignatures } from '../../node/audit/cosignature-import.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { readPolicy } from '../audit.ts';
import { CliError } from '../exit-codes.ts';
import { readInput, writeFileDurably } from '../files.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly policy: string;
}

export async function run(options: Options, file: string, lines: string): Promise<void> {
  const { output } = new Session(options);
  const policy = readPolicy(options.policy);
  try {
    const { bytes, added } = importCosignatures(readInput(file), readInput(lines), policy);
    if (added.length > 0) writeFileDurably(file, bytes);
    output.data({ file, added }, () => `${added.length} cosignatures were added to ${file}`);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new CliError('verification', `${lines}: ${error.message}`, 'Nothing was changed.');
  }
}
