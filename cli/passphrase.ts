// Where a passphrase comes from: the environment, a file, a devnet's own, or a prompt; never from the command line,
// which other users of the machine can see.
import { CliError } from './exit-codes.ts';
import { readInput } from './files.ts';
import type { HomeSettings } from './home.ts';
import type { Output } from './output.ts';

export interface PassphraseSource {
  readonly options: { readonly passphraseFile?: string };
  readonly settings: HomeSettings;
  readonly output: Output;
}

export async function findPassphrase(source: PassphraseSource): Promise<string> {
  const { passphraseFile } = source.options;
  if (passphraseFile !== undefined)
    return readInput(passphraseFile)
      .toString('utf8')
      .replace(/\r?\n$/, '');
  const given = process.env['DAYBOOK_PASSPHRASE'];
  if (given !== undefined && given !== '') return given;
  if (source.settings.demoPassphrase !== undefined) return source.settings.demoPassphrase;
  if (!source.output.isTerminal)
    throw new CliError(
      'notAuthorised',
      'the keys are under a passphrase, and there is no terminal to ask for it',
      'Set DAYBOOK_PASSPHRASE or give --passphrase-file FILE.',
    );
  const { isCancel, password } = await import('@clack/prompts');
  const answer = await password({ message: 'Passphrase', output: process.stderr });
  if (isCancel(answer)) throw new CliError('cancelled', 'cancelled', 'Nothing was signed.');
  return answer;
}

/**
 * Shows what would be signed and asks. `--yes` answers it; without a terminal nothing is asked: a devnet's keys sign,
 * others do not.
 */
export async function confirm(
  source: {
    readonly options: { readonly yes?: boolean };
    readonly output: Output;
    readonly settings: { readonly demoPassphrase?: string };
  },
  what: string,
): Promise<void> {
  if (source.options.yes === true) return;
  // Demo keys are worth nothing, and scripts that try things should not need a word more than people do.
  if (!source.output.isTerminal && source.settings.demoPassphrase !== undefined) return;
  if (!source.output.isTerminal)
    throw new CliError('cancelled', `this needs a confirmation: ${what}`, 'Add --yes where nobody can be asked.');
  const prompts = await import('@clack/prompts');
  const answer = await prompts.confirm({ message: what, initialValue: false, output: process.stderr });
  if (answer !== true) throw new CliError('cancelled', 'cancelled', 'Nothing was signed.');
}
