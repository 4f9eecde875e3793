// Makes a validator's next keys beside those that it has. The node takes them up by itself at the height at which the
// consortium puts them in force; until then the present ones sign.
import { randomBytes } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { equalBytes, fromHex } from '../../node/ledger/hash.ts';
import { deriveSeed, publicKeyOf, seedBytes } from '../../node/ledger/signature.ts';
import { nextKeyFile, readValidatorKey, writeValidatorKey } from '../../node/validator-key.ts';
import { CliError } from '../exit-codes.ts';
import { syncFolder } from '../files.ts';
import { type CommonOptions, Session } from '../session.ts';
import { validatorOf, validatorPaths, writePublicFile } from '../validator-folder.ts';

interface Options extends CommonOptions {
  readonly member: string;
  readonly finish?: boolean;
}

export async function run(options: Options, id: string): Promise<void> {
  const session = new Session(options);
  const { ledger, paths, output } = session;
  const files = validatorPaths(paths.validators, id);
  const next = nextKeyFile(files.key);
  if (!existsSync(files.key))
    throw new CliError('usage', `there is no ${files.key}`, 'Run this in the home of the node.');
  if (options.finish === true) return finish(session, files.key, next);
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
async function finish(session: Session, file: string, next: string): Promise<void> {
  if (!existsSync(next))
    throw new CliError('usage', `there is no ${next}`, 'Make the next keys first: daybook key rotate');
  await mustBeInForce(session, next);
  const former = `${file}.former-${Date.now()}`;
  renameSync(file, former);
  renameSync(next, file);
  syncFolder(dirname(file));
  session.output.data({ file, former }, () => `${file} holds the keys in force; the former ones are in ${former}.`);
}

/** A node that started with keys which are not in force could not vote. The sets are proved, each by the one before. */
async function mustBeInForce({ client }: Session, next: string): Promise<void> {
  await client.reachAll();
  const { seed } = readValidatorKey(next);
  const voteKey = publicKeyOf(deriveSeed(seed, 'vote'));
  const latest = client.trust.sets?.latest;
  if (latest?.validators.some((each) => equalBytes(each.voteKey, voteKey)) === true) return;
  throw new CliError(
    'usage',
    `the keys in ${next} are not in force, in epoch ${latest?.epoch} at least: nothing is changed`,
    'Wait until `daybook governance show PROPOSAL` says enacted, then run the same again.',
  );
}
