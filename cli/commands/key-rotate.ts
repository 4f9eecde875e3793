// Makes a validator's next keys beside those that it has. The node takes them up by itself at the height at which the
// consortium puts them in force; until then the present ones sign.
import { randomBytes } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '../../node/ledger/hash.ts';
import { seedBytes } from '../../node/ledger/signature.ts';
import { nextKeyFile, readValidatorKey, writeValidatorKey } from '../../node/validator-key.ts';
import { CliError } from '../exit-codes.ts';
import { type CommonOptions, Session } from '../session.ts';
import { validatorOf, validatorPaths, writePublicFile } from '../validator-folder.ts';

interface Options extends CommonOptions {
  readonly member: string;
  readonly finish?: boolean;
}

export async function run(options: Options, id: string): Promise<void> {
  const { ledger, paths, output } = new Session(options);
  const files = validatorPaths(paths.validators, id);
  const next = nextKeyFile(files.key);
  if (!existsSync(files.key))
    throw new CliError('usage', `there is no ${files.key}`, 'Run this in the home of the node.');
  if (options.finish === true) return finish(files.key, next, output.data.bind(output));
  if (existsSync(next))
    throw new CliError('usage', `${next} is there already`, 'Once it is in force: daybook key rotate --finish');
  const { member } = options;
  const key = { validator: readValidatorKey(files.key).validator, seed: new Uint8Array(randomBytes(seedBytes)) };
  writeValidatorKey(next, key);
  const publicFile = join(files.folder, `validator-${Date.now()}.json`);
  writePublicFile({ ...files, publicFile }, validatorOf(key, member, fromHex(ledger.chainId) ?? new Uint8Array(0)));
  output.data({ validator: id, publicFile }, () =>
    [
      `The next keys of ${id} are in ${next}. Nothing changes yet.`,
      `An officer proposes them: daybook governance propose rotate-validator-keys ${publicFile}`,
    ].join('\n'),
  );
}

/** The former keys stay, under another name: what they signed may be asked about. */
function finish(file: string, next: string, say: (data: unknown, text: () => string) => void): void {
  if (!existsSync(next))
    throw new CliError('usage', `there is no ${next}`, 'Make the next keys first: daybook key rotate');
  const former = `${file}.former-${Date.now()}`;
  renameSync(file, former);
  renameSync(next, file);
  say({ file, former }, () => `${file} holds the keys in force; the former ones are in ${former}.`);
}
