// Makes a user's key, or a validator's before there is a genesis to make its store from.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { fromHex, toHex } from '../../node/ledger/hash.ts';
import { identifier } from '../../node/ledger/identifiers.ts';
import { seedBytes } from '../../node/ledger/signature.ts';
import { writeValidatorKey } from '../../node/validator-key.ts';
import { CliError } from '../exit-codes.ts';
import { shownPath } from '../home.ts';
import { createKey } from '../keystore.ts';
import { type CommonOptions, Session } from '../session.ts';
import { refuseHalf, validatorOf, validatorPaths, writePublicFile } from '../validator-folder.ts';

interface Options extends CommonOptions {
  readonly member: string;
  readonly validator?: boolean;
  readonly nonce?: string;
}

export async function run(options: Options, name: string): Promise<void> {
  const session = new Session(options);
  const member = identifier.read(options.member);
  if (options.validator === true) return newValidatorKey(session, name, member, options.nonce);
  const { paths, output } = session;
  const { publicKey } = createKey(paths.keys, member, name, await session.unlocked());
  output.data({ member, user: name, publicKey: toHex(publicKey) }, () =>
    [`key ${name} of ${member}: ${toHex(publicKey)}`, `It is in ${paths.keys}, under your passphrase.`].join('\n'),
  );
}

function newValidatorKey({ paths, output }: Session, id: string, member: string, nonceText: string | undefined): void {
  const nonce = nonceText === undefined ? undefined : fromHex(nonceText);
  if (nonce?.length !== 32)
    throw new CliError('usage', '--nonce must be the 64 hex digits of the genesis to be', 'Ask who writes the plan.');
  const files = validatorPaths(paths.validators, id);
  refuseHalf(files);
  if (existsSync(files.pendingKey))
    throw new CliError('usage', `${files.pendingKey} is there already`, 'A key is never written over.');
  const key = { validator: id, seed: new Uint8Array(randomBytes(seedBytes)) };
  mkdirSync(files.folder, { recursive: true, mode: 0o700 });
  writeValidatorKey(files.pendingKey, key);
  writePublicFile(files, validatorOf(key, member, nonce));
  output.data({ validator: id, member, publicFile: files.publicFile }, () =>
    [
      `${files.publicFile} is for whoever makes the genesis document.`,
      `With genesis.json in ${paths.folder}, make the store: daybook node init ${id} --home ${shownPath(paths.folder)}`,
    ].join('\n'),
  );
}
